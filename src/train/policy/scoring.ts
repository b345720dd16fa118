/** Additional inputs of a run that learns from rewards. */
import { GraftError } from '../../errors.ts';
import type { Rewards } from '../../rewards/reward.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';

export interface Scoring {
  /** Makes texts of answers, and says which ids end them. */
  readonly tokenizer: Pick<Tokenizer, 'decode' | 'streamDecoder' | 'eosIds'>;
  /** Opened and closed by the caller. */
  readonly rewards: Pick<Rewards, 'names' | 'score' | 'needsAnswer'>;
}

/** Whether a step was given up because its answers got no scores: the trained values are unchanged. */
export function isScoringFailure(error: unknown): boolean {
  return error instanceof GraftError && error.code.startsWith('reward-');
}
