/** Evaluations. */
import type { AdapterChoice } from './adapters.ts';
import type { OnProgress, Outcome } from './outcome.ts';
import type { Origin } from './results.ts';

export interface LossReport {
  readonly loss: number;
  readonly perplexity: number;
  readonly supervisedTokens: number;
  /** Missing for what was measured before it was kept: then all rows of the test part. */
  readonly rows?: number;
}

/** How the rows that were asked were drawn from the test part. */
export interface Draw {
  readonly seed: number;
  /** Rows of the test part that ask for something. */
  readonly of: number;
  /** Rows that came up and were passed over, since they leave no room for an answer. */
  readonly tooLong: number;
  /** Where answers are labels: how many labels were drawn, of how many, and how often the rarest and the most frequent one came up. */
  readonly labels?: {
    readonly drawn: number;
    readonly of: number;
    readonly least: number;
    readonly most: number;
  };
}

export interface EvaluationRow {
  readonly prompt: string;
  readonly expected: string;
  readonly base: string;
  readonly tuned: string;
}

/**
 * How many of the rows that were asked, and of all `of` of the test part, the adapter was trained on. Or why that is not known: it was
 * imported, it is from before the split was kept, or the rows that it was trained on are not here any more.
 */
export type Seen =
  { readonly asked: number; readonly test: number; readonly of: number } | 'imported' | 'before' | 'rows';

export interface Evaluation {
  readonly origin: Origin;
  /** Missing for what was measured before rows were drawn: then the first ones of the test part. */
  readonly draw?: Draw;
  /** Missing for the base model alone, and for what was measured before it was looked at. */
  readonly seen?: Seen;
  readonly rows: readonly EvaluationRow[];
  readonly base: LossReport;
  readonly tuned: LossReport;
  /** Exact matches of the rows with an expected answer, with their 95% intervals. */
  readonly exact: { readonly base: Share; readonly tuned: Share };
  /** What rules without a model would have answered to the same rows. */
  readonly rules: readonly RuleReport[];
}

/** `frequent`: always the most frequent answer of training. `nearest`: the answer of the training row that shares most words. */
export interface RuleReport {
  readonly rule: 'frequent' | 'nearest';
  readonly exact: Share;
  /** The most frequent answer, and its share of training. */
  readonly answer?: string;
  readonly share?: number;
  /** The answers of `nearest`, row by row; missing in results measured before they were kept. */
  readonly answers?: readonly string[];
}

/** The base model with examples of training before each question. */
export interface FewShotReport {
  readonly origin: Origin;
  /** As of an {@link Evaluation}. */
  readonly draw?: Draw;
  readonly shots: readonly { readonly prompt: string; readonly answer: string }[];
  readonly rows: readonly { readonly prompt: string; readonly expected: string; readonly answer: string }[];
  readonly exact: Share;
  /** Over the test part, like the base's; missing where a row is cut or does not fit with the examples. */
  readonly loss?: LossReport;
  /** Of the longest question with its examples. */
  readonly promptTokens: number;
  /** For the answers alone. */
  readonly seconds: number;
}

export interface Share {
  readonly count: number;
  readonly total: number;
  readonly interval: readonly [number, number];
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
