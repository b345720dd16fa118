/** Where rows come from: their files, and the roles of a second file. */
import { USUAL_SPLIT } from '../../data/split.ts';
import type { DataFile, DataOptions, OtherFiles } from '../../worker/api.ts';
import type { SampleDataSet } from '../start/samples.svelte.ts';

export interface Source extends OtherFiles {
  readonly name: string;
  readonly file: DataFile;
  /** The bundled sample that it is. */
  readonly sample?: SampleDataSet;
}

/** The role of a second file next to the open rows. */
export type SecondUse = 'replace' | 'more' | 'test' | TaskUse;

/** Another task next to the rows. */
export interface TaskUse {
  readonly task: string;
  /** The task's share of the rows that are drawn, from 0 to 1; in proportion to its rows if left out. */
  readonly share?: number;
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
