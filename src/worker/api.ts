/**
 * What the page may ask of the worker that owns the GPU, the model and the trainer. Types only: the page imports this file and nothing
 * else from here. All of it survives structured cloning; callbacks are comlink proxies.
 */
import type { Mapping } from '../data/mapping.ts';
import type { Sheet } from '../data/sheet-types.ts';
import type { Histogram } from '../data/statistics.ts';

import type { AttentionResult, DecodingResult, MatmulResult, TrainingResult } from '../evaluate/benchmark.ts';
import type { Asked } from '../requests.ts';

/** What this browser's GPU offers to Graft. */
export interface Gpu {
  readonly name: string;
  /** Whether the adapter is a program on the CPU: right, but slow. */
  readonly software: boolean;
  /** Half precision in shaders: half the memory, up to twice the speed. */
  readonly f16: boolean;
  /** Lanes of a GPU that share numbers without memory: faster sums. */
  readonly subgroups: boolean;
  /** The largest single buffer, in bytes. */
  readonly maxBufferBytes: number;
}

/** What {@link GraftWorker} could not do, in the words of a GraftError. */
export interface Failure {
  /** `worker-no-webgpu`, `worker-insecure`, or the engine's own code. */
  readonly code: string;
  readonly what: string;
  readonly remedy: string;
}

export type Outcome<T> = ({ readonly ok: true } & T) | ({ readonly ok: false } & Failure);

/** Long work: `done` of `total`, in bytes, rows, pipelines or examples as `what` says. */
export interface Progress {
  readonly what:
    | 'reading'
    | 'keeping'
    | 'keeping'
    | 'packing'
    | 'preparing'
    | 'loading'
    | 'compiling'
    | 'answering'
    | 'evaluating';
  readonly done: number;
  readonly total: number;
}

export type OnProgress = (progress: Progress) => void;

export interface ModelInfo {
  readonly name: string;
  /** Whether it came with the app. */
  readonly bundled: boolean;
  readonly modelType: string;
  readonly parameters: number;
  readonly layers: number;
  readonly vocabulary: number;
  readonly maxPositions: number;
  readonly chatTemplate: boolean;
  readonly precision: 'f32' | 'f16';
  /** Last parts of the names of the layers that can carry an adapter. */
  readonly targets: readonly string[];
}

/** Where examples come from: a file's name decides how it is read. */
export interface DataFile {
  readonly name: string;
  /** Where it lies beside the headless command: a bundled sample has a place in the repository. */
  readonly path?: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface DataOptions {
  /** Which columns are prompt and answer, where the format is none of the known ones. */
  readonly mapping?: Mapping;
  /** Of a table: whether its first row names the columns, and what stands between cells. Default: told by its looks. */
  readonly header?: boolean;
  readonly delimiter?: string;
  readonly maxLength: number;
  readonly overlong: 'truncate-end' | 'truncate-prompt' | 'drop';
  /** Fractions of the rows. */
  readonly validation: number;
  readonly test: number;
  readonly seed: number;
}

/** What a data set is called, beside the names of its files. */
export interface DataName {
  readonly name: string;
  /** The bundled sample that it is. */
  readonly sample?: string;
}

/** Names the rows that something was trained on: a name, and which version of the content. */
export interface DataRef {
  readonly name: string;
  /** SHA-256 of the files' bytes, in hex. */
  readonly version: string;
  /** When this version came into its project, in milliseconds since 1970. */
  readonly created: number;
}

/** A data set that a project keeps. */
export interface DataSetInfo extends DataRef {
  readonly sample?: string;
  readonly options: DataOptions;
  readonly format: string;
  readonly rows: number;
  readonly bytes: number;
}

/** A base model by name: bundled with the app, or kept in this browser. */
export interface ModelRef {
  readonly name: string;
  readonly bundled: boolean;
}

/** A base model that this browser keeps. */
export interface KeptModel {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly licence?: string;
  /** Where it came from, if not from disk. */
  readonly source?: string;
  /** Names of the runs that cannot go on without it. */
  readonly runs: readonly string[];
  /** How many adapters were made for it. */
  readonly adapters: number;
}

/** What came of an import: how many of each were added, and what was left out. */
export interface ImportReport {
  readonly projects: number;
  readonly dataSets: number;
  readonly runs: number;
  readonly adapters: number;
  readonly models: number;
  readonly skipped: readonly { readonly what: string; readonly why: string }[];
}

export interface ProjectInfo {
  readonly id: string;
  readonly name: string;
  readonly created: number;
  /** Milliseconds since 1970. */
  readonly changed: number;
  readonly model: ModelRef;
  /** The data set that is open in it. */
  readonly data?: DataSetInfo;
  readonly runs: number;
  /** Runs with a checkpoint. */
  readonly resumable: number;
  readonly adapters: number;
  /** The stage that was open last. */
  readonly place: string;
  /** The page's own, as it was given: validate it. */
  readonly page: object;
}

export interface DataSummary {
  readonly format: string;
  readonly rows: { readonly train: number; readonly validation: number; readonly test: number };
  readonly tokens: number;
  readonly supervisedTokens: number;
  readonly longest: number;
  /** The first hundred, by line. */
  readonly problems: readonly { readonly line: number; readonly reason: string }[];
  readonly problemCount: number;
  readonly cut: readonly number[];
  readonly dropped: readonly number[];
  readonly unsupervised: readonly number[];
  readonly notes: readonly { readonly note: string; readonly lines: readonly number[] }[];
  /** All rows of the list: those that are used, those left out, and the bad ones that are told. */
  readonly listed: number;
  /** Tokens of rows before the limit. */
  readonly lengths: Histogram;
  /** Rows that teach exactly what an earlier one does. */
  readonly repeated: number;
  /** Held-out rows that are trained on too: the first hundred, with the line of the trained one. */
  readonly leaks: readonly {
    readonly at: number;
    readonly part: Part;
    readonly line: number;
    readonly of: number;
  }[];
  readonly leakCount: number;
}

export type Part = 'train' | 'validation' | 'test';

/** How a row fares; only `ok` and `cut` are used. */
export type RowState = 'ok' | 'cut' | 'dropped' | 'unsupervised' | 'bad';

export interface RowQuery {
  readonly part?: Part;
  /** `repeated`: equal to an earlier row; `leaked`: held out and trained on as well. */
  readonly state?: RowState | 'repeated' | 'leaked';
  /** Anywhere in the row, capitals aside. */
  readonly text?: string;
  /** The window of the list that is wanted. */
  readonly from: number;
  readonly count: number;
}

export interface ListedRow {
  /** For {@link GraftWorker.previewRow}. */
  readonly at: number;
  readonly line: number;
  /** Of the separate held-out file. */
  readonly heldOut: boolean;
  readonly part?: Part;
  readonly state: RowState;
  readonly repeated: boolean;
  readonly leaked: boolean;
  /** Before the limit, and how many of them are used and learnt from. */
  readonly tokens: number;
  readonly kept: number;
  readonly supervised: number;
  /** How it begins, or why it is bad. */
  readonly text: string;
}

export interface PreviewToken {
  readonly id: number;
  readonly text: string;
  readonly supervised: boolean;
  readonly cut: boolean;
  readonly special: boolean;
}

export interface PreviewRow {
  readonly line: number;
  readonly heldOut: boolean;
  readonly state: RowState;
  readonly part?: Part;
  readonly tokens: readonly PreviewToken[];
}

export interface RunOptions {
  readonly name: string;
  readonly steps: number;
  readonly batch: number;
  readonly accumulate: number;
  readonly maxLength: number;
  readonly lr: number;
  readonly schedule: 'constant' | 'linear' | 'cosine';
  readonly warmup: number;
  readonly weightDecay: number;
  readonly clip: number;
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  readonly rsLora: boolean;
  readonly targets: readonly string[];
  readonly rateRatio: number;
  readonly seed: number;
  readonly packing: boolean;
  /** Keep only each layer's input for the reverse, and compute the rest again: less memory, more time. */
  readonly checkpointing: boolean;
  readonly evalEvery: number;
  readonly patience: number;
  /** A prompt that is answered every so many steps, so that one sees it learn; 0 for never. */
  readonly sampleEvery: number;
  readonly samplePrompt: string;
}

/** GPU memory of a run, in bytes, known before it starts. */
export interface RunMemory {
  /** The most that exists at once. */
  readonly peakBytes: number;
  /** What exists while steps run: what `StepPoint.gpuBytes` should show. */
  readonly steadyBytes: number;
  readonly parts: {
    readonly base: number;
    readonly adapter: number;
    readonly gradients: number;
    readonly optimiser: number;
    readonly activations: number;
    readonly inputs: number;
    readonly commands: number;
    readonly samples: number;
    readonly staging: number;
  };
  readonly largestBuffer: { readonly label: string; readonly bytes: number };
  readonly largestBinding: { readonly label: string; readonly bytes: number };
  /** What this adapter refuses; empty where the run fits. */
  readonly problems: readonly {
    readonly limit: 'buffer' | 'binding' | 'memory';
    readonly label: string;
    readonly bytes: number;
    readonly allowed: number;
  }[];
  /** What to change where it does not fit, best first. `change` is empty where the model has to be opened in another way. */
  readonly advice: readonly {
    readonly text: string;
    readonly change: Partial<
      Pick<RunOptions, 'batch' | 'accumulate' | 'maxLength' | 'rank' | 'checkpointing'>
    >;
    readonly peakBytes: number;
    readonly fits: boolean;
  }[];
  readonly dispatches: number;
  readonly submits: number;
}

export type RunStatus = 'ready' | 'running' | 'paused' | 'done' | 'stopped' | 'cancelled' | 'failed';

export interface StepPoint {
  readonly step: number;
  readonly steps: number;
  /** Mean over the supervised tokens, in nats. */
  readonly loss: number;
  readonly lr: number;
  readonly gradNorm: number;
  readonly supervisedTokens: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly secondsLeft: number;
  readonly gpuBytes: number;
}

export type RunEvent =
  | ({ readonly type: 'step' } & StepPoint)
  | { readonly type: 'compile'; readonly done: number; readonly total: number }
  /** At step 0 it is the base model's. */
  | { readonly type: 'eval'; readonly step: number; readonly loss: number; readonly best: boolean }
  | { readonly type: 'sample'; readonly step: number; readonly prompt: string; readonly text: string }
  | { readonly type: 'checkpoint'; readonly step: number }
  | { readonly type: 'status'; readonly status: RunStatus; readonly failure?: Failure };

/** A saved adapter, as the library lists it. */
export interface AdapterInfo {
  readonly id: string;
  readonly name: string;
  readonly note: string;
  readonly baseModel: string;
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
  readonly parameters: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly projectId: string;
  /** The run that made it, if it was made here. */
  readonly runId?: string;
  readonly finalLoss?: number;
  /** What it was trained on, if it was made here. */
  readonly data?: DataRef;
}

/** A run as it is kept: settings, curve, events. */
export interface RunRecord {
  readonly id: string;
  readonly projectId: string;
  readonly options: RunOptions;
  readonly baseModel: string;
  /** Whether that came with the app. */
  readonly bundled: boolean;
  readonly dataName: string;
  readonly data?: DataRef;
  readonly status: RunStatus;
  readonly created: number;
  readonly steps: readonly StepPoint[];
  /** The one at step 0 is the base model's. */
  readonly evals: readonly { readonly step: number; readonly loss: number }[];
  readonly samples: readonly { readonly step: number; readonly text: string }[];
  /** Whether a checkpoint lies in storage from which it can go on. */
  readonly resumable: boolean;
  /** The command that repeats it headless. */
  readonly command: string;
}

export interface ChatSettings {
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ChatToken {
  readonly text: string;
  /** The most likely tokens there, with their probabilities at temperature 1. */
  readonly candidates: readonly { readonly text: string; readonly probability: number }[];
}

/** `base` is the model without an adapter, `current` the one that is being trained or was trained last. */
export type AdapterChoice = 'base' | 'current' | { readonly id: string };

export interface LossReport {
  readonly loss: number;
  readonly perplexity: number;
  readonly supervisedTokens: number;
}

export interface EvaluationRow {
  readonly prompt: string;
  readonly expected: string;
  readonly base: string;
  readonly tuned: string;
}

export interface Evaluation {
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
}

/** The base model with examples of training before each question. */
export interface FewShotReport {
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

/** What this adapter does, in f32. */
export interface Benchmark {
  readonly gpu: Gpu;
  /** Of a training step: rows, and tokens of each. */
  readonly rows: number;
  readonly length: number;
  readonly matmul: readonly MatmulResult[];
  readonly attention: readonly AttentionResult[];
  readonly training: TrainingResult;
  readonly decoding: DecodingResult;
}

export interface BenchmarkProgress {
  /** What is measured now. */
  readonly doing: string;
  /** Measurements, of so many. */
  readonly done: number;
  readonly total: number;
}

export interface GraftWorker {
  /** Describes the GPU. Its device stays open for the calls that follow. */
  describeGpu(): Promise<Outcome<{ readonly gpu: Gpu }>>;

  /** Loads the bundled model, the one that is open already if it is this one. */
  openBundledModel(onProgress?: OnProgress): Promise<Outcome<{ readonly model: ModelInfo }>>;
  /**
   * Keeps a Hugging Face model folder or a GGUF file that a person chose or dropped, and loads it.
   *
   * @param name empty where the files have none
   * @returns `notKept` where it is open and could not be kept
   */
  openModel(
    name: string,
    files: readonly File[],
    onProgress?: OnProgress,
  ): Promise<Outcome<{ readonly model: ModelInfo; readonly notKept?: Failure }>>;
  /** Loads a model that is kept, the one that is open already if it is this one. */
  openKeptModel(name: string, onProgress?: OnProgress): Promise<Outcome<{ readonly model: ModelInfo }>>;
  /** Ends the copying of a model: it fails with `worker-aborted`, and nothing of it is kept. */
  stopModel(): Promise<void>;
  listModels(): Promise<Outcome<{ readonly models: readonly KeptModel[] }>>;
  /** Runs and adapters of it stay; they need it again to go on. */
  deleteModel(name: string): Promise<Outcome<object>>;

  /** The one that changed last first. */
  listProjects(): Promise<Outcome<{ readonly projects: readonly ProjectInfo[] }>>;
  /** Makes a project and opens it. */
  createProject(name: string): Promise<Outcome<{ readonly project: ProjectInfo }>>;
  /**
   * What is opened, trained and imported from now on belongs to it. The data that is open is closed.
   *
   * @param id none for none: the next data set makes a project of its name
   */
  openProject(id: string | undefined): Promise<Outcome<{ readonly project?: ProjectInfo }>>;
  updateProject(
    id: string,
    change: {
      readonly name?: string;
      readonly model?: ModelRef;
      readonly place?: string;
      readonly page?: object;
    },
  ): Promise<Outcome<object>>;
  /** Hides it with all that belongs to it; `restoreProject` brings it back while a tab of Graft stays open. */
  deleteProject(id: string): Promise<Outcome<object>>;
  restoreProject(id: string): Promise<Outcome<object>>;

  /**
   * Reads examples and makes rows of them with the open model's tokenizer. They become the data of the next run.
   *
   * @param keep the name to keep them under in the open project; if none is open, in a new one of that name
   * @returns `notKept` where they are open and could not be kept
   */
  openData(
    file: DataFile,
    options: DataOptions,
    heldOut?: DataFile,
    onProgress?: OnProgress,
    keep?: DataName,
  ): Promise<
    Outcome<{
      readonly data: DataSummary;
      readonly kept?: DataSetInfo;
      readonly project?: ProjectInfo;
      readonly notKept?: Failure;
    }>
  >;
  /** Ends an import early: it fails with `worker-aborted`, and the data before stays. */
  stopData(): Promise<void>;
  /** Data sets that the open project keeps, the newest first. */
  listData(): Promise<Outcome<{ readonly sets: readonly DataSetInfo[] }>>;
  /** The files of one, to open it again. */
  readData(
    version: string,
  ): Promise<Outcome<{ readonly set: DataSetInfo; readonly file: DataFile; readonly heldOut?: DataFile }>>;
  deleteData(version: string): Promise<Outcome<object>>;
  /** The first rows of a file and its columns, for a mapping. @param head the first `HEAD_BYTES` of it */
  inspectData(
    head: DataFile,
    options: Pick<DataOptions, 'header' | 'delimiter'>,
  ): Promise<Outcome<{ readonly sheet: Sheet | undefined }>>;
  /** A window of the list of rows, in the file's order; a separate held-out file follows. */
  listRows(
    query: RowQuery,
  ): Promise<Outcome<{ readonly total: number; readonly rows: readonly ListedRow[] }>>;
  /** @param at a row of the list; a bad one has no tokens and fails with `data-row` */
  previewRow(at: number): Promise<Outcome<{ readonly row: PreviewRow }>>;

  /**
   * Plans the GPU memory of a run on the open model, and on the open data if there is some, without using the GPU: fit to be asked on
   * every change of a setting, also while a run trains.
   */
  planRun(options: RunOptions): Promise<Outcome<{ readonly memory: RunMemory }>>;
  /** Trains until done, paused, stopped or cancelled. Events come while it runs. */
  startRun(
    options: RunOptions,
    onEvent: (event: RunEvent) => void,
  ): Promise<Outcome<{ readonly run: RunRecord }>>;
  /** Goes on with a paused run, or with one from storage after a reload. */
  resumeRun(id: string, onEvent: (event: RunEvent) => void): Promise<Outcome<{ readonly run: RunRecord }>>;
  pauseRun(): Promise<void>;
  /** Ends the run and keeps what was learned as an adapter. */
  stopRun(): Promise<void>;
  /** Ends the run and keeps nothing. */
  cancelRun(): Promise<void>;
  /** Ends a run that is paused, here or in storage only: `stop` keeps its adapter, `cancel` its curve only. */
  endRun(id: string, how: 'stop' | 'cancel'): Promise<Outcome<{ readonly run: RunRecord }>>;
  listRuns(): Promise<Outcome<{ readonly runs: readonly RunRecord[] }>>;
  deleteRun(id: string): Promise<Outcome<object>>;

  /** Answers a conversation; text streams through `onText`. One answer at a time; a paused run may be asked. */
  chat(
    adapter: AdapterChoice,
    messages: readonly ChatMessage[],
    settings: ChatSettings,
    onText: (text: string) => void,
  ): Promise<
    Outcome<{ readonly text: string; readonly tokens: readonly ChatToken[]; readonly seconds: number }>
  >;
  stopChat(): Promise<void>;

  /**
   * Base against an adapter on what was held out: answers to the first `rows` examples of the test part, losses over all of it. With
   * `base` for the adapter, the base alone, as both. What the base answered is kept for the next call.
   */
  evaluate(
    adapter: AdapterChoice,
    rows: number,
    onProgress?: OnProgress,
  ): Promise<Outcome<{ readonly evaluation: Evaluation }>>;
  /** The base model on the same rows, with `shots` examples of training before each, chosen by the seed of the split. */
  measureFewShot(
    shots: number,
    rows: number,
    onProgress?: OnProgress,
  ): Promise<Outcome<{ readonly report: FewShotReport }>>;
  /** Ends an evaluation early: it fails with `worker-aborted`. */
  stopEvaluation(): Promise<void>;

  /** Measures the GPU: half a minute on a software adapter, seconds on a real one. */
  benchmark(
    onProgress: (progress: BenchmarkProgress) => void,
  ): Promise<Outcome<{ readonly benchmark: Benchmark }>>;
  /** Ends a benchmark after what it measures just now: it fails with `worker-aborted`. */
  stopBenchmark(): Promise<void>;

  listAdapters(): Promise<Outcome<{ readonly adapters: readonly AdapterInfo[] }>>;
  updateAdapter(
    id: string,
    change: { readonly name?: string; readonly note?: string },
  ): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
  /** Removes it from the library; `restoreAdapter` brings it back until the tab is closed. */
  deleteAdapter(id: string): Promise<Outcome<object>>;
  restoreAdapter(id: string): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
  /** A zip of a PEFT folder with model card. */
  exportAdapter(
    id: string,
  ): Promise<Outcome<{ readonly fileName: string; readonly bytes: Uint8Array<ArrayBuffer> }>>;
  /** A PEFT folder, or a zip of one, for the open model. */
  importAdapter(name: string, files: readonly File[]): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;

  /** Tells every request that this worker made and makes. */
  watchRequests(onRequest: (asked: Asked) => void): Promise<void>;

  /** Everything that is kept, as one zip. @param models whether base models come along */
  exportAll(
    models: boolean,
    onProgress?: OnProgress,
  ): Promise<Outcome<{ readonly fileName: string; readonly file: Blob }>>;
  /** Ends an export: it fails with `worker-aborted`. */
  stopExport(): Promise<void>;
  /** Adds what such a zip holds beside what is here; nothing is written over. */
  importAll(file: File, onProgress?: OnProgress): Promise<Outcome<{ readonly report: ImportReport }>>;
  /** Projects, data sets, runs, adapters, settings and base models, for good. */
  deleteAll(): Promise<Outcome<object>>;

  /** Bytes in use and granted, and whether the browser promised to keep them. */
  storage(): Promise<
    Outcome<{ readonly usage: number; readonly quota: number; readonly persistent: boolean }>
  >;
}
