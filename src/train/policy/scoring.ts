/** What a run that learns from rewards is given beside its rows. */
import { GraftError } from '../../errors.ts';
import type { Rewards } from '../../rewards/reward.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';

export interface Scoring {
  /** Makes texts of answers, and says which ids end them. */
  readonly tokenizer: Pick<Tokenizer, 'decode' | 'streamDecoder' | 'eosIds'>;
  /** Opened, and closed by whoever did. */
  readonly rewards: Pick<Rewards, 'names' | 'score' | 'needsAnswer'>;
}

/** Whether a step was given up because its answers got no scores: what is trained is as it was before. */
export function isScoringFailure(error: unknown): boolean {
  return error instanceof GraftError && error.code.startsWith('reward-');
}
