/** The table of models to choose from: the bundled one, those that are kept, and small ones of the hub. */
import type { CuratedModel, KeptModel, ModelForecast } from '../../worker/api.ts';

import { sortedBy } from '../ui/sorted.ts';
import { keptFrom } from './kept-words.ts';

export interface ModelRow {
  /** Unique in the table. */
  readonly key: string;
  readonly name: string;
  /** What it is good at, or where it came from. */
  readonly note: string;
  readonly kind: 'bundled' | 'kept' | 'hub';
  /** The size of its files. */
  readonly bytes: number;
  readonly licence?: string;
  readonly gated?: boolean;
  /** A copy on the hub that needs no account. */
  readonly mirror?: string;
  readonly forecast?: ModelForecast;
  /** What is known of a model that this browser keeps. */
  readonly kept?: KeptModel;
}

export const MODEL_COLUMNS = {
  name: 'Name',
  bytes: 'Size',
  memory: 'Memory',
  time: '100 steps',
  licence: 'Licence',
} as const;
export type Column = keyof typeof MODEL_COLUMNS;

export interface ModelOrder {
  readonly column: Column;
  readonly descending: boolean;
}

const STEPS = 100;

/** Names of bundled models, as they are shown, with the bytes of their files. */
const SPRIG = { name: 'Sprig', bytes: 2_688_091, licence: 'apache-2.0' };

export function modelRows(
  kept: readonly KeptModel[],
  curated: readonly CuratedModel[],
  forecasts: Readonly<Record<string, ModelForecast>>,
): ModelRow[] {
  const sources = kept.map(({ source }) => source ?? '');
  return [
    {
      ...SPRIG,
      key: 'bundled',
      kind: 'bundled',
      note: 'Comes with this page: a toy that knows a garden and little else. To learn how tuning works.',
      forecast: forecasts['bundled'],
    },
    ...kept.map((model): ModelRow => ({
      ...{ key: `kept ${model.name}`, name: model.name, kind: 'kept', bytes: model.bytes, kept: model },
      note: `In this browser: ${keptFrom(model)}.`,
      ...(model.licence !== undefined && { licence: model.licence }),
      forecast: forecasts[`kept ${model.name}`],
    })),
    ...curated
      .filter(
        ({ id, mirror }) =>
          ![id, mirror].some((place) => place && sources.some((from) => from.includes(`/${place}/`))),
      )
      .map(({ id, goodAt, weightBytes, licence, gated, mirror }): ModelRow => ({
        ...{ key: id, name: id, kind: 'hub', bytes: weightBytes, note: goodAt, licence, gated },
        ...(mirror !== undefined && { mirror }),
        forecast: forecasts[id],
      })),
  ];
}

/** Seconds of {@link STEPS} steps; undefined if nothing was measured. */
export function secondsOf({ forecast }: ModelRow): number | undefined {
  return forecast?.secondsPerStep === undefined ? undefined : STEPS * forecast.secondsPerStep;
}

/** Sorted by a column; unknown values come last in both directions, and equal rows keep their order. */
export function sorted(rows: readonly ModelRow[], { column, descending }: ModelOrder): ModelRow[] {
  const valueOf = (row: ModelRow): string | number | undefined => {
    if (column === 'name') return row.name.split('/').at(-1)!.toLowerCase();
    if (column === 'bytes') return row.bytes;
    if (column === 'memory') return row.forecast?.usual.peakBytes;
    if (column === 'time') return secondsOf(row);
    return row.licence;
  };
  return sortedBy(rows, valueOf, descending);
}
