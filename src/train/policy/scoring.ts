/** What a run that learns from rewards is given beside its rows. */
import type { Rewards } from '../../rewards/reward.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';

export interface Scoring {
  /** Makes texts of answers, and says which ids end them. */
  readonly tokenizer: Pick<Tokenizer, 'decode' | 'streamDecoder' | 'eosIds'>;
  /** Opened, and closed by whoever did. */
  readonly rewards: Pick<Rewards, 'names' | 'score'>;
}
