/** Where rows come from: their files, and what a second file is to them. */
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
export type SecondUse = 'replace' | 'more' | 'test';

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
export function withFile(
  { source, options }: Reading,
  file: DataFile,
  as: Exclude<SecondUse, 'replace'>,
): Reading {
  if (as === 'more') return { source: { ...source, more: [...(source.more ?? []), file] }, options };
  return {
    source: { ...source, heldOut: file },
    options: skipping({ ...options, test: 0 }, withoutFile(options.skip, TEST_FILE)),
  };
}

/** The rows without a file that is beside them. @param place of the file, as in the summary */
export function withoutPlace({ source, options }: Reading, place: number): Reading {
  const { heldOut, more = [], ...rest } = source;
  const isTest = place === TEST_FILE;
  const left = more.filter((_, at) => at !== place - TEST_FILE - 1);
  return {
    source: { ...rest, ...(heldOut && !isTest && { heldOut }), ...(left.length > 0 && { more: left }) },
    options: skipping({ ...options, ...(isTest && { test: SPLIT.test }) }, withoutFile(options.skip, place)),
  };
}

/** Without a list of rows that are left out where there are none: options are compared by what they hold. */
export function skipping({ skip: _, ...options }: DataOptions, skip: DataOptions['skip']): DataOptions {
  return skip ? { ...options, skip } : options;
}
