/** Data sets. */
import type { LeftList, Numbering } from '../../data/example.ts';
import type { Mapping } from '../../data/mapping.ts';
import type { Part, Skipped } from '../../data/parts.ts';
import type { Sheet } from '../../data/sheet-types.ts';
import type { Histogram } from '../../data/statistics.ts';
import type { UnusedColumn } from '../../data/unused.ts';
import type { Failure, OnProgress, Outcome } from './outcome.ts';
import type { ProjectInfo } from './projects.ts';

/** Where examples come from: a file's name decides how it is read. */
export interface DataFile {
  readonly name: string;
  /** Where it lies beside the headless command: a bundled sample has a place in the repository. */
  readonly path?: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What belongs to a file of rows. They are read as it is. */
export interface OtherFiles {
  /** Test rows of their own, whole. */
  readonly heldOut?: DataFile;
  /** More rows, which are split with the first. */
  readonly more?: readonly DataFile[];
}

export interface DataOptions {
  /** Which columns are prompt and answer, where the format is none of the known ones. */
  readonly mapping?: Mapping;
  /** Whether the first row of a table names the columns, and what stands between cells. Default: told by its looks. */
  readonly header?: boolean;
  readonly delimiter?: string;
  readonly maxLength: number;
  readonly overlong: 'truncate-end' | 'truncate-prompt' | 'drop';
  /** Fractions of the rows. */
  readonly validation: number;
  readonly test: number;
  readonly seed: number;
  /** Rows that are left out, by the place of their file: the rows, the test rows, more rows. */
  readonly skip?: Skipped;
  /** Whether one row is kept of those that teach the same. Default: all are. */
  readonly dropCopies?: boolean;
}

/** What a data set is called, beside the names of its files. */
export interface DataName {
  readonly name: string;
  /** The bundled sample that it is. */
  readonly sample?: string;
}

/** Names the rows that something was trained on: a name, and which version of the content. */
export interface DataRef {
  readonly name: string;
  /** SHA-256 of the files' bytes, in hex. */
  readonly version: string;
  /** When this version came into its project, in milliseconds since 1970. */
  readonly created: number;
}

/** A data set that a project keeps. */
export interface DataSetInfo extends DataRef {
  readonly sample?: string;
  readonly options: DataOptions;
  readonly format: string;
  readonly rows: number;
  readonly bytes: number;
}

/** A row, wherever it stands. */
export interface RowPlace {
  /** In the list of rows. */
  readonly at: number;
  /** Place of its file in {@link DataSummary.files}. */
  readonly file: number;
  readonly line: number;
}

/** Rows that fare alike: how many, and the first of them. */
export interface RowGroup {
  readonly count: number;
  readonly rows: readonly RowPlace[];
  /** Tokens of the longest of them, before the limit. */
  readonly longest: number;
}

/** What became of one file. */
export interface FileSummary {
  readonly name: string;
  /** Rows of it that are used. */
  readonly rows: number;
  readonly unused: readonly UnusedColumn[];
}

export interface DataSummary {
  /** The rows, the test rows, more rows; undefined where there is no file of test rows before more. */
  readonly files: readonly (FileSummary | undefined)[];
  readonly format: string;
  /** What the numbers of rows count, here and in the list: lines, or rows where these share a line. */
  readonly numbering: Numbering;
  /** Lists of a JSON file that were not read. */
  readonly left: readonly LeftList[];
  readonly rows: { readonly train: number; readonly validation: number; readonly test: number };
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** Tokens of the longest row that is used, after the limit; `lengths.longest` is of all rows before it. */
  readonly longest: number;
  /** The first hundred, by line. */
  readonly problems: readonly { readonly file: number; readonly line: number; readonly reason: string }[];
  readonly problemCount: number;
  readonly cut: RowGroup;
  readonly dropped: RowGroup;
  readonly unsupervised: RowGroup;
  /** Left out by a person. */
  readonly skipped: RowGroup;
  /** Left out because another row teaches the same. */
  readonly copies: RowGroup;
  readonly notes: readonly { readonly note: string; readonly lines: readonly number[] }[];
  /** All rows of the list: those that are used, those left out, and the bad ones that are told. */
  readonly listed: number;
  /** What to ask to see how a run goes: the prompt of the first row that is held out, or else trained on. Missing where no row asks. */
  readonly prompt?: string;
  /** Tokens of rows before the limit. */
  readonly lengths: Histogram;
  /** Rows that teach exactly what an earlier one does. */
  readonly repeated: number;
  /** Held-out rows that are trained on too: the first hundred, with a row that trains on them. */
  readonly leaks: readonly { readonly row: RowPlace; readonly part: Part; readonly of: RowPlace }[];
  readonly leakCount: number;
}

export type { Part } from '../../data/parts.ts';

/** How well a model's vocabulary fits rows. */
export interface RowFit {
  /** Tokens that a word takes, those of punctuation aside. */
  readonly tokensPerWord: number;
}

/** Data sets: files in, rows out. */
export interface DataApi {
  /**
   * Reads examples and makes rows of them with the open model's tokenizer. They become the data of the next run.
   *
   * @param others test rows and more rows, from files of their own
   * @param keep the name to keep them under in the open project; if none is open, in a new one of that name
   * @returns `notKept` where they are open and could not be kept
   */
  openData(
    file: DataFile,
    options: DataOptions,
    others?: OtherFiles,
    onProgress?: OnProgress,
    keep?: DataName,
  ): Promise<
    Outcome<{
      readonly data: DataSummary;
      /** SHA-256 of the files' bytes, in hex. */
      readonly version: string;
      readonly kept?: DataSetInfo;
      readonly project?: ProjectInfo;
      readonly notKept?: Failure;
    }>
  >;
  /** How well the open model fits the open rows; without a fit where the rows have no words. */
  fitOfRows(): Promise<Outcome<{ readonly fit?: RowFit }>>;
  /** Ends imports early: they fail with `worker-aborted`, and the data before stays. Resolves when none can keep anything any more. */
  stopData(): Promise<void>;
  /** Data sets that the open project keeps, the newest first. */
  listData(): Promise<Outcome<{ readonly sets: readonly DataSetInfo[] }>>;
  /** The files of one, to open it again. */
  readData(
    version: string,
  ): Promise<Outcome<{ readonly set: DataSetInfo; readonly file: DataFile } & OtherFiles>>;
  deleteData(version: string): Promise<Outcome<object>>;
  /** The first rows of a file and its columns, for a mapping. @param head the first `HEAD_BYTES` of it */
  inspectData(
    head: DataFile,
    options: Pick<DataOptions, 'header' | 'delimiter'>,
  ): Promise<Outcome<{ readonly sheet: Sheet | undefined }>>;
}
