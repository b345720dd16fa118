/** The records that an import skipped, one line for each reason. */
import type { ImportReport } from '../../worker/api.ts';

type Skipped = ImportReport['skipped'][number];

export function byReason(skipped: readonly Skipped[]): Skipped[] {
  const reasons = new Map<string, string[]>();
  for (const { what, why } of skipped) reasons.set(why, [...(reasons.get(why) ?? []), what]);
  return [...reasons].map(([why, [first, ...others]]) => ({
    what: others.length > 0 ? `${first} and ${others.length} more` : first,
    why,
  }));
}
