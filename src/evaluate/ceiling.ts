/** What the best method without tuning leaves to gain, in a sentence before training. */
import { capital } from '../capital.ts';
import { plural } from '../numbers.ts';
import { LEVEL } from './chance.ts';
import type { ComparedMethod } from './compared.ts';
import { mcnemar } from './paired.ts';

/** From this share of right answers on, a method is worth a word before training. */
const GOOD = 0.5;

/**
 * @param methods measured on the same rows, the cheapest first
 * @returns undefined if an adapter could be shown to be better on these rows, or if no method is good
 */
export function ceilingWords(
  methods: readonly Pick<ComparedMethod, 'doing' | 'exact'>[],
): string | undefined {
  const [best] = [...methods].sort((a, b) => b.exact.count - a.exact.count);
  if (!best || best.exact.total === 0) return undefined;
  const { count, total } = best.exact;
  // An adapter that is right everywhere wins the rows that the method misses, and loses none.
  if (count < GOOD * total || mcnemar(total - count, 0) < LEVEL) return undefined;
  const got = `${capital(best.doing)} already gets ${count} of ${total}`;
  return count === total
    ? `${got}: tuning cannot show a gain on these rows.`
    : `${got}: even an adapter without a mistake could win the other ${plural(total - count, 'row')} by chance.`;
}
