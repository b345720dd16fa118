/** The tasks of a mixture: the rows and the loss of each. */
import { LOSS_SLOT } from '../engine/ops/step.ts';
import { isHeld, everyPlace, type List, type PlacesOfTask } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { Objective } from '../objectives/objective.ts';
import { countOf } from './learning.ts';

/** Mean losses by the names of tasks. */
export type TaskLosses = Readonly<Record<string, number>>;

/** Rows by task, in the order of each task's first row; all together, and without a name, if there is no mixture. */
export function placesByTask(rows: List<LabelledTokens>): readonly PlacesOfTask[] {
  if (!isHeld(rows)) return rows.tasks ?? [{ name: '', share: 1, places: everyPlace(rows.length) }];
  const tasks = new Map<string, { name: string; share: number; places: number[] }>();
  rows.forEach(({ task: { name, share } = { name: '', share: 1 } }, place) => {
    const task = tasks.get(name);
    if (task) task.places.push(place);
    else tasks.set(name, { name, share, places: [place] });
  });
  return [...tasks.values()];
}

/** Rows of one task together, in the order of each task's first row; unchanged without a mixture. */
export function byTask<Row extends LabelledTokens>(rows: readonly Row[]): readonly Row[] {
  return isMixture(rows)
    ? placesByTask(rows).flatMap(({ places }) => Array.from(places, (place) => rows[place]))
    : rows;
}

/** Whether rows are of several tasks. */
export const isMixture = (rows: List<LabelledTokens>): boolean =>
  isHeld(rows)
    ? rows.some(({ task }) => task !== undefined && task.name !== rows[0].task?.name)
    : (rows.tasks?.length ?? 0) > 1;

/** Micro-batches with the task of each, and whether it is the last of its task. */
export function withTasks<Row extends LabelledTokens>(
  groups: readonly Row[][],
): { readonly group: Row[]; readonly isLast: boolean }[] {
  const taskOf = (group: readonly LabelledTokens[] | undefined): string | undefined => group?.[0].task?.name;
  return groups.map((group, at) => ({
    group,
    isLast: at === groups.length - 1 || taskOf(group) !== taskOf(groups.at(at + 1)),
  }));
}

/**
 * The loss of each task, from the statistics after its last micro-batch: sums continue from one task to the next.
 *
 * @param rows in the order in which they were computed
 * @param stats in the same order, one for each task that the rows are of
 */
export function taskLosses(
  objective: Objective,
  rows: readonly LabelledTokens[],
  stats: readonly Float32Array[],
): TaskLosses {
  let before = 0;
  return Object.fromEntries(
    placesByTask(rows).map(({ name, places }, at) => {
      const sum = stats[at][LOSS_SLOT] - before;
      before = stats[at][LOSS_SLOT];
      return [
        name,
        sum /
          countOf(
            objective,
            Array.from(places, (place) => rows[place]),
          ),
      ];
    }),
  );
}
