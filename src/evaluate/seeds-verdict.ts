/** What the seeds of one recipe say against the best method without tuning, in words. */
import { mean, standardDeviation } from '../averages.ts';
import { plural } from '../numbers.ts';
import { helpInWords, LEVEL, oftenInWords, pInWords } from './chance.ts';
import { groupsInWords } from './clusters.ts';
import type { ComparedMethod } from './compared.ts';
import type { SeedGroup, SeedsAgainst } from './seeds.ts';

interface SeedsSaid {
  readonly claim: string;
  readonly helps: boolean;
  readonly before: string;
  readonly number: string;
  readonly after: string;
  readonly winner: 'tuned' | 'untuned' | undefined;
  readonly how: string;
}

/** A mean of counts of rows. */
const oneDigit = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1));

/**
 * By exactly right answers: the mean over the seeds, its spread, and the paired test of the mean.
 *
 * @param what the rows are: “held-out rows”
 */
export function seedsSaid(
  { label, members }: SeedGroup,
  { ahead, behind, p }: SeedsAgainst,
  best: Pick<ComparedMethod, 'exact' | 'doing' | 'noun'>,
  what: string,
): SeedsSaid {
  const [{ record }] = members;
  const rows = record.items.length;
  const counts = members.map(({ exact }) => exact.count);
  const by = mean(counts);
  const without = best.exact.count;
  const gains = by > without;
  const isSure = p < LEVEL && by !== without;
  const chance = isSure || by === without ? '' : ' The difference may be chance.';
  return {
    claim: helpInWords(gains, isSure),
    helps: gains,
    before: `“${label}” gets `,
    number: `${oneDigit(by)} of ${rows}`,
    after: ` ${what} exactly right on average, ${Math.min(...counts)} to ${Math.max(...counts)} by seed. The best without tuning, ${best.doing}, gets ${without}.${chance}`,
    winner: isSure ? (gains ? 'tuned' : 'untuned') : undefined,
    how:
      `On the same ${plural(rows, 'row')}, the mean of the seeds is higher than ${best.noun} on ${ahead} and lower on ${behind}. ` +
      `If both were equally good, a mean difference at least this large would come ${oftenInWords(p)} by chance (exact sign-flip test over ${groupsInWords(record) ?? 'rows'}, ${pInWords(p)}). ` +
      `The standard deviation over the seeds is ${oneDigit(standardDeviation(counts))} rows.`,
  };
}

/** Where a score is no mean of rows: which of the seeds is compared. */
export const medianInWords = ({ label, members }: SeedGroup): string =>
  `This is the median of the ${plural(members.length, 'seed')} of “${label}”.`;
