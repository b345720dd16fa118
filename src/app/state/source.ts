/** Where rows come from: their files, and what a second file is to them. */
import type { Mixture } from '../../data/mixture.ts';
import { TEST_FILE } from '../../data/parts.ts';
import { withoutFile } from '../../data/skip-list.ts';
import type { DataFile, DataOptions, OtherFiles } from '../../worker/api.ts';
import type { Sample } from '../start/samples.svelte.ts';

export interface Source extends OtherFiles {
  readonly name: string;
  readonly file: DataFile;
  /** The bundled sample that it is. */
  readonly sample?: Sample;
}

/** What a second file is to the rows that are open. */
export type SecondUse = 'replace' | 'more' | 'test' | TaskUse;

/** Another task beside the rows. */
export interface TaskUse {
  readonly task: string;
  /** Of all rows that are drawn, from 0 to 1; as its rows are many if left out. */
  readonly share?: number;
}

/** Rows, and how they are read. */
export interface Reading {
  readonly source: Source;
  readonly options: DataOptions;
}

/** What the command starts with, too, but for the split. */
export const SPLIT: DataOptions = {
  maxLength: 512,
  overlong: 'truncate-end',
  validation: 0.1,
  test: 0.1,
  seed: 42,
};

/** The rows with another file beside them; test rows take the place of those that were there. */
export function withFile({ source, options }: Reading, file: DataFile, as: 'more' | 'test'): Reading {
  const more = { ...source, more: [...(source.more ?? []), file] };
  if (as === 'more') return { source: more, options };
  return {
    source: { ...source, heldOut: file },
    options: skipping(
      options.mixture ? options : { ...options, test: 0 },
      withoutFile(options.skip, TEST_FILE),
    ),
  };
}

/** The mixture without the task of a file; undefined where one task is left. */
function withoutTask(mixture: Mixture | undefined, place: number): Mixture | undefined {
  const tasks = (mixture?.tasks ?? [])
    .filter(({ file }) => file !== place)
    .map((task) => (task.file > place ? { ...task, file: task.file - 1 } : task));
  return mixture && tasks.length > 1 ? { ...mixture, tasks } : undefined;
}

/** Options without a mixture where there is none: they are compared by what they hold. */
function mixing({ mixture: _, ...options }: DataOptions, mixture: Mixture | undefined): DataOptions {
  return mixture ? { ...options, mixture } : options;
}

/** The rows without a file that is beside them. @param place of the file, as in the summary */
export function withoutPlace({ source, options }: Reading, place: number): Reading {
  const { heldOut, more = [], ...rest } = source;
  const isTest = place === TEST_FILE;
  const left = more.filter((_, at) => at !== place - TEST_FILE - 1);
  return {
    source: { ...rest, ...(heldOut && !isTest && { heldOut }), ...(left.length > 0 && { more: left }) },
    options: skipping(
      mixing(
        { ...options, ...(isTest && { test: SPLIT.test }) },
        isTest ? options.mixture : withoutTask(options.mixture, place),
      ),
      withoutFile(options.skip, place),
    ),
  };
}

/** Without a list of rows that are left out where there are none: options are compared by what they hold. */
export function skipping({ skip: _, ...options }: DataOptions, skip: DataOptions['skip']): DataOptions {
  return skip ? { ...options, skip } : options;
}
