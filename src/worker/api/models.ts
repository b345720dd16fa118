/** Base models. */
import type { WeightChoice, WeightChoices } from '../../model/weight-types.ts';
import type { ModelRef } from '../../storage/records.ts';
import type { Failure, OnProgress, Outcome } from './outcome.ts';

export type { WeightChoice, WeightChoices } from '../../model/weight-types.ts';
export type { ModelRef } from '../../storage/records.ts';

export interface ModelInfo {
  readonly name: string;
  /** Whether it came with the app. */
  readonly bundled: boolean;
  readonly modelType: string;
  readonly parameters: number;
  /** How many of them a token meets, if that is not all. */
  readonly activeParameters?: number;
  readonly layers: number;
  readonly vocabulary: number;
  readonly maxPositions: number;
  readonly chatTemplate: boolean;
  /** Whether the template puts a system prompt into the text. */
  readonly systemPrompt: boolean;
  readonly precision: 'f32' | 'f16';
  readonly baseWeights: WeightChoices;
  /** Types of its matrices in their file, the one with the most numbers first: F32, BF16, Q4_1 … */
  readonly fileTypes: readonly string[];
  /** Identifies content, precision and the types of the weights. */
  readonly fingerprint: string;
  /** Identifies the content alone: rows belong to it. */
  readonly content: string;
  /** Last parts of the names of the layers that can carry an adapter. */
  readonly targets: readonly string[];
}

/** A type for the matrices of the open model. */
export interface BaseOption {
  readonly matrices: WeightChoice;
  /** Memory of the base on the GPU. */
  readonly bytes: number;
  /** How many matrices stay numbers, since their rows are not whole blocks. */
  readonly unquantised: number;
  /** Why this GPU cannot use it: then the numbers above mean nothing. */
  readonly refused?: string;
}

/** A base model that this browser keeps. */
export interface KeptModel {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly licence?: string;
  /** Its address, if it is not from disk. */
  readonly source?: string;
  /** It makes vectors of documents, and cannot be tuned here. */
  readonly encoder?: true;
  /** Names of the runs that cannot be resumed without it. */
  readonly runs: readonly string[];
  /** How many adapters were made for it. */
  readonly adapters: number;
}

/**
 * Base models: the one that is open, and those that are kept. Stopped, the opening of a model fails with `worker-aborted`, and the earlier model can be
 * opened again. An incomplete copy is not kept.
 */
export interface ModelsApi {
  /**
   * Loads the bundled model, the one that is open already if it is this one.
   *
   * @param baseWeights the remembered choice of this model if left out
   */
  openBundledModel(
    onProgress?: OnProgress,
    baseWeights?: WeightChoices,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly model: ModelInfo }>>;
  /**
   * Keeps a Hugging Face model folder or a GGUF file that a person chose or dropped, and loads it.
   *
   * @param name empty if the files have none
   * @returns `notKept` if it is open and could not be kept
   */
  openModel(
    name: string,
    files: readonly File[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly model: ModelInfo; readonly notKept?: Failure }>>;
  /** Loads a model that is kept, as {@link openBundledModel} does the bundled one. */
  openKeptModel(
    name: string,
    onProgress?: OnProgress,
    baseWeights?: WeightChoices,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly model: ModelInfo }>>;
  /** Types for the matrices of the open model, with the memory of each. @param embeddings the choice for embeddings and head */
  planBase(embeddings?: WeightChoice): Promise<Outcome<{ readonly options: readonly BaseOption[] }>>;
  /**
   * Loads the open model again with its weights in another type, and remembers that for this model. A paused run has to be
   * resumed from its checkpoint.
   */
  holdBase(
    baseWeights: WeightChoices,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly model: ModelInfo }>>;
  /**
   * Exports a kept model as its folder, or as the tensors that differ from its base. Stopped, it fails with `worker-aborted` and leaves nothing.
   *
   * @param target a folder of the person's disk, in which a new folder is made; without one the folder becomes a zip
   * @param base the model that it was tuned from: then a delta is given, the tensors that differ
   * @returns the name of the folder or of the zip, and the zip
   */
  exportModel(
    name: string,
    target: FileSystemDirectoryHandle | undefined,
    onProgress?: OnProgress,
    base?: ModelRef,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly name: string; readonly zip?: Blob }>>;
  listModels(): Promise<Outcome<{ readonly models: readonly KeptModel[] }>>;
  /** Its runs and adapters stay; they need the model again to be used. */
  deleteModel(name: string): Promise<Outcome<object>>;
}
