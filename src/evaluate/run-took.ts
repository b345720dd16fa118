/** The resources that a run took. */
import { median } from '../averages.ts';

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
