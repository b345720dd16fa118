/** What one pass of a run over its rows computes: its tokens, what padding adds, and what shared prefixes save. */
import type { PreparedRow } from '../data/prepare.ts';
import { placesOf, rowsOfPlaces, shapeOfRow, type Entry, type RowSet } from '../data/row-set.ts';
import { sizeOfRows } from '../model/batch.ts';
import { objectiveOf, takesKind } from '../objectives/registry.ts';
import { specOf, type FormSpec } from '../settings/spec.ts';
import { itemOf, spread } from '../lists.ts';
import { chooseBuckets, mayShare } from '../train/buckets.ts';
import { kindOfRow } from '../train/learning.ts';
import { microBatches, RowOrder } from '../train/order.ts';

export interface EpochStatistics {
  readonly rows: number;
  /** Tokens of all rows that are trained on, and how many of them have a loss. */
  readonly tokens: number;
  readonly supervised: number;
  /** Optimiser steps of one pass. */
  readonly steps: number;
  /** Share of the computed tokens that are tokens of rows, with and without packing. The rest is padding. */
  readonly packed: number;
  readonly unpacked: number;
  /** Share of the tokens that repeat the start of another row of their micro-batch, and whether the run computes them once. */
  readonly repeated: number;
  readonly shares: boolean;
}

/** Micro-batches that are looked at: more say nothing else. */
const MAX_STEPS = 200;

/**
 * Yields the share that is done, since rows of a large file are made for it.
 *
 * @returns undefined if the objective cannot learn from these rows
 */
export function* epochStatistics(
  form: FormSpec,
  data: RowSet,
): Generator<number, EpochStatistics | undefined> {
  const places = placesOf(data, 'train');
  const rows = rowsOfPlaces(places);
  const objective = objectiveOf(form.objective);
  const isTaken = (place: Entry): boolean => takesKind(objective, kindOfRow(shapeOfRow(place)!));
  if (rows.length === 0 || !places.every(isTaken)) return undefined;
  const spec = specOf({ ...form, maxLength: data.options?.maxLength ?? form.maxLength });
  const steps = Math.ceil(rows.length / (spec.batch * spec.accumulate));
  const order = new RowOrder(rows, spec);
  const looked: PreparedRow[][] = [];
  for (const step of spread({ length: steps, at: (index) => index }, MAX_STEPS)) {
    yield step / steps;
    // The last step of a pass takes rows of the next one as well.
    looked.push(order.rowsOf(step).map((row) => itemOf(rows, row)));
  }
  const share = (packing: boolean): number => {
    const sizes = looked
      .flatMap((step) => microBatches(step, { ...spec, packing }))
      .map((batch) => sizeOfRows(batch));
    const buckets = chooseBuckets(sizes);
    const used = sizes.reduce((sum, { tokens }) => sum + tokens, 0);
    const computed = sizes.reduce(
      (sum, size) => sum + (buckets.find(({ tokens }) => tokens >= size.tokens)?.tokens ?? size.tokens),
      0,
    );
    return used / computed;
  };
  const batches = looked.flatMap((step) => microBatches(step, spec));
  const count = (mostRanges: number): number =>
    batches.reduce((sum, batch) => sum + sizeOfRows(batch, mostRanges).tokens, 0);
  return {
    ...{ rows: rows.length, steps },
    tokens: places.reduce((sum, place) => sum + shapeOfRow(place)!.tokens, 0),
    supervised: places.reduce((sum, { supervised }) => sum + supervised, 0),
    ...{ packed: share(true), unpacked: share(false) },
    repeated: 1 - count(Infinity) / count(1),
    shares: mayShare(spec),
  };
}
