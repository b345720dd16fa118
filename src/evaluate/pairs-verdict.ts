/** The verdict on pairs: how often something tuned gained more for the chosen answer than for the rejected one, beside the base model. */
import { LEVEL, oftenInWords, pInWords } from './chance.ts';
import type { Comparison } from './comparison.ts';
import { preferredPairs, type PairLikelihoods } from './pair-order.ts';
import { compareScores } from './paired.ts';

type Pairs = NonNullable<Comparison['pairs']>;

export interface PairsSaid {
  readonly before: string;
  readonly number: string;
  readonly after: string;
  readonly winner: 'tuned' | 'untuned' | undefined;
  readonly how: string;
}

/** Whether the chosen answer gained more log-probability than the rejected one, pair by pair. */
export const gainedPairs = ({ base, tuned }: Pairs): boolean[] => preferredPairs(tuned, base);

const likelier = (pairs: readonly PairLikelihoods[]): number => preferredPairs(pairs).filter(Boolean).length;

/** @param adapter as it is named in a sentence */
export function pairsSaid(adapter: string, pairs: Pairs): PairsSaid {
  const gains = (answer: 'chosen' | 'rejected'): number[] =>
    pairs.tuned.map((tuned, at) => tuned[answer].logp - pairs.base[at][answer].logp);
  // Where both gain the same, as with an adapter that learned nothing, a pair says nothing.
  const { first, second, p } = compareScores(gains('chosen'), gains('rejected'));
  const sure = p < LEVEL;
  const helps = first > second;
  const verdict = helps
    ? sure
      ? 'Tuning helped'
      : 'Tuning may have helped'
    : sure
      ? 'Tuning did not help'
      : 'No gain';
  return {
    before: `${verdict}: beside the base model, ${adapter} gains more for the chosen answer than for the rejected one in `,
    number: `${first} of ${pairs.tuned.length}`,
    after: ` pairs.${sure || !helps ? '' : ' That may be chance.'}`,
    winner: sure ? (helps ? 'tuned' : 'untuned') : undefined,
    how:
      `In ${second} it gains more for the rejected one; a gain is in log-probability over the answer. If tuning favoured neither answer, a split at least this uneven would come ${oftenInWords(p)} by chance (exact sign test, ${pInWords(p)}). ` +
      `By mean log-probability over its tokens, the chosen answer is the likelier one in ${likelier(pairs.tuned)} pairs to ${adapter}, in ${likelier(pairs.base)} to the base model. ` +
      'Which of two answers it prefers does not say how good its own are: read them.',
  };
}
