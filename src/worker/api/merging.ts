/** Base plus adapter as one model folder, for programs that know no adapters. */
import type { BaseWeights, ModelRef } from './models.ts';
import type { OnProgress, Outcome } from './outcome.ts';

/** What merging would make. */
export interface MergePlan {
  /** The model that the adapter was trained on, by the name that the adapter gives it. */
  readonly baseModel: string;
  /** The folder that would be written: a name that every file system takes. */
  readonly folder: string;
  readonly files: readonly string[];
  readonly bytes: number;
  /** Types of its tensors, the one with the most bytes first: F32, BF16, F16. */
  readonly dtypes: readonly string[];
  /** Layers that the adapter changes. */
  readonly layers: number;
  /** How the base was held in training, where that was not as stored: it is merged as those numbers. */
  readonly baseWeights?: BaseWeights;
  /** Bytes that the browser still gives this page: a zip is put together there. */
  readonly free: number;
}

/** The base is not the open model: which one to open, where this browser has it. */
export interface OtherBase {
  readonly baseModel: string;
  readonly model?: ModelRef;
}

export interface MergingApi {
  /** Looks at the headers of the files, and at no weights. */
  planMerge(id: string): Promise<Outcome<{ readonly plan: MergePlan } | { readonly otherBase: OtherBase }>>;
  /**
   * Merges, tensor by tensor: the page's memory holds one of them at a time. The tensors are those of `graft merge`, bit for bit.
   *
   * @param target a folder of the person's disk, in which a new folder is made; without one the folder becomes a zip
   * @returns the name of the folder or of the zip, and the zip
   */
  merge(
    id: string,
    target: FileSystemDirectoryHandle | undefined,
    onProgress?: OnProgress,
  ): Promise<Outcome<{ readonly name: string; readonly zip?: Blob }>>;
  /** Ends merging: it fails with `worker-aborted`, and nothing of it is left. */
  stopMerging(): Promise<void>;
}
