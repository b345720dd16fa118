/** Base plus adapter as one model folder, for programs that know no adapters. */
import type { MergedFolder } from '../../export/merge-folder.ts';
import type { ModelRef } from './models.ts';
import type { OnProgress, Outcome } from './outcome.ts';

/** What merging would make. */
export interface MergePlan extends MergedFolder {
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
