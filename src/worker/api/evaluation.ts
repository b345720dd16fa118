/** Evaluations. */
import type { Comparison, Draw, FewShotAnswers } from '../../evaluate/comparison.ts';
import type { AdapterChoice } from './adapters.ts';
import type { OnProgress, Outcome } from './outcome.ts';
import type { Origin } from './results.ts';

export type { Draw, EvaluationRow, LossReport, RuleReport, Seen, Share } from '../../evaluate/comparison.ts';

export interface Evaluation extends Comparison {
  readonly origin: Origin;
}

export interface FewShotReport extends FewShotAnswers {
  readonly origin: Origin;
  /** As of an {@link Evaluation}. */
  readonly draw?: Draw;
  /** Of the longest question with its examples. */
  readonly promptTokens: number;
  /** For the answers alone. */
  readonly seconds: number;
}

/** Base against tuned on held-out rows. */
export interface EvaluationApi {
  /**
   * Base against an adapter on held-out rows: answers to `rows` rows of the test part, drawn by the seed of the split (a larger number
   * holds the rows of a smaller one), and the loss over all of it. With `base` for the adapter, the base alone, as both. What the base
   * answered is kept for the next call.
   */
  evaluate(
    adapter: AdapterChoice,
    rows: number,
    onProgress?: OnProgress,
  ): Promise<Outcome<{ readonly evaluation: Evaluation }>>;
  /** The base model on the rows that `evaluate` draws, with `shots` examples of training before each, chosen by the seed of the split. */
  measureFewShot(
    shots: number,
    rows: number,
    onProgress?: OnProgress,
  ): Promise<Outcome<{ readonly report: FewShotReport }>>;
  /** Ends an evaluation early: it fails with `worker-aborted`. */
  stopEvaluation(): Promise<void>;
}
