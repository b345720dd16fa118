/** Settings as a project keeps them: one for each set of rows and model, so that a sample leaves nothing in the settings of other rows. */
import type { Mapping } from '../../data/mapping.ts';
import type { RunOptions } from '../../worker/api.ts';

export const START: RunOptions = {
  name: 'Run 1',
  steps: 60,
  batch: 8,
  accumulate: 1,
  maxLength: 512,
  lr: 1e-3,
  schedule: 'cosine',
  warmup: 5,
  weightDecay: 0,
  clip: 1,
  rank: 8,
  alpha: 16,
  dropout: 0,
  rsLora: false,
  targets: [],
  rateRatio: 1,
  seed: 42,
  packing: false,
  checkpointing: false,
  evalEvery: 0,
  patience: 0,
  sampleEvery: 0,
  samplePrompt: '',
};

/** What settings belong to: rows by their version and by how their columns are read, and a model, as rates and layers suit one model only. */
export interface Place {
  readonly rows: string;
  readonly model: string;
}
export interface PlacedSettings extends Place {
  readonly options: RunOptions;
}

export function placeOf(version = '', mapping?: Mapping, content = ''): Place {
  return { rows: JSON.stringify(mapping ? [version, mapping] : [version]), model: content };
}

const samePlace = (a: Place, b: Place): boolean => a.rows === b.rows && a.model === b.model;

/** A project remembers the settings of so many sets of rows, the latest ones. */
const MOST = 20;

/** The settings that were left with these rows and this model. */
export function settingsAt(kept: readonly PlacedSettings[], place: Place): RunOptions | undefined {
  return kept.find((entry) => samePlace(entry, place))?.options;
}

/** @returns the list with these settings as its latest entry */
export function withSettings(
  kept: readonly PlacedSettings[],
  { rows, model }: Place,
  options: RunOptions,
): readonly PlacedSettings[] {
  const others = kept.filter((entry) => !samePlace(entry, { rows, model }));
  return [...others, { rows, model, options }].slice(-MOST);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Settings from storage. A value of the wrong kind is replaced by the one that a run starts with. */
export function readOptions(kept: unknown): RunOptions {
  const values = isObject(kept) ? kept : {};
  const fits = Object.entries(START).filter(([key, start]) => {
    const value = values[key];
    return Array.isArray(start)
      ? Array.isArray(value) && value.every((item) => typeof item === 'string')
      : typeof value === typeof start;
  });
  return { ...START, ...Object.fromEntries(fits.map(([key]) => [key, values[key]])) };
}

/** @returns undefined for what is no place, as in projects that were kept before settings had one */
export function readPlace(kept: unknown): Place | undefined {
  if (!isObject(kept)) return undefined;
  const { rows, model } = kept;
  return typeof rows === 'string' && typeof model === 'string' ? { rows, model } : undefined;
}

/** Entries that cannot be read are left out. */
export function readPlaced(kept: unknown): readonly PlacedSettings[] {
  if (!Array.isArray(kept)) return [];
  return kept
    .flatMap((entry: unknown) => {
      const place = readPlace(entry);
      return place && isObject(entry) ? [{ ...place, options: readOptions(entry['options']) }] : [];
    })
    .slice(-MOST);
}
