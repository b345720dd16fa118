/** Evaluations. */
import type { PlacedFinding } from '../../data/findings/open-rows.ts';
import type { ExampleChoice } from '../../evaluate/methods/method.ts';
import type { ChoiceSource, Evaluation, ModelTurn } from '../../evaluate/record.ts';
import type { LossOf } from '../../evaluate/loss-part.ts';
import type { TokenLosses } from '../../evaluate/token-losses.ts';
import type { RunTook } from '../../evaluate/run-took.ts';
import type { SearchMethod } from '../../retrieval/ranking.ts';
import type { ScorerChoice } from '../../scorers/chosen.ts';
import type { RewardSpec } from '../../scorers/scorer-spec.ts';
import type { AdapterChoice } from './adapters.ts';
import type { ModelRef } from './models.ts';
import type { OnProgress, Outcome } from './outcome.ts';

export type {
  AdapterRef,
  ChoiceSource,
  Draw,
  Evaluation,
  LossReport,
  Made,
  Seen,
  Share,
} from '../../evaluate/record.ts';

export type { ScorerChoice } from '../../scorers/chosen.ts';
export type { LossOf } from '../../evaluate/loss-part.ts';
export type {
  LikelyToken as NextToken,
  OfBoth,
  TokenLoss,
  TokenLosses,
} from '../../evaluate/token-losses.ts';

/** The rows to measure. */
export interface Sample {
  /** Rows of the test part, drawn by the seed of the split: a larger number holds the rows of a smaller one. */
  readonly rows: number;
  /** `asked` by default. */
  readonly lossOf?: LossOf;
  /** Rewards that score the answers; those that the adapter learned from if left out. */
  readonly rewards?: readonly RewardSpec[];
  /** Scorers whose columns are wanted in addition to the usual ones. */
  readonly scorers?: readonly ScorerChoice[];
  /** What answers are chosen from by likelihood; they are written if it is left out. */
  readonly choices?: ChoiceSource;
  /** How the base model is prompted, as methods of their own; without it only rules, the base model and adapters are measured. */
  readonly prompting?: Prompting;
  /** Documents whose passages stand before the questions, as methods of their own: the base model with them, and each adapter. */
  readonly documents?: AskedDocuments;
  /** Whether what adapters forgot is measured as well. */
  readonly forgetting?: true;
  /** Answers alone: no loss and no pairs. */
  readonly answersOnly?: true;
  /** One of the drawn rows alone, by its place in the order, counted from 0 and from the start again after the last. */
  readonly only?: number;
}

/** The documents of a project, how they are searched, and the Jinja template that writes a prompt of their passages. */
export interface AskedDocuments {
  readonly projectId: string;
  readonly method: SearchMethod;
  /** Passages before each question at most. */
  readonly top: number;
  /** How many of the best passages the open model ranks again; none if left out. */
  readonly rerank?: number;
  readonly template: string;
}

/** What stands before each question, and how examples of training are chosen. */
export interface Prompting {
  /** The task in a sentence. */
  readonly goal: string;
  /** A person's own instruction in place of the usual one, which is made of the task and the labels. */
  readonly instruction?: string;
  /** Examples before each question; 0 for none. */
  readonly shots: number;
  /** Each method has its usual way if it is missing. */
  readonly examples?: ExampleChoice;
  /** The project whose encoder finds `similar` examples. */
  readonly projectId?: string;
}

/** Something that was tuned: an adapter of the library, or the model that full fine-tuning has left. */
export type TunedChoice = { readonly id: string } | { readonly runId: string };

/** The measurement of something tuned: on the rows, and of what it forgot, both next to the base, in one record. */
export interface TunedMeasurement {
  readonly sample: Sample;
  readonly evaluation: Evaluation;
}

/** Pairs of answers for the open base model as a judge, and the Jinja template that asks it. */
export interface JudgeRequest {
  readonly prompt: string;
  readonly pairs: readonly {
    readonly question: string;
    readonly reference: string;
    readonly first: string;
    readonly second: string;
  }[];
}

/** As the record keeps it; null for a pair that does not fit into the window. */
export type JudgeVerdict = ModelTurn['leans'] | null;

export interface Judged {
  readonly model: ModelRef & { readonly fingerprint: string };
  /** The first pairs have verdicts: all of them, unless it was stopped. */
  readonly verdicts: readonly JudgeVerdict[];
}

/** Base against tuned on held-out rows. */
export interface EvaluationApi {
  /**
   * Rules, the base model and adapters on held-out rows; without an adapter the base model alone. The base's answers are kept for the next call. A
   * stopped measurement gives the rows that the base and the first adapter answered, without the losses that were not measured yet; without a row it
   * fails with `worker-aborted`.
   */
  evaluate(
    adapters: readonly Exclude<AdapterChoice, 'base'>[],
    sample: Sample,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly evaluation: Evaluation; readonly stopped: boolean }>>;
  /** The instruction that is used for a task unless a person writes another, with the labels of the open rows; '' if nothing is known. */
  usualInstruction(goal: string): Promise<Outcome<{ readonly instruction: string }>>;
  /**
   * The base model on the rows that `evaluate` draws, with `shots` examples of training before each, chosen by the seed of the split; and an adapter
   * with the same examples. A stopped measurement gives the rows that the base model answered, without a loss; without a row it fails with
   * `worker-aborted`.
   *
   * @param adapter none if left out
   */
  measureFewShot(
    shots: number,
    sample: Sample,
    onProgress?: OnProgress,
    adapter?: AdapterChoice,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly evaluation: Evaluation; readonly stopped: boolean }>>;
  /**
   * The same as `evaluate` with what was forgotten, as one measurement. What is measured of the base is kept for the next call. Stopped, it
   * fails with `worker-aborted`.
   */
  measureTuned(
    tuned: TunedChoice,
    sample: Sample,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly measured: TunedMeasurement }>>;
  /**
   * The loss of each token of a row's answer, for the base model and an adapter. Stopped, it fails with `worker-aborted`.
   *
   * @param at the place of the row in the list @param adapter `base` for the base model alone
   */
  lossByToken(
    at: number,
    adapter: AdapterChoice,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly losses: TokenLosses }>>;
  /**
   * Rows of training and validation whose label is far less likely to an adapter than another one of the list, as a finding of the open rows; none if
   * there is no such row. Stopped, it fails with `worker-aborted`.
   */
  checkLabels(
    adapter: Exclude<AdapterChoice, 'base'>,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly finding?: PlacedFinding; readonly measured: number }>>;
  /**
   * Compares two answers at a time, in both orders, by likelihood. Stopped, it gives what was judged until then.
   *
   * @param onJudged gets each verdict, in the order of the pairs
   */
  judge(
    request: JudgeRequest,
    onJudged?: (verdict: JudgeVerdict) => void,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly judged: Judged }>>;
  /** The resources that runs took, by id; nothing for a run that is not kept any more. */
  tookOfRuns(ids: readonly string[]): Promise<Outcome<{ readonly took: Readonly<Record<string, RunTook>> }>>;
}
