/** A measurement of several tasks, task by task. */
import type { LossReport } from './record.ts';

/** The names of the rows' tasks, in the order in which they first occur; empty without a mixture. */
export function taskNames(rows: readonly { readonly task?: string }[]): string[] {
  return [...new Set(rows.flatMap(({ task }) => task ?? []))];
}

/** The items of one task, from a list parallel to the rows, such as answers. */
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
