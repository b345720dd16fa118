/** Changes of the open rows by hand, and the history that they and the mends of findings share. */
import type { ReplaceFound, Replacement } from '../../data/replace.ts';
import type { RowsDiff } from '../../data/row-changes.ts';
import type { Part } from '../../data/parts.ts';
import type { RowQuery } from '../../data/row-list.ts';
import type { ExampleContent } from '../../text/trainable.ts';
import type { DataOptions, DataSummary } from './data.ts';
import type { Failure, OnProgress, Outcome } from './outcome.ts';

export type { ExampleContent } from '../../text/trainable.ts';
export type { ReplaceFound, Replacement } from '../../data/replace.ts';
export type { RowsDiff } from '../../data/row-changes.ts';

/** A step of the history. */
export interface StepInfo {
  /** The version that it made. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly done: string;
  readonly diff?: RowsDiff;
  /** Whether it changed how rows are read, as the mends of findings do. */
  readonly mends: boolean;
}

/** The versions that led to the open rows. */
export interface DataHistory {
  /** Of the open rows; 1 as they were imported. */
  readonly version: number;
  /** The oldest first. */
  readonly steps: readonly StepInfo[];
  /** The latest step that was undone from here. */
  readonly redo?: StepInfo;
}

/** The texts of a row for a form. */
export interface WritableRow {
  readonly at: number;
  readonly file: number;
  readonly line: number;
  readonly part?: Part;
  /** Missing if the row cannot be edited. */
  readonly content?: ExampleContent;
}

/** A change of rows; each is one step. Rows are named by their places in the list. */
export type RowsEdit =
  /** `amends`: the version that the same writing has made so far, which it replaces. */
  | {
      readonly kind: 'write';
      readonly at: number;
      readonly content: ExampleContent;
      readonly amends?: number;
    }
  | { readonly kind: 'move'; readonly rows: readonly number[]; readonly part: Part }
  | { readonly kind: 'delete'; readonly rows: readonly number[] }
  /** A copy of a row after it, or a row with these texts. */
  | {
      readonly kind: 'add';
      readonly after: number;
      readonly content?: ExampleContent;
      /** Those of the row before it, if left out. */
      readonly columns?: Readonly<Record<string, unknown>>;
      /** That of the row before it, if left out. */
      readonly part?: Part;
    }
  /** As the row is in its file. */
  | { readonly kind: 'restore'; readonly at: number }
  | { readonly kind: 'replace'; readonly replacement: Replacement; readonly among: EditQuery };

/** The rows of the list that are meant. */
export type EditQuery = Omit<RowQuery, 'from' | 'count'>;

/** The rows after a change. */
export interface ChangedData {
  readonly data: DataSummary;
  readonly options: DataOptions;
  readonly history: DataHistory;
  /** The place of the row that was written or added. */
  readonly at?: number;
  /** Why the change will be lost when the page is closed. */
  readonly notKept?: Failure;
}

export interface EditsApi {
  /** The history of the open rows. */
  dataHistory(): Promise<Outcome<{ readonly history: DataHistory }>>;
  writableRow(at: number): Promise<Outcome<{ readonly row: WritableRow }>>;
  /** Changes rows, and keeps that as a version. Fails with `edit-row` for what a row cannot be and with `test-locked` for rows that stay, and changes nothing then. */
  editRows(edit: RowsEdit, onProgress?: OnProgress): Promise<Outcome<ChangedData>>;
  /** How the open rows are read at another version: opening them like this goes there. */
  optionsOfVersion(version: number): Promise<Outcome<{ readonly options: DataOptions }>>;
  /** The changes of the open rows as a file, for the command that repeats a run. */
  exportChanges(): Promise<Outcome<{ readonly fileName: string; readonly file: Blob }>>;
  /** What a replacement would change. Stopped, it fails with `worker-aborted`. */
  findToReplace(
    replacement: Replacement,
    among: EditQuery,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly found: ReplaceFound }>>;
}
