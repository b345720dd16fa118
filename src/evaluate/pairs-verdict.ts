/** The verdict on pairs: how often something tuned gained more for the chosen answer than for the rejected one, next to the base model. */
import { helpInWords, LEVEL, oftenInWords, pInWords } from './chance.ts';
import { preferredPairs, type PairLikelihoods } from './pair-order.ts';
import { compareScores } from './paired.ts';

/** The likelihoods of the same pairs. */
export interface Pairs {
  readonly base: readonly PairLikelihoods[];
  readonly tuned: readonly PairLikelihoods[];
}

interface PairsSaid {
  /** Whether tuning helped. */
  readonly claim: string;
  readonly helps: boolean;
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
  // Where everything becomes less likely, a longer answer falls further: that is no preference.
  const risen = gains('chosen').filter((gain) => gain > 0).length;
  const rises = 2 * risen > pairs.tuned.length;
  return {
    claim: helpInWords(helps, sure && (rises || !helps)),
    helps,
    before: `${adapter} moved from the base model towards the chosen answer, away from the rejected one, in `,
    number: `${first} of ${pairs.tuned.length}`,
    after: ` pairs.${!helps ? '' : !sure ? ' That may be chance.' : rises ? '' : ` The chosen answer itself became likelier in ${risen} only.`}`,
    winner: sure && (rises || !helps) ? (helps ? 'tuned' : 'untuned') : undefined,
    how:
      `It moved the other way in ${second}: what counts is which answer gained more log-probability, or lost less, over all its tokens. The chosen answer became likelier in ${risen}. If tuning favoured neither answer, a split at least this uneven would come ${oftenInWords(p)} by chance (exact sign test, ${pInWords(p)}). ` +
      `By mean log-probability over its tokens, the chosen answer is the likelier one in ${likelier(pairs.tuned)} pairs to ${adapter}, in ${likelier(pairs.base)} to the base model. ` +
      'Which of two answers it prefers does not say how good its own are: read them.',
  };
}
