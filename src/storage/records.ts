/** The records of the database. A change here needs a migration in database.ts. */
import type { FileContent } from '../data/file-content.ts';
import type { DataRef } from '../data/options.ts';
import type { PreparedRow } from '../data/prepare.ts';
import type { Question } from '../data/questions.ts';
import type { RolloutEvent } from '../train/events.ts';
import type { Reading } from '../train/reading.ts';

/** Files by name. */
export type StoredFiles = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** A base model, by name: one that came with the app, or one of the model store, where names are unique. */
export interface ModelRef {
  readonly name: string;
  readonly bundled: boolean;
}

/** A project. Data sets, runs and adapters have the id of their project. */
export interface StoredProject {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970, as all times here. */
  readonly created: number;
  /** When something in it changed last; looking at it is no change. */
  readonly changed: number;
  readonly model: ModelRef;
  /** Version of the data set that is open in it. */
  readonly data?: string;
  /** The stage that was open last. */
  readonly place: string;
  /** The page's own data (texts of the task, settings of the next run), stored unchanged. */
  readonly page: object;
  /** When it was deleted. It can be restored while a page that deleted it is open. */
  readonly deleted?: number;
}

/** A data set of a project, under [projectId, version]. Its files are stored separately, so that listing reads no rows. */
export interface StoredDataSet extends DataRef {
  readonly projectId: string;
  /** The bundled sample that it is. */
  readonly sample?: string;
  /** How it is read, split and cut: the worker's own data, stored unchanged. */
  readonly options: object;
  /** Names of its files: the rows, then test rows of their own if there are any, then more rows. */
  readonly files: readonly string[];
  /** How many of the files are more rows; missing for none. */
  readonly more?: number;
  /** Its format, for lists. */
  readonly format: string;
  readonly rows: number;
  readonly bytes: number;
}

/** A step of the history of a data set, under [projectId, version, number]: its rows or options before and after are the worker's own data. */
export interface StoredStepOfData {
  readonly projectId: string;
  /** Of the files. */
  readonly version: string;
  /** The version of the rows that it made, and the one that it changed. */
  readonly number: number;
  readonly parent: number;
  readonly created: number;
  readonly done: string;
  readonly diff?: object;
  readonly rows?: readonly object[];
  readonly options?: object;
}

interface StoredDataFile {
  readonly name: string;
  /** Its path for the headless command, if that is not its name. */
  readonly path?: string;
  /** In memory in earlier versions. */
  readonly bytes: FileContent;
  /** Of a file that is not in memory. */
  readonly sha256?: string;
}

export interface StoredDataFiles {
  readonly file: StoredDataFile;
  /** Test rows of their own. */
  readonly heldOut?: StoredDataFile;
  /** More rows, which are split with the first. */
  readonly more?: readonly StoredDataFile[];
}

/** An adapter of the library, without its tensors. */
export interface StoredAdapter {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly note: string;
  readonly baseModel: string;
  /** The kind of adapter; LoRA if left out. */
  readonly kind?: string;
  /** Missing if the kind has none. */
  readonly rank?: number;
  readonly alpha?: number;
  /** Missing unless the kind is prompt tuning. */
  readonly virtualTokens?: number;
  /** Tokens that it adds to the vocabulary. */
  readonly addTokens?: readonly string[];
  readonly targets: readonly string[];
  readonly parameters: number;
  readonly created: number;
  readonly runId?: string;
  readonly finalLoss?: number;
  /** The lowest loss on validation rows. */
  readonly evalLoss?: number;
  /** The adapter that it was trained from, by its name then. */
  readonly parent?: { readonly id: string; readonly name: string };
  /** The adapters that it was mixed from, by their names then. */
  readonly mixed?: readonly { readonly id: string; readonly name: string; readonly weight: number }[];
  /** The rows that it was trained on, if it was trained here. */
  readonly data?: DataRef;
  /** How they were read, split and cut (the worker's own data); missing in earlier versions. */
  readonly dataOptions?: object;
  /** The types of the base weights while it was trained, if they were not as stored (the worker's own data); missing in earlier versions. */
  readonly baseWeights?: object;
  /** It was trained on feedback, and is on trial until a person puts it in use. */
  readonly trial?: boolean;
  /** Its base is an encoder: it changes the vectors of texts, and writes no answers. */
  readonly encodes?: true;
  /** It belongs to a sweep, and is not in the library until a person keeps it. */
  readonly sweep?: string;
  /** When it was deleted. It can be restored while a page that deleted it is open, unless its room is needed. */
  readonly deleted?: number;
}

interface StoredStep {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** What the objective reports next to it. */
  readonly report?: Readonly<Record<string, number | null>>;
  /** In a mixture the losses of its tasks. */
  readonly tasks?: Readonly<Record<string, number>>;
  readonly lr: number;
  readonly gradNorm: number;
  readonly supervisedTokens: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly secondsLeft: number;
  readonly gpuBytes: number;
}

type StoredStatus = 'ready' | 'running' | 'paused' | 'done' | 'stopped' | 'cancelled' | 'failed';

/** In nats for each token, and general prompts with what was answered to them. */
interface StoredForgetting {
  readonly before: number;
  readonly after?: number;
  readonly during?: readonly { readonly step: number; readonly loss: number }[];
  readonly kl?: { readonly before: number; readonly after?: number };
  readonly prompts?: readonly {
    readonly prompt: string;
    readonly before: string;
    readonly rightBefore: boolean;
    readonly after?: string;
    readonly rightAfter?: boolean;
  }[];
}

/** A run: its settings and its curve, up to its checkpoint if it has one. */
export interface StoredRun {
  readonly id: string;
  readonly projectId: string;
  readonly created: number;
  readonly status: StoredStatus;
  /** The worker's own data, stored unchanged. */
  readonly settings: object;
  readonly baseModel: string;
  /** Identifies the model that the run needs to be resumed: its content, precision and types of weights. */
  readonly modelFingerprint: string;
  /** The precision of the model, and the types of its matrices (the worker's own data); both missing in earlier versions. */
  readonly precision?: 'f32' | 'f16';
  readonly baseWeights?: object;
  /** Whether that model came with the app. */
  readonly bundled: boolean;
  readonly dataName: string;
  /** Missing in runs of earlier versions. */
  readonly data?: DataRef;
  /** How they were read, split and cut (the worker's own data); missing in earlier versions. */
  readonly dataOptions?: object;
  /** The headless command that repeats it. */
  readonly command: string;
  readonly steps: readonly StoredStep[];
  readonly evals: readonly Pick<StoredStep, 'step' | 'loss' | 'report' | 'tasks'>[];
  readonly samples: readonly { readonly step: number; readonly text: string }[];
  /** The last group of answers, for a run that samples them to learn from. */
  readonly rollout?: RolloutEvent;
  /** The sample prompt as rows write it for a model without a chat template, if that differs from what the person wrote. */
  readonly asked?: string;
  /** The text between prompt and answer in its rows, for a model without a chat template; missing if there was none. */
  readonly afterPrompt?: string;
  /** The answer of a row to the sample prompt, if a row has this prompt. */
  readonly wanted?: string;
  /** The model that it made, in the model store, if all weights were trained. */
  readonly keptModel?: string;
  /** The most GPU memory that was taken while it was trained, in bytes. */
  readonly takenBytes?: number;
  /** The loss of a model that only knows how often each token occurs in the answers; missing if another loss is trained. */
  readonly unigramLoss?: number;
  /** The measurement of forgetting, before the run and with its result. */
  readonly forgetting?: StoredForgetting;
  /** The reading of its curve, as of when it was written; missing in earlier versions. */
  readonly reading?: Reading;
  /** The sweep that it belongs to. */
  readonly sweep?: string;
}

/** A sweep of a project: its runs have its id. */
export interface StoredSweep {
  readonly id: string;
  readonly projectId: string;
  readonly created: number;
  readonly name: string;
  /** Settings of all runs, what varies, and the runs so far: the worker's own data, stored unchanged. */
  readonly settings: object;
  readonly ask: object;
  readonly state: object;
  /** Losses can be compared on this model and these rows only; the worker's own data. */
  readonly on: object;
  /** The headless command that trains the same runs. */
  readonly command: string;
  /** How the folds of a cross-validation are measured, and those that were: the worker's own data. */
  readonly sample?: object;
  readonly measured?: readonly object[];
}

/** The summary of a run for lists, under its id: the run without its curve. */
export interface StoredSummary extends Omit<StoredRun, 'steps' | 'evals' | 'samples' | 'rollout'> {
  /** Steps done. */
  readonly step: number;
  /** Smoothed, at the last step. */
  readonly trainingLoss?: number;
  /** The adapter's best; the base model's before the first step does not count. */
  readonly bestEval?: { readonly step: number; readonly loss: number };
}

/** The rows of a run. They never change, so they are written once. */
export interface StoredRows {
  readonly train: readonly PreparedRow[];
  readonly validation: readonly PreparedRow[];
  readonly test: readonly PreparedRow[];
  readonly questions: readonly Question[];
  /** Rows of a large file by their parts: they are read again from the data set of the run, and the lists are empty. */
  readonly large?: Readonly<Record<'train' | 'validation' | 'test', number>>;
}

export interface StoredCheckpoint {
  /** Changes with every write: it tells a tab whether the checkpoint is still the one that it wrote. */
  readonly revision: string;
  readonly step: number;
  /** The trainer's state. */
  readonly files: StoredFiles;
}

/** The latest result of a kind in a project, under [projectId, kind]. */
export interface StoredResult {
  readonly projectId: string;
  readonly kind:
    | 'looks'
    | 'baseline'
    | 'fewShot'
    | 'evaluation'
    | 'chat'
    | 'preferences'
    | 'further'
    | 'lineage'
    | 'tuned'
    | 'log'
    | 'questions'
    | 'retrievers';
  /** When it was written. */
  readonly changed: number;
  /** The worker's own data, stored unchanged. */
  readonly value: object;
}

/** A person's judgement of one answer, under [projectId, id]. Each has its own record, so that two tabs do not overwrite each other. */
export interface StoredFeedback {
  readonly projectId: string;
  readonly id: string;
  /** When it was made. */
  readonly time: number;
  /** The worker's own data, stored unchanged. */
  readonly entry: object;
}

/** How the documents of a project are searched, under its id. */
export interface StoredDocumentIndex {
  readonly projectId: string;
  /** Changes with every write to the documents: it tells a tab whether what it read is still all. */
  readonly revision: string;
  /** How texts are divided, and the encoder: the worker's own data, stored unchanged. */
  readonly settings: object;
  /** Files that were chosen and are not read yet; missing if there are none. The files themselves are not kept. */
  readonly unread?: readonly UnreadFile[];
}

/** A file that was chosen. */
export interface UnreadFile {
  readonly file: string;
  /** The document of this name when it was chosen, by its hash. */
  readonly before?: string | undefined;
}

/** A document of a project, under [projectId, file], without its text. */
export interface StoredDocument {
  readonly projectId: string;
  /** Its path from the folder on that it was added with. */
  readonly file: string;
  /** When it was added or replaced. */
  readonly added: number;
  /** SHA-256 and size of the file. */
  readonly sha256: string;
  readonly bytes: number;
  /** UTF-16 code units of its text. */
  readonly characters: number;
  /** Missing for a document without pages. */
  readonly pages?: number;
  /** The encoding that its file was read in, if that was guessed. */
  readonly guessed?: string;
  /** Identifies how it was divided. */
  readonly divided: string;
  readonly chunks: number;
  /** The encoder and prefix of its vectors, and how many chunks have one. */
  readonly encoder?: string;
  readonly vectors: number;
}

/** The text of a document and its chunks, under the key of `documents`. */
export interface StoredDocumentText {
  readonly text: string;
  /** Where pages start. */
  readonly pages?: readonly number[];
  readonly headings?: readonly { readonly start: number; readonly end: number }[];
  readonly chunks: readonly { readonly start: number; readonly end: number; readonly tokens: number }[];
}

/** The vectors of a document's chunks, under the key of `documents`. */
export interface StoredDocumentVectors {
  /** [chunks, size], row by row. */
  readonly vectors: Float32Array<ArrayBuffer>;
  /** 1 for each chunk that has its vector, else 0. */
  readonly known: Uint8Array<ArrayBuffer>;
}
