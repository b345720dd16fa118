/** Scorers that need the sandbox: rewards, tried out before a run learns from them, and metrics of kept answers. */
import type { Evaluation } from '../../evaluate/record.ts';
import type { ScorerChoice } from '../../scorers/chosen.ts';
import type { RewardSpec, ScorerSpec } from '../../scorers/scorer-spec.ts';
import type { Outcome } from './outcome.ts';

export type { RewardSpec } from '../../scorers/scorer-spec.ts';

/** A text with its scores. */
export interface TriedText {
  readonly text: string;
  readonly total: number;
  /** Before their weights, in the order of the rewards. */
  readonly parts: readonly number[];
  readonly shown: readonly number[];
  /** Why a reward failed, in the order of the rewards. */
  readonly problems?: readonly (string | undefined)[];
}

/** A row with a prompt. */
export interface TriedRow {
  readonly prompt: string;
  /** Its reference answer, scored as if a model had given it; missing for a row that is only a prompt. */
  readonly wanted?: TriedText;
  /** The text that a person typed. */
  readonly typed?: TriedText;
}

export interface Tried {
  readonly names: readonly string[];
  readonly weights: readonly number[];
  /** Names of the numbers that rewards show without counting them. */
  readonly shown: readonly string[];
  readonly rows: readonly TriedRow[];
}

export interface RewardsApi {
  /**
   * Scores the reference answers of the first training rows, and texts that were typed for them. Tokens are the open model's.
   *
   * @param typed a text for each of these rows; '' for none
   */
  tryRewards(
    specs: readonly RewardSpec[],
    typed: readonly string[],
  ): Promise<Outcome<{ readonly tried: Tried }>>;
  /** Opens a metric, whose code may be none. */
  checkMetric(spec: ScorerSpec): Promise<Outcome<object>>;
  /** The same record with the columns of these metrics, as far as the kept answers are enough. */
  addMetrics(
    record: Evaluation,
    choices: readonly ScorerChoice[],
  ): Promise<Outcome<{ readonly record: Evaluation }>>;
}
