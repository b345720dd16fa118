/** The parts of a bundled data set. */
import { countParts } from '../../data/split.ts';
import type { DataOptions } from '../../worker/api.ts';
import { SPLIT } from '../data/source.ts';
import type { SampleDataSet } from './samples.svelte.ts';

interface Rows {
  readonly rows: number;
  readonly settings: Pick<SampleDataSet['settings'], 'maxLength'>;
}

/** How a sample is opened: its test rows are a file of their own. */
export const sampleSplit = ({ settings: { maxLength } }: Pick<Rows, 'settings'>): DataOptions => ({
  ...SPLIT,
  maxLength,
  test: 0,
});

/** How many of its rows are trained on, and how many check the run. */
export const samplePartsOf = (sample: Rows): { readonly train: number; readonly validation: number } =>
  countParts(sample.rows, sampleSplit(sample));
