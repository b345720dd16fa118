/** Everything that is kept, and requests. */
import type { Asked } from '../../requests.ts';
import type { OnProgress, Outcome } from './outcome.ts';

/** A base model that an imported project needs and this browser does not keep. */
export interface MissingBase {
  readonly project: string;
  readonly name: string;
  /** The content that the project was made with, in hex, where that is said. */
  readonly content?: string;
  /** Where it came from: an address that it can be downloaded from again. */
  readonly source?: string;
  /** A model of this name is here, and it is another one. */
  readonly other: boolean;
}

/** What came of an import: how many of each were added, and what was left out. */
export interface ImportReport {
  readonly projects: number;
  readonly dataSets: number;
  readonly runs: number;
  readonly adapters: number;
  readonly results: number;
  /** Answers that a person has judged. */
  readonly feedback: number;
  readonly models: number;
  readonly skipped: readonly { readonly what: string; readonly why: string }[];
  readonly missing: readonly MissingBase[];
}

type Exported = Outcome<{ readonly fileName: string; readonly file: Blob }>;

/** All that is kept, and what was asked of the network. */
export interface StorageApi {
  /** Everything that is kept, as one zip. @param models whether base models come along */
  exportAll(models: boolean, onProgress?: OnProgress): Promise<Exported>;
  /** One project as a zip: its rows, settings, runs, adapters and results; its base model by name and fingerprint. */
  exportProject(id: string, onProgress?: OnProgress): Promise<Exported>;
  /** Ends an export: it fails with `worker-aborted`. */
  stopExport(): Promise<void>;
  /** Adds what such a zip holds beside what is here; nothing is written over. Progress is in bytes of the zip. */
  importAll(file: File, onProgress?: OnProgress): Promise<Outcome<{ readonly report: ImportReport }>>;
  /** Ends an import: it fails with `worker-aborted`, and what it had added is taken back. */
  stopImport(): Promise<void>;
  /** Projects, data sets, runs, adapters, settings and base models, for good. */
  deleteAll(): Promise<Outcome<object>>;
  /** Bytes in use and granted, and whether the browser promised to keep them. */
  storage(): Promise<
    Outcome<{ readonly usage: number; readonly quota: number; readonly persistent: boolean }>
  >;
  /** Tells every request that this worker made and makes. It does not end: a call that has ended is not heard any more. */
  watchRequests(onRequest: (asked: Asked) => void): Promise<never>;
}
