/** Rows with another task beside them. */
import type { Mixture, MixtureTask } from '../../data/mixture.ts';
import { ROWS_FILE, TEST_FILE } from '../../data/parts.ts';
import type { DataFile, DataOptions } from '../../worker/api.ts';
import { SPLIT, type Reading, type Source, type TaskUse } from './source.ts';

/** The rows with a file of another task. */
export function withTask({ source, options }: Reading, file: DataFile, use: TaskUse): Reading {
  return {
    source: { ...source, more: [...(source.more ?? []), file] },
    options: mixedWith(options, source, use),
  };
}

/** The rows become a task of their own, and the new file another. One that has no test rows of its own gives some. */
function mixedWith(options: DataOptions, source: Source, { task, share }: TaskUse): DataOptions {
  const { mixture } = options;
  const before: readonly MixtureTask[] = mixture?.tasks ?? [
    { name: source.name.replace(/\.\w+$/, ''), file: ROWS_FILE },
  ];
  const file = TEST_FILE + 1 + (source.more?.length ?? 0);
  const name = freeName(
    task.trim() || 'task',
    before.map((other) => other.name),
  );
  const test = options.test > 0 ? options.test : SPLIT.test;
  if (share === undefined)
    return {
      ...options,
      test,
      mixture: sized({ ...mixture, tasks: [...before, { name, file }], mix: mixture?.mix ?? 'proportional' }),
    };
  // Those that were there keep their shares among each other.
  const rest = before.reduce((sum, other) => sum + (other.share ?? 1), 0);
  const tasks = [
    ...before.map((other) => ({ ...other, share: ((1 - share) * (other.share ?? 1)) / rest })),
    { name, file, share },
  ];
  return { ...options, test, mixture: { ...mixture, tasks, mix: 'given' } };
}

/** A mixture whose shares are given has one for each task. */
function sized(mixture: Mixture): Mixture {
  if (mixture.mix !== 'given') return mixture;
  return { ...mixture, tasks: mixture.tasks.map((task) => ({ share: 1 / mixture.tasks.length, ...task })) };
}

function freeName(name: string, taken: readonly string[]): string {
  let free = name;
  for (let number = 2; taken.includes(free); number++) free = `${name} ${number}`;
  return free;
}
