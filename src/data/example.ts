/** One example of a data set, and where it stands in its file. */
import type { ExampleContent } from '../text/trainable.ts';

/** What the numbers of a file's rows count: its lines, or the rows themselves if these share a line. */
export type Numbering = 'line' | 'row';

export type Example = ExampleContent & {
  /** Where it starts in its file, from 1; see {@link Numbering}. */
  readonly line: number;
  /** The columns that it does not use, if they are kept: rewards may need them. */
  readonly columns?: Readonly<Record<string, unknown>>;
  /** Which parts of the row are not learned from, in sentences. */
  readonly notes?: readonly string[];
};

/** Kinds of mistakes in rows that a check of the rows names. */
export type RowFault = 'empty-answer' | 'no-answer' | 'unknown-role' | 'identical-pair';

/** A row that could not be read. */
export interface Problem {
  /** Where it starts in its file, from 1; see {@link Numbering}. */
  readonly line: number;
  /** What is wrong, as a sentence without its full stop: `messages[2] has the role "tool", which …`. */
  readonly reason: string;
  readonly fault?: RowFault;
}

/** Rows of a JSON file in a list other than the one that is read. */
export interface LeftList {
  readonly name: string;
  readonly rows: number;
}
