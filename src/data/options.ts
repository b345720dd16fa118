/** The files of rows and how they are read: choices that are stored with a data set, so that the same files give the same rows. */
import type { TextOptions } from './documents.ts';
import { readPart, contentSize, type FileContent } from './file-content.ts';
import type { Mapping } from './mapping.ts';
import type { Mixture } from './mixture.ts';
import type { FairSplit, Skipped } from './parts.ts';

/** Where examples come from: a file's name decides how it is read. */
export interface DataFile {
  readonly name: string;
  /** Its path for the headless command: a bundled sample has one in the repository. */
  readonly path?: string;
  /** A large one is not in memory. */
  readonly bytes: FileContent;
  /** SHA-256 of it in hex, if it is known. */
  readonly sha256?: string;
}

/** Other files next to the rows. They are read in the same way. */
export interface OtherFiles {
  /** A file of test rows, all of which are used. */
  readonly heldOut?: DataFile;
  /** More rows, which are split with the first. */
  readonly more?: readonly DataFile[];
}

export interface DataOptions {
  /** Which columns are prompt and answer, if the format is unknown. */
  readonly mapping?: Mapping;
  /** Whether the first row of a table names the columns, and the character between cells. Default: detected. */
  readonly header?: boolean;
  readonly delimiter?: string;
  readonly maxLength: number;
  readonly overlong: 'truncate-end' | 'truncate-prompt' | 'drop';
  /** Fractions of the rows. */
  readonly validation: number;
  readonly test: number;
  readonly seed: number;
  /** Whether each part gets its share of each label or value of a column, and rows with one value of a column stay together. Default: single rows are drawn. */
  readonly fair?: FairSplit;
  /** Rows that are left out, by the place of their file: the rows, the test rows, more rows. */
  readonly skip?: Skipped;
  /** Whether only one of several equal rows is kept. Default: all are. */
  readonly dropCopies?: boolean;
  /** Several tasks, each with its own file. Default: one task. */
  readonly mixture?: Mixture;
  /** How text files become rows. */
  readonly text?: TextOptions;
  /** The version of the rows: a person's changes up to it are applied. Missing for rows as they were imported. */
  readonly revision?: number;
}

/** Identifies a data set: an adapter names the rows that it was trained on even when these are deleted. */
export interface DataRef {
  readonly name: string;
  /** SHA-256 of the files' bytes, in hex: other rows are another version. */
  readonly version: string;
  /** When this version came into its project, in milliseconds since 1970. */
  readonly created: number;
  /** The version of its rows, if a person changed them (`DataOptions.revision`). */
  readonly revision?: number;
}

/** SHA-256 over the bytes of the rows, of test rows of their own, and of more rows, in hex. @throws GraftError `file-gone` */
export async function versionOf(file: DataFile, { heldOut, more = [] }: OtherFiles = {}): Promise<string> {
  const together = async (digests: readonly BlobPart[]): Promise<ArrayBuffer> =>
    crypto.subtle.digest('SHA-256', await new Blob([...digests]).arrayBuffer());
  const [rows, test, others] = await Promise.all([
    digestOf(file),
    heldOut && digestOf(heldOut),
    Promise.all(more.map(digestOf)),
  ]);
  // One file is named by its own digest, as other tools would. More rows are marked: they are not the same as test rows.
  const own = others.length === 0 ? rows : await together([rows, 'more', ...others]);
  const whole = test ? await together([own, test]) : own;
  return Array.from(new Uint8Array(whole), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function digestOf({ bytes, sha256 }: DataFile): Promise<Uint8Array<ArrayBuffer>> {
  if (sha256 !== undefined) return Uint8Array.from(sha256.match(/../g) ?? [], (hex) => parseInt(hex, 16));
  return new Uint8Array(await crypto.subtle.digest('SHA-256', await readPart(bytes, 0, contentSize(bytes))));
}
