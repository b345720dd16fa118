/** A measurement of several tasks, task by task. */
import type { LossReport } from './comparison.ts';

/** The names of the tasks that rows are of, in the order in which they come first; empty where rows are of none. */
export function taskNames(rows: readonly { readonly task?: string }[]): string[] {
  return [...new Set(rows.flatMap(({ task }) => task ?? []))];
}

/** Those of one task among items that stand beside the rows, such as answers. */
export function ofTask<Item>(
  items: readonly Item[],
  rows: readonly { readonly task?: string }[],
  task: string,
): Item[] {
  return items.filter((_, at) => rows[at].task === task);
}

/** The loss on the rows of one task. */
export function lossOfTask(loss: LossReport | undefined, task: string): LossReport | undefined {
  return loss?.tasks?.[task];
}
