/** What measurements of test rows share: whether one is under way, and how many rows there are to ask. */
import type { Data } from '../data/data.svelte.ts';
import { labelCheckOf } from '../data/label-check.svelte.ts';
import { judgeOf } from './judge.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { tunedTableOf } from './tuned-table.svelte.ts';

/** Whether something is measured just now. */
export function busyMeasuring(studio: Studio): boolean {
  const { baseline, fewShot, evaluation } = studio;
  return [baseline, fewShot, evaluation, tunedTableOf(studio), judgeOf(studio), labelCheckOf(studio)].some(
    (one) => one.progress !== undefined,
  );
}

/** How many rows can be asked at most; in a mixture, of each task. */
export function mostRows({ summary }: Data): number {
  const tasks = summary?.tasks ?? [];
  return tasks.length > 1 ? Math.max(...tasks.map(({ rows: { test } }) => test)) : (summary?.rows.test ?? 0);
}
