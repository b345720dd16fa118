/** Checks before anything is compiled: rows that can be trained on, and a saved state that belongs to the run. */
import { sizeOf } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { isHeld, itemOf, type List } from '../lists.ts';
import { countSupervised, sequencesIn, type LabelledTokens } from '../model/batch.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { checkKind, kindOfRow, type Learning } from './learning.ts';
import type { NamedArrays, TrainerState } from './state.ts';
import type { Trainable } from './step-plans.ts';
import type { RunSpec } from '../settings/spec.ts';

/**
 * Checks rows; of those that are made as they are taken the first, since whoever makes them checks the rest.
 *
 * @param what names the rows in messages @throws GraftError `token-id`, `train-objective`, or `train-rows` naming the first row without a supervised
 * token
 */
export function checkTrainRows(
  { model, adapter }: Trainable,
  { objective }: Learning,
  rows: List<LabelledTokens>,
  what: string,
): void {
  if (model.isEncoder !== (objective.encodes === true))
    throw new GraftError(
      'train-objective',
      model.isEncoder
        ? `The model is an encoder, which cannot write, and ${objective.label} learns answers.`
        : `The model writes texts, and ${objective.label} tunes an encoder.`,
      'Choose another objective, or another model.',
    );
  const checked = isHeld(rows) ? rows : [itemOf(rows, 0)];
  checked.forEach((row, index) => {
    for (const ids of sequencesIn(row)) model.checkIds(ids, adapter);
    checkKind(objective, kindOfRow(row));
    if (!row.asks && !row.texts && countSupervised(row) === 0) {
      throw new GraftError(
        'train-rows',
        `${what} ${index + 1} has no supervised token.`,
        'Leave it out, or allow longer rows.',
      );
    }
  });
}

/** @throws GraftError `train-resume` if the state is of another run */
export function checkState(
  { adapter, store }: Trainable,
  { seed, optimiser }: RunSpec,
  steps: number,
  { counters, values, optimiser: kept, best }: TrainerState,
): void {
  const wrong = (what: string): GraftError =>
    new GraftError('train-resume', what, 'Resume with the settings and the data of the saved run.');
  if (counters.steps !== steps || counters.seed !== seed) {
    throw wrong(
      `The saved run has ${counters.steps} steps and seed ${counters.seed}, and this one ${steps} and ${seed}.`,
    );
  }
  if (counters.step > steps) throw wrong(`The saved run is at step ${counters.step} of ${steps}.`);
  const sizesOf = (plane: string): ReadonlyMap<string, number> =>
    adapter
      ? plane === 'values' || plane === 'best'
        ? adapter.sizes
        : adapter.learnedSizes
      : new Map(store.specs.map(({ name, shape }) => [name, sizeOf(shape)] as const));
  const isState = new Set(optimiserOf(optimiser).planes);
  const planes: [string, NamedArrays | undefined][] = [
    ['values', values],
    ...optimiserOf(optimiser).planes.map((plane): [string, NamedArrays | undefined] => [
      plane,
      kept.get(plane),
    ]),
    ...(best ? [['best', best] as [string, NamedArrays]] : []),
  ];
  for (const [plane, arrays] of planes) {
    for (const [name, size] of sizesOf(plane)) {
      if (isState.has(plane) && !store.keeps(name, plane)) continue;
      const length = arrays?.get(name)?.length;
      if (length !== size)
        throw wrong(
          length === undefined
            ? `The saved run has no ${plane} of ${name}.`
            : `The saved ${plane} of ${name} have ${length} numbers, and this run needs ${size}.`,
        );
    }
  }
}
