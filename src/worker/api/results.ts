/** Results of a project: measurements and conversations, each with its origin. */
import type { LineageReport } from '../../evaluate/lineage.ts';
import type { AnswerPassages, RenderedPrompt, Message, ChatToken } from './chat.ts';
import type { DataOptions } from './data.ts';
import type { Evaluation, TunedMeasurement } from './evaluation.ts';
import type { ModelRef } from './models.ts';
import type { LoggedAnswer } from './feedback.ts';
import type { Outcome } from './outcome.ts';

/** The inputs of a result, which is out of date once one of them differs. */
export interface Origin {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The base model. The fingerprint identifies its content and precision. */
  readonly model: ModelRef & { readonly fingerprint: string };
  /** The rows that were asked; missing for a conversation. */
  readonly data?: {
    readonly name: string;
    readonly version?: string;
    /** How they were read, split and cut; missing for the rows of a run that was resumed after a reload. */
    readonly options?: DataOptions;
  };
  /** Missing for the base model alone. */
  readonly adapter?: AdapterOrigin;
}

/** An adapter of the library, or that of a run after so many steps. */
export type AdapterOrigin =
  | { readonly name: string; readonly id: string }
  | { readonly name: string; readonly runId: string; readonly step: number };

export interface KeptAnswer {
  /** `base`, `current` or the id of an adapter, as it was requested. */
  readonly adapter: string;
  readonly text: string;
  readonly state: 'done' | 'stopped' | 'failed';
  /** The tokens of the last answers only, since each has a table of its own. */
  readonly tokens: readonly ChatToken[];
  readonly tokenCount: number;
  readonly seconds: number;
  /** Missing if nothing was answered. */
  readonly origin?: Origin;
  /** The prompt; missing if nothing was answered, and in earlier versions. */
  readonly prompt?: RenderedPrompt;
  /** Missing if it was asked without documents. */
  readonly passages?: AnswerPassages;
}

/** A person's vote on two answers, in the order in which they were shown. */
export type Vote = 'first' | 'second' | 'none';

export interface Conversation {
  readonly turns: readonly {
    readonly prompt: string;
    readonly answers: readonly [KeptAnswer, KeptAnswer];
    /** Where names were hidden: whether the right side stood first, and the vote. */
    readonly blind?: { readonly swapped: boolean; readonly vote?: Vote };
  }[];
}

/** Two answers to one prompt, of which a person preferred one. */
export interface PreferredPair {
  readonly prompt: readonly Message[];
  readonly chosen: string;
  readonly rejected: string;
  /** A vote between two answers, or an answer that the person wrote better. */
  readonly by: 'vote' | 'edit';
  /** The names of the models that wrote the chosen and the rejected answer. */
  readonly names: readonly [string, string];
  /** Milliseconds since 1970. */
  readonly time: number;
}

export interface Preferences {
  readonly pairs: readonly PreferredPair[];
  /** Votes without a difference. */
  readonly ties: number;
}

/** A run on accepted feedback, and its result. */
export interface Further {
  /** When it began: its run is the first on trial since then. */
  readonly time: number;
  /** The adapter that it started from. */
  readonly from: { readonly id: string; readonly name: string };
  /** Version of the rows that were open before, whose test rows measure both. */
  readonly rows: string;
  /** Ids of the entries of the queue that it learns from. */
  readonly entries: readonly string[];
  /** The adapter that it made. */
  readonly adapter?: { readonly id: string; readonly name: string };
  /** The adapter that it started from, and then the new one, on the same rows. */
  readonly measured?: Evaluation;
  /** Which of the two a person put in use. */
  readonly kept?: 'new' | 'old';
}

/** The stages up to an adapter, each on the test rows of every stage. */
export interface MeasuredLineage {
  /** The adapter at the end of the line. */
  readonly id: string;
  readonly report: LineageReport;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** How many rows of each test were to be asked, and how long it took; both missing in earlier versions. */
  readonly asked?: number;
  readonly seconds?: number;
}

/** Everything tuned that was measured for the table, each with the rows that it was measured on. */
export interface MeasuredTuned {
  /** The latest last; one for each adapter or run. */
  readonly entries: readonly TunedMeasurement[];
}

/** An answer of real use. */
export interface UsedHere extends LoggedAnswer {
  /** Missing for one of a file. */
  readonly origin?: Origin;
}

/** The log of use of a project, which a person switched on; and the answers of opened log files. */
export interface UseLogKept {
  readonly on: boolean;
  readonly answers: readonly UsedHere[];
}

/** The latest result of each kind. */
export interface Results {
  readonly baseline?: Evaluation;
  /** The base model with examples in its prompt, and perhaps an adapter after the same ones. */
  readonly fewShot?: Evaluation;
  readonly evaluation?: Evaluation;
  readonly chat?: Conversation;
  readonly preferences?: Preferences;
  readonly further?: Further;
  readonly lineage?: MeasuredLineage;
  readonly tuned?: MeasuredTuned;
  readonly log?: UseLogKept;
}

/** The results of the open project. */
export interface ResultsApi {
  readResults(projectId: string): Promise<Outcome<{ readonly results: Results }>>;
  /** Keeps the given results, and replaces those of the same kind. Fails with `project-missing` if there is no such project. */
  keepResults(projectId: string, results: Results): Promise<Outcome<object>>;
}
