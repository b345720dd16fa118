/** The measurement of a base model and of an adapter on the same rows, in the form in which the page keeps it. */
import type { RewardSpec } from '../rewards/specs.ts';
import type { Forgetting } from './forgetting.ts';
import type { PairLikelihoods } from './pair-order.ts';

/** The loss of a model on rows that it was not trained on. */
export interface LossReport {
  /** Mean cross-entropy over the supervised tokens, in nats. */
  readonly loss: number;
  readonly perplexity: number;
  readonly supervisedTokens: number;
  /** Missing in results of earlier versions: then all rows of the test part. */
  readonly rows?: number;
  /** In a mixture the same for each of its tasks, by name. */
  readonly tasks?: Readonly<Record<string, LossReport>>;
}

/** How the rows that were asked were drawn from the test part. */
export interface Draw {
  readonly seed: number;
  /** Rows of the test part that have a question. */
  readonly of: number;
  /** All rows of the test part; missing in results of earlier versions. */
  readonly test?: number;
  /** How many rows were to be asked, where the measurement was stopped before all of them were. */
  readonly planned?: number;
  /** Drawn rows that were skipped, since they leave no room for an answer. */
  readonly tooLong: number;
  /** Where answers are labels: how many labels were drawn, of how many, and how often the rarest and the most frequent one came up. */
  readonly labels?: {
    readonly drawn: number;
    readonly of: number;
    readonly least: number;
    readonly most: number;
  };
}

/** Exact matches, with their 95% interval. */
export interface Share {
  readonly count: number;
  readonly total: number;
  readonly interval: readonly [number, number];
}

/** What one of several rewards gives the answers, row by row and before its weight. */
export interface EachReward {
  /** Among the others. */
  readonly name: string;
  readonly weight: number;
  /** The score from which an answer gets full marks. */
  readonly passMark: number;
  readonly base: readonly number[];
  readonly tuned: readonly number[];
}

export interface EvaluationRow {
  readonly prompt: string;
  readonly expected: string;
  readonly base: string;
  readonly tuned: string;
  /** Its task, in a mixture. */
  readonly task?: string;
}

/**
 * How many of the rows that were asked, and of all `of` of the test part, the adapter was trained on. Or why that is not known: it was
 * imported, it is from before the split was kept, the rows that it was trained on are not here any more, or it was given as a folder.
 */
export type Seen =
  | { readonly asked: number; readonly test: number; readonly of: number }
  | 'imported'
  | 'before'
  | 'rows'
  | 'folder';

/** The answers of a rule without a model. */
export interface RuleReport {
  /** The name of its method. */
  readonly rule: string;
  readonly exact: Share;
  /** Where it always gives the same answer: that answer, and its share of training. */
  readonly answer?: string;
  readonly share?: number;
  /** Row by row; missing where the answer is always the same, and in results measured before they were kept. */
  readonly answers?: readonly string[];
}

export interface Comparison {
  readonly origin: {
    /** Missing for the base model alone. */
    readonly adapter?: object;
  };
  /** Missing in results of earlier versions, which took the first rows of the test part. */
  readonly draw?: Draw;
  /** Missing for the base model alone, and in results of earlier versions. */
  readonly seen?: Seen;
  readonly rows: readonly EvaluationRow[];
  /** The losses of the base model and of the adapter on the same rows; missing where the measurement was stopped before. */
  readonly base?: LossReport;
  readonly tuned?: LossReport;
  /** The adapter reads a text with new tokens, divided into other rows: the losses are not of the same passages. */
  readonly otherText?: true;
  /** The same on general text; measured where that was asked for, and where the rows are text that asks for nothing. */
  readonly general?: { readonly base: LossReport; readonly tuned: LossReport };
  /** What the adapter forgot; where that was measured. */
  readonly forgetting?: Pick<Forgetting, 'before' | 'after' | 'prompts'>;
  readonly exact: { readonly base: Share; readonly tuned: Share };
  /** What rewards give the answers, row by row, where the adapter learned from rewards or some were chosen. */
  readonly rewards?: {
    readonly base: readonly number[];
    readonly tuned: readonly number[];
    /** The sum from which an answer passes; missing in measurements of earlier versions. */
    readonly passMark?: number;
    /** The rewards that were chosen for this measurement; missing where they are those of the adapter's run. */
    readonly chosen?: readonly RewardSpec[];
    /** Before the weights, reward by reward; missing in measurements of earlier versions. */
    readonly each?: readonly EachReward[];
  };
  /** How likely both answers of each pair are to the base model and to the adapter, where the rows are pairs. */
  readonly pairs?: { readonly base: readonly PairLikelihoods[]; readonly tuned: readonly PairLikelihoods[] };
  /** The answers of rules without a model to the same rows. */
  readonly rules: readonly RuleReport[];
  /** Parts of the measurement that failed, and why. They take no other part with them. */
  readonly failed?: readonly FailedPart[];
}

export interface FailedPart {
  /** At the beginning of a sentence. */
  readonly name: string;
  readonly reason: string;
}

/** The base model with examples of training before each question. */
export interface FewShotAnswers {
  readonly shots: readonly { readonly prompt: string; readonly answer: string }[];
  readonly rows: readonly { readonly prompt: string; readonly expected: string; readonly answer: string }[];
  readonly exact: Share;
  /** Missing where a row is cut or does not fit with the examples, and where the measurement was stopped before. */
  readonly loss?: LossReport;
  /** What rewards give the answers, row by row, where the adapter beside it learned from rewards or some were chosen. */
  readonly rewards?: readonly number[];
  /** As in a {@link Comparison}. */
  readonly chosen?: readonly RewardSpec[];
}
