/**
 * A second ranking of the best chunks of a search: by the likelihood that a language model gives to the question when it has read the chunk
 * (Sachan et al. 2022, arXiv:2204.07496). The likelihoods come from the caller.
 */
import type { Ranked } from './ranking.ts';

/** The best chunks of a search that are ranked again, unless a person says otherwise. */
export const RERANKED = 20;

/** Stands after a passage in the prompt of a model with a chat template. */
export const ASKS_FOR_QUESTION = 'Write a question that the text above answers.';
/** Stands after a passage for a model without a chat template, before the question. */
export const BEFORE_QUESTION = '\n\nQuestion: ';

/** The mean log-probability of a token of the question, in nats; missing for a chunk that was not ranked again. */
export interface QuestionLikelihood {
  readonly likelihood?: number;
}
export type Reranked = Ranked & QuestionLikelihood;

/**
 * The first chunks by their likelihood, and then the others in the order of the search. Of equal ones the earlier first.
 *
 * @param ranking best first, with the scores of the search, which stay
 * @param likelihoods of the first chunks of the ranking, in its order
 */
export function rerank<Hit extends object>(
  ranking: readonly Hit[],
  likelihoods: readonly number[],
): (Hit & QuestionLikelihood)[] {
  const first = likelihoods.map((likelihood, at) => ({ ...ranking[at], likelihood }));
  return [...first.sort((a, b) => b.likelihood - a.likelihood), ...ranking.slice(likelihoods.length)];
}
