/** Data sets. */
import type { PlacedFinding } from '../../data/findings/open-rows.ts';
import type { RowFit } from '../../data/fit.ts';
import type { DataFile, DataOptions, DataRef, OtherFiles } from '../../data/options.ts';
import type { Sheet } from '../../data/sheet-types.ts';
import type { DataSummary } from '../../data/summary.ts';
import type { DataHistory } from './edits.ts';
import type { Failure, OnProgress, Outcome } from './outcome.ts';
import type { ProjectInfo } from './projects.ts';

export type { FindingId, Severity } from '../../data/findings/finding.ts';
export type { PlacedFinding } from '../../data/findings/open-rows.ts';
export type { RowFit } from '../../data/fit.ts';
export type { DataFile, DataOptions, DataRef, OtherFiles } from '../../data/options.ts';
export type { DataSummary, FileSummary, RowGroup, RowPlace } from '../../data/summary.ts';

/** The name of a data set, and its sample. */
export interface DataName {
  readonly name: string;
  /** The bundled sample that it is. */
  readonly sample?: string;
  /** What reading the open rows in another way does, as a sentence: it becomes a step of their history. */
  readonly done?: string;
  /** Fails with `test-locked` if the same file of rows would get another test part than one that was looked at. */
  readonly keepsTest?: true;
  /** The rows are opened for the first time: a column that names their parts divides them. */
  readonly isNew?: true;
  /** The data set whose changes these rows had with other files next to them. */
  readonly earlier?: {
    /** Of its files. */
    readonly version: string;
    /** The place of a file that was taken away or replaced. */
    readonly gone?: number;
  };
}

/** A data set that a project keeps. */
export interface DataSetInfo extends DataRef {
  readonly sample?: string;
  readonly options: DataOptions;
  readonly format: string;
  readonly rows: number;
  readonly bytes: number;
}

export type { Part } from '../../data/parts.ts';

/** How often the test part was looked at, by evaluations of what was tuned. */
export interface TestLooks {
  readonly count: number;
  /** The latest look, in milliseconds since 1970. */
  readonly last?: number;
  /** Whether its rows stay as they are until a person unlocks it. */
  readonly locked: boolean;
}

/** Data sets: files in, rows out. */
export interface DataApi {
  /**
   * Reads examples and makes rows of them with the open model's tokenizer. They become the data of the next run.
   *
   * @param others test rows and more rows, from files of their own
   * @param keep the name to keep them under in the open project; if none is open, in a new one of that name
   * @returns `notKept` if they are open and could not be kept. Stopped, it fails with `worker-aborted`, and the rows that were open stay
   */
  openData(
    file: DataFile,
    options: DataOptions,
    others?: OtherFiles,
    onProgress?: OnProgress,
    keep?: DataName,
    signal?: AbortSignal,
  ): Promise<
    Outcome<{
      readonly data: DataSummary;
      /** SHA-256 of the files' bytes, in hex. */
      readonly version: string;
      /** How they are read: with the version that a new step made. */
      readonly options: DataOptions;
      readonly history: DataHistory;
      readonly kept?: DataSetInfo;
      readonly project?: ProjectInfo;
      /** Where large files are kept now. */
      readonly files?: { readonly file: DataFile } & OtherFiles;
      readonly notKept?: Failure;
    }>
  >;
  /** How well the open model fits the open rows; without a fit if the rows have no words. */
  fitOfRows(): Promise<Outcome<{ readonly fit?: RowFit }>>;
  /**
   * Checks the open rows by the rules of `graft check`, with the tokenizer of the open model if there is one.
   * Stopped, it fails with `worker-aborted`.
   *
   * @returns the findings, the gravest first
   */
  checkData(
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly findings: readonly PlacedFinding[]; readonly withModel: boolean }>>;
  /** The looks at the test part of the open rows. */
  testLooks(): Promise<Outcome<{ readonly looks: TestLooks }>>;
  /** Lets the rows of that test part be changed until the page is closed. */
  unlockTest(): Promise<Outcome<object>>;
  /** Data sets that the open project keeps, the newest first. */
  listData(): Promise<Outcome<{ readonly sets: readonly DataSetInfo[] }>>;
  /** The files of one, to open it again. */
  readData(
    version: string,
  ): Promise<Outcome<{ readonly set: DataSetInfo; readonly file: DataFile } & OtherFiles>>;
  deleteData(version: string): Promise<Outcome<object>>;
  /** The first rows of a file and its columns, for a mapping. @param head the file, or as much of it as `headLength` says */
  inspectData(
    head: DataFile,
    options: Pick<DataOptions, 'header' | 'delimiter'>,
  ): Promise<Outcome<{ readonly sheet: Sheet | undefined }>>;
}
