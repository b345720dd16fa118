/** The resources that a run took. */
import { median } from '../averages.ts';
import { threeDigits } from '../numbers.ts';

/** A number that was not measured is missing. */
export interface RunTook {
  /** Parameters that are kept. */
  readonly parameters?: number;
  /** Memory at its peak. */
  readonly peakBytes?: number;
  /** The median over its steps. */
  readonly secondsPerStep?: number;
}

/** The median time of a step; undefined without steps. */
export function medianSeconds(steps: readonly { readonly seconds: number }[]): number | undefined {
  return steps.length === 0 ? undefined : median(steps.map(({ seconds }) => seconds));
}

/** The same in words, for a run that is read by itself; '' without steps. */
export function stepTimeInWords(steps: readonly { readonly seconds: number }[]): string {
  const seconds = medianSeconds(steps);
  return seconds === undefined ? '' : `${threeDigits(seconds)} s a step (median)`;
}
