/** All stored data, and requests. */
import type { NetworkRequest } from '../../requests.ts';
import type { OnProgress, Outcome } from './outcome.ts';

/** A base model that an imported project needs and this browser does not keep. */
export interface MissingBase {
  readonly project: string;
  readonly name: string;
  /** The content that the project was made with, in hex, if the zip says it. */
  readonly content?: string;
  /** Its source: an address from which it can be downloaded again. */
  readonly source?: string;
  /** Whether a different model of this name is here. */
  readonly other: boolean;
}

/** The result of an import: how many of each were added, and what was left out. */
export interface ImportReport {
  readonly projects: number;
  readonly dataSets: number;
  readonly runs: number;
  readonly adapters: number;
  readonly results: number;
  /** Answers that a person has judged. */
  readonly feedback: number;
  readonly documents: number;
  readonly sweeps: number;
  readonly models: number;
  readonly skipped: readonly { readonly what: string; readonly why: string }[];
  readonly missing: readonly MissingBase[];
}

type Exported = Outcome<{ readonly fileName: string; readonly file: Blob }>;

/** All stored data, and the requests of the worker. Stopped, an export or import fails with `worker-aborted`. */
export interface StorageApi {
  /** Everything that is kept, as one zip. @param models whether it contains base models */
  exportAll(models: boolean, onProgress?: OnProgress, signal?: AbortSignal): Promise<Exported>;
  /** One project as a zip: its rows, settings, runs, adapters and results; its base model by name and fingerprint. */
  exportProject(id: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<Exported>;
  /** Adds the records of such a zip; nothing is overwritten. Progress is in bytes of the zip. Stopped, it is undone. */
  importAll(
    file: File,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly report: ImportReport }>>;
  /** Deletes projects, data sets, runs, adapters, settings and base models, for good. */
  deleteAll(): Promise<Outcome<object>>;
  /** Bytes in use and granted, and whether the browser promised to keep them. */
  storage(): Promise<
    Outcome<{ readonly usage: number; readonly quota: number; readonly persistent: boolean }>
  >;
  /** Reports every request of this worker. The call does not end: callbacks of an ended call are ignored. */
  watchRequests(onRequest: (asked: NetworkRequest) => void): Promise<never>;
}
