/** Why a run cannot even be planned, and what would make it smaller. */
import { GraftError } from '../errors.ts';
import type { MemoryAdvice } from './api.ts';

export class TooLarge extends GraftError {
  constructor(
    { code, what, remedy }: GraftError,
    readonly advice: readonly MemoryAdvice[],
  ) {
    super(code, what, remedy);
  }
}
