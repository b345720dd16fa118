/** Base models. */
import type { Failure, OnProgress, Outcome } from './outcome.ts';

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
  /** Names content and precision. */
  readonly fingerprint: string;
  /** Last parts of the names of the layers that can carry an adapter. */
  readonly targets: readonly string[];
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

/** Base models: the one that is open, and those that are kept. */
export interface ModelsApi {
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
}
