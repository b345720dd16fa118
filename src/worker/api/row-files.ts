/** Files of rows: those that come together in a zip or a data set on the hub, and those that are written. */
import type { FileContent } from '../../data/file-content.ts';
import type { Part } from '../../data/parts.ts';
import type { FileFormat, RowForm } from '../../data/write-rows.ts';
import type { ZippedRows } from '../../data/zip-rows.ts';
import type { DownloadStatus, HubAccess, ModelOffer } from './downloads.ts';
import type { Outcome } from './outcome.ts';

export type { FileFormat, RowForm } from '../../data/write-rows.ts';
export type { RefusedFile } from '../../data/zip-rows.ts';

/** A file that was taken out of a zip, or that came from the hub. */
export interface TakenFile {
  readonly name: string;
  readonly bytes: FileContent;
}

/** A data set whose files have not all come. */
export interface PartialRows {
  readonly name: string;
  readonly source: string;
  /** The files that were chosen. */
  readonly files: readonly string[];
  readonly done: number;
  readonly bytes?: number;
}

/** Which of the open rows are written, and how. */
interface RowsFile {
  readonly format: FileFormat;
  readonly form: RowForm;
  /** All listed rows that can be read, if left out. */
  readonly part?: Part;
}

export interface RowFilesApi {
  /** The open rows with their changes as a file. */
  writeRows(
    wanted: RowsFile,
  ): Promise<Outcome<{ readonly fileName: string; readonly file: Blob; readonly rows: number }>>;
  /** The files of rows in a zip, and those that are refused. */
  listZip(zip: File): Promise<Outcome<ZippedRows>>;
  /** @param paths of files in the zip */
  readZip(zip: File, paths: readonly string[]): Promise<Outcome<{ readonly files: readonly TakenFile[] }>>;
  /**
   * Finds the files of a data set on the hub, without fetching any. Stopped, it fails with `worker-aborted`.
   *
   * @param asked `org/name`, `org/name@revision`, or the address of its page
   */
  findRows(
    asked: string,
    access: HubAccess,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly offer: ModelOffer }>>;
  /**
   * Fetches files of a data set; continues where an earlier download of the same files stopped.
   *
   * @param source of an offer, or of a download that was begun
   * @param chosen names of files of the offer
   * @returns without files if it was paused: what came is kept
   */
  downloadRows(
    source: string,
    chosen: readonly string[],
    access: HubAccess,
    onStatus: (status: DownloadStatus) => void,
  ): Promise<Outcome<{ readonly files?: readonly TakenFile[] }>>;
  /** Pauses a running download, and keeps its bytes. */
  pauseRows(source: string): Promise<void>;
  /** Deletes what came of a data set. */
  dropRows(source: string): Promise<Outcome<object>>;
  /** Downloads of data sets that are not complete. */
  listPartialRows(): Promise<Outcome<{ readonly partials: readonly PartialRows[] }>>;
}
