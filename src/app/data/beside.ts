/** Files next to the rows that are open: more rows, test rows, another task. Loaded with the first of them. */
import type { Mixture, MixtureTask } from '../../data/mixture.ts';
import { ROWS_FILE, TEST_FILE } from '../../data/parts.ts';
import { withoutFile } from '../../data/skip-list.ts';
import type { DataFile, DataOptions } from '../../worker/api.ts';
import { SPLIT, type RowReading, type Source, type TaskUse } from './source.ts';

/** The rows with a file of another task. */
export function withTask({ source, options }: RowReading, file: DataFile, use: TaskUse): RowReading {
  return {
    source: { ...source, more: [...(source.more ?? []), file] },
    options: mixedWith(options, source, use),
  };
}

/** The rows become one task, and the new file another. A task without test rows gives some of its rows. */
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
  // The other tasks keep their shares among each other.
  const rest = before.reduce((sum, other) => sum + (other.share ?? 1), 0);
  const tasks = [
    ...before.map((other) => ({ ...other, share: ((1 - share) * (other.share ?? 1)) / rest })),
    { name, file, share },
  ];
  return { ...options, test, mixture: { ...mixture, tasks, mix: 'given' } };
}

/** A mixture with given shares has one for each task. */
function sized(mixture: Mixture): Mixture {
  if (mixture.mix !== 'given') return mixture;
  return { ...mixture, tasks: mixture.tasks.map((task) => ({ share: 1 / mixture.tasks.length, ...task })) };
}

function freeName(name: string, taken: readonly string[]): string {
  let free = name;
  for (let number = 2; taken.includes(free); number++) free = `${name} ${number}`;
  return free;
}

/** The rows with another file next to them; test rows replace the earlier test rows. */
export function withFile({ source, options }: RowReading, file: DataFile, as: 'more' | 'test'): RowReading {
  const more = { ...source, more: [...(source.more ?? []), file] };
  if (as === 'more') return { source: more, options };
  return {
    source: { ...source, heldOut: file },
    options: skipping(
      options.mixture ? options : { ...options, test: 0 },
      withoutFile(options.skip, TEST_FILE),
    ),
  };
}

/** The mixture without the task of a file; undefined if only one task is left. */
function withoutTask(mixture: Mixture | undefined, place: number): Mixture | undefined {
  const tasks = (mixture?.tasks ?? [])
    .filter(({ file }) => file !== place)
    .map((task) => (task.file > place ? { ...task, file: task.file - 1 } : task));
  return mixture && tasks.length > 1 ? { ...mixture, tasks } : undefined;
}

/** Options without a mixture if there is none: they are compared by what they hold. */
function mixing({ mixture: _, ...options }: DataOptions, mixture: Mixture | undefined): DataOptions {
  return mixture ? { ...options, mixture } : options;
}

/** The rows without a file that is next to them. @param place of the file, as in the summary */
export function withoutPlace({ source, options }: RowReading, place: number): RowReading {
  const { heldOut, more = [], ...rest } = source;
  const isTest = place === TEST_FILE;
  const left = more.filter((_, at) => at !== place - TEST_FILE - 1);
  return {
    source: { ...rest, ...(heldOut && !isTest && { heldOut }), ...(left.length > 0 && { more: left }) },
    options: skipping(
      mixing(
        { ...options, ...(isTest && { test: SPLIT.test }) },
        isTest ? options.mixture : withoutTask(options.mixture, place),
      ),
      withoutFile(options.skip, place),
    ),
  };
}

/** Without a list of rows that are left out if there are none: options are compared by what they hold. */
export function skipping({ skip: _, ...options }: DataOptions, skip: DataOptions['skip']): DataOptions {
  return skip ? { ...options, skip } : options;
}
