/** Encoders of documents that are tuned on the project's questions: by a usual run, and measured on questions that it has not seen. */
import type { Interval } from '../../evaluate/bootstrap.ts';
import type { RECALL_RANKS } from '../../retrieval/relevance.ts';
import type { RunTime } from '../../runs/run-forecast.ts';
import type { FormSpec } from '../../settings/spec.ts';
import type { AdapterInfo } from './adapters.ts';
import type { OnProgress, Outcome } from './outcome.ts';
import type { RunUpdate, RunRecord } from './runs.ts';

/** The settings that a person chooses; the others are usual. */
export interface RetrieverChoice {
  readonly name: string;
  readonly epochs: number;
  /** Hard negatives of each question. */
  readonly negatives: number;
  readonly rank: number;
  readonly lr: number;
}

/** What a run would learn from. */
export interface RetrieverPlan {
  /** Approved questions whose passage is in the index, by what they are for; and approved ones that have none there. */
  readonly trained: number;
  readonly held: number;
  readonly without: number;
  /** Settings of the run; missing if there are too few questions. */
  readonly options?: FormSpec;
  /** Missing if training was never measured on this device. Without the search for negatives. */
  readonly time?: RunTime;
}

/** A mean over the held-out questions. */
export interface RetrieverScore {
  readonly value: number;
  /** 95%; missing if all questions say the same. */
  readonly interval?: Interval;
}

type Rank = (typeof RECALL_RANKS)[number];

/** What an encoder finds for the questions that are held out. */
export interface RetrieverMeasure {
  /** The id of its adapter; missing for the encoder as it is. */
  readonly adapter?: string;
  readonly questions: number;
  readonly recall: Readonly<Record<Rank, RetrieverScore>>;
  readonly mrr: RetrieverScore;
  /** Its MRR less that of the encoder as it is, by pairs of questions; and questions whose first relevant chunk is higher or lower. Missing for that encoder. */
  readonly gain?: RetrieverScore & { readonly better: number; readonly worse: number };
}

/** All fail with `documents-encoder` without an encoder of Graft's own engine, and with `project-missing`. */
export interface RetrieversApi {
  /** What a run would learn from, and how long it would take. It uses no device. */
  planRetriever(
    projectId: string,
    choice: RetrieverChoice,
  ): Promise<Outcome<{ readonly plan: RetrieverPlan }>>;
  /**
   * Mines the rows from the index, and trains an adapter of its encoder. From then on it is a run like any other. Fails with `retriever-questions`,
   * `documents-vectors`, and as `startRun`.
   */
  startRetriever(
    projectId: string,
    choice: RetrieverChoice,
    onEvent: (event: RunUpdate) => void,
  ): Promise<Outcome<{ readonly run: RunRecord }>>;
  /** The rows of a run as JSONL, which its command reads. Fails as {@link startRetriever}. */
  retrieverRows(
    projectId: string,
    choice: RetrieverChoice,
  ): Promise<Outcome<{ readonly name: string; readonly lines: string }>>;
  /** What was measured on the questions that are held out now and the documents as they are. */
  listRetrieverMeasures(
    projectId: string,
  ): Promise<Outcome<{ readonly measures: readonly RetrieverMeasure[] }>>;
  /**
   * Measures the encoder as it is, and with each of these adapters. Stopped, it fails with `worker-aborted` and keeps what is complete. Fails with
   * `retriever-questions`.
   */
  measureRetrievers(
    projectId: string,
    adapters: readonly string[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly measures: readonly RetrieverMeasure[] }>>;
  /** Every adapter of a PEFT folder, or of a zip of one, for the encoder of the project. */
  importRetriever(
    projectId: string,
    name: string,
    files: readonly File[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly adapters: readonly AdapterInfo[] }>>;
}
