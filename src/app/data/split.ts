/** Why options cannot cut or split the rows, found before the rows are read again. */
import type { DataOptions } from '../../worker/api.ts';

/** @returns '' if they can */
export function splitFault(
  { maxLength, validation, test, seed }: DataOptions,
  maxPositions: number | undefined,
): string {
  if (!Number.isInteger(maxLength) || maxLength < 2)
    return 'The maximum length must be a whole number of tokens, at least 2.';
  if (maxPositions !== undefined && maxLength > maxPositions)
    return `The model takes rows of at most ${maxPositions} tokens.`;
  if (!(validation >= 0 && test >= 0 && validation + test < 1))
    return 'Validation and test together must leave rows for training.';
  if (!Number.isSafeInteger(seed) || seed < 0)
    return `The seed must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}.`;
  return '';
}
