/** Where rows come from: their files, and the roles of a second file. */
import { ROWS_FILE, TEST_FILE } from '../../data/parts.ts';
import { USUAL_SPLIT } from '../../data/split.ts';
import type { DataFile, DataOptions, DataSummary, OtherFiles } from '../../worker/api.ts';
import type { Sample } from '../start/samples.svelte.ts';

export interface Source extends OtherFiles {
  readonly name: string;
  readonly file: DataFile;
  /** The bundled sample that it is. */
  readonly sample?: Sample;
}

/** The role of a second file next to the open rows. */
export type SecondUse = 'replace' | 'more' | 'test' | TaskUse;

/** Another task next to the rows. */
export interface TaskUse {
  readonly task: string;
  /** The task's share of the rows that are drawn, from 0 to 1; in proportion to its rows if left out. */
  readonly share?: number;
}

/** Files with their hashes, so that large ones are not hashed again. @param opened the same files as they were opened */
export function withHashes(source: Source, { files }: Pick<DataSummary, 'files'>): Source {
  const hashed = (file: DataFile, place: number): DataFile => {
    const version = files.at(place)?.version;
    return file.bytes instanceof Blob && version !== undefined ? { ...file, sha256: version } : file;
  };
  const { file, heldOut, more } = source;
  return {
    ...source,
    file: hashed(file, ROWS_FILE),
    ...(heldOut && { heldOut: hashed(heldOut, TEST_FILE) }),
    ...(more && { more: more.map((one, at) => hashed(one, TEST_FILE + 1 + at)) }),
  };
}

/** Rows, and how they are read. */
export interface RowReading {
  readonly source: Source;
  readonly options: DataOptions;
}

/** The command starts with the same, except for the split. */
export const SPLIT: DataOptions = {
  maxLength: 512,
  overlong: 'truncate-end',
  ...USUAL_SPLIT,
  seed: 42,
};
