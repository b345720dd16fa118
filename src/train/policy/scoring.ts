/** What a run with rewards needs next to the rows. */
import { GraftError } from '../../errors.ts';
import type { Rewards } from '../../scorers/rewards/reward.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';

export interface Scoring {
  /** Decodes answers, and knows which ids end them. */
  readonly tokenizer: Pick<Tokenizer, 'decode' | 'streamDecoder' | 'eosIds'>;
  /** Opened and closed by the caller. */
  readonly rewards: Pick<Rewards, 'names' | 'shown' | 'score' | 'needsAnswer'>;
}

/** Whether an error ended a step because its answers got no scores: the trained values are unchanged. */
export function isScoringFailure(error: unknown): boolean {
  return error instanceof GraftError && error.code.startsWith('reward-');
}
