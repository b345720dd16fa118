/** The task card of a project, from what its page keeps. */
import {
  metricOfCard,
  targetOf,
  taskKind,
  type TaskTarget,
  type TaskCard,
} from '../../evaluate/task-card.ts';
import type { TaskState } from './task.svelte.ts';

type Kept = Pick<TaskState, 'title' | 'success' | 'kind' | 'metric' | 'target'>;

/** The score that counts: the one that was set, else one in the person's words. */
export const wantedOf = ({ target, success }: Pick<Kept, 'target' | 'success'>): TaskTarget | undefined =>
  targetOf(target, success);

/** The metric that counts: the chosen one, or that of the kind. A kind of a newer version is none. */
export function metricOf({ kind, metric }: Pick<Kept, 'kind' | 'metric'>): string {
  const known = taskKind(kind)?.name;
  return metricOfCard({ ...(known && { kind: known }), ...(metric !== undefined && { metric }) });
}

/** As a record of an evaluation has it; undefined if nothing was written. */
export function cardOf(task: Kept): TaskCard | undefined {
  const wanted = wantedOf(task);
  const kind = taskKind(task.kind)?.name;
  if (task.title.trim() === '' && !wanted) return undefined;
  return {
    goal: task.title.trim(),
    ...(kind !== undefined && { kind }),
    metric: metricOf(task),
    target: wanted?.words ?? '',
  };
}
