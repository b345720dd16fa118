/** Runs that are drawn under the current one, with different dashes and with their names at the end of the line. */
import type { StepPoint } from '../../worker/api.ts';

export interface Ghost {
  readonly name: string;
  readonly points: readonly StepPoint[];
}

/** Lengths of line and gap, in pixels. */
export const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [8, 3, 2, 3]];
