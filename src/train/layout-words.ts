/** How much of a run's rows repeats, and what it makes of that: for people. */
import { percent } from '../numbers.ts';
import type { Repeated, RunBuckets } from './buckets.ts';
import type { LayoutEvent } from './events.ts';

/** “71 % of the tokens of these rows repeat.” */
export const repeatedWords = ({ tokens, computed }: Repeated): string =>
  `${percent(1 - computed / tokens)} of the tokens of these rows repeat the start of others`;

/** One line on the layout of a run. */
export function layoutWords(
  event: Pick<LayoutEvent, 'tokens' | 'computed' | 'sharing' | 'difference'>,
): string {
  const repeated = repeatedWords(event);
  switch (event.sharing) {
    case 'shared':
      return `${repeated}, and are computed once.`;
    case 'dropout':
      return `${repeated}. They are computed in every row, since dropout is different in each; without dropout they are computed once.`;
    case 'differs':
      return `Warning: ${repeated}, but this device computes other numbers if they are computed once (they differ by ${event.difference!.toPrecision(2)} of the largest). All rows are computed in full.`;
  }
}

/** The same before a run, whose device has not been checked yet; undefined if little repeats. */
export function plannedWords({
  repeated,
  probes,
}: Pick<RunBuckets, 'repeated' | 'probes'>): string | undefined {
  return repeated && layoutWords({ ...repeated, sharing: probes?.gradients ? 'shared' : 'dropout' });
}
