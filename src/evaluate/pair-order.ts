/**
 * Which answer of a pair a model prefers: the reward accuracy that training reports, pair by pair. A reward is how much likelier an answer is than to
 * the reference policy, or without a reference the mean log-probability over the answer's tokens; beta is positive, so it changes no order.
 */
import { objectiveOf } from '../objectives/registry.ts';

/** The log-probability of an answer, summed over its tokens, and their number. */
interface AnswerLikelihood {
  readonly logp: number;
  readonly tokens: number;
}
export interface PairLikelihoods {
  readonly chosen: AnswerLikelihood;
  readonly rejected: AnswerLikelihood;
}

/** A run's objective and its reference, as far as they decide how its pairs are compared. */
interface PairSettings {
  readonly objective?: string;
  readonly reference?: 'base' | 'start';
  /** Whether the run starts from an adapter. */
  readonly starts: boolean;
}

/** The reference policy of a run over pairs or labels; undefined if its objective has none. @throws Error as `objectiveOf` */
export function referenceOf({
  objective,
  starts,
  reference = starts ? 'start' : 'base',
}: PairSettings): 'base' | 'start' | undefined {
  return objectiveOf(objective).reference ? reference : undefined;
}

/** Whether an objective learns which answers are better. @throws Error as `objectiveOf` */
export const learnsPreference = (objective: string | undefined): boolean =>
  ['pairs', 'unpaired'].includes(objectiveOf(objective).rows);

/**
 * Whether the chosen answer has the higher reward, pair by pair.
 *
 * @param reference of the same pairs; without it, means over tokens are compared
 */
export function preferredPairs(
  policy: readonly PairLikelihoods[],
  reference?: readonly PairLikelihoods[],
): boolean[] {
  return policy.map(({ chosen, rejected }, at) => {
    const base = reference?.[at];
    return base
      ? chosen.logp - base.chosen.logp > rejected.logp - base.rejected.logp
      : chosen.logp / chosen.tokens > rejected.logp / rejected.tokens;
  });
}
