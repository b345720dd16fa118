/** What `--data` names: a file, or a file for each task of a mixture, with its share and its name. */
import { existsSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import type { MixtureTask } from '../data/mixture.ts';
import { ROWS_FILE, TEST_FILE } from '../data/parts.ts';
import { nameInCommand } from '../runs/headless-command.ts';
import { GraftError } from '../errors.ts';

interface TaskFile {
  readonly name: string;
  readonly path: string;
  readonly share?: number;
}

/** Files with commas between them; a comma in a name is written as `\,`. */
export function fileNames(text: string): string[] {
  return text.split(/(?<!\\),/).map((name) => name.replaceAll('\\,', ',').trim());
}

/**
 * `A.jsonl`, `A.jsonl:0.7,B.jsonl:0.3`, `sums=A.jsonl,B.jsonl`. If a file of exactly this name exists, it is that file, whatever colons, commas and
 * equals signs its name has; the same holds for each part between commas.
 *
 * @throws GraftError `arguments` for shares that only some have or that are invalid, and for two tasks of one name
 */
export function readTasks(text: string, exists: (path: string) => boolean = existsSync): TaskFile[] {
  const wrong = (what: string, remedy: string): GraftError => new GraftError('arguments', what, remedy);
  if (exists(text)) return [{ name: stemOf(text), path: text }];
  const parts = fileNames(text).map((part) => readTask(part, exists));
  if (parts.length === 1) return [{ name: parts[0].name ?? stemOf(parts[0].path), path: parts[0].path }];
  const bare = parts.find(({ path }) => path === '');
  if (bare) throw wrong(`--data has an empty item: ${text}.`, 'Write FILE:SHARE,FILE:SHARE.');
  const shared = parts.filter(({ share }) => share !== undefined);
  if (shared.length > 0 && shared.length < parts.length)
    throw wrong(
      `--data gives ${shared[0].path} a share, and ${parts.find(({ share }) => share === undefined)?.path} none.`,
      'Give every file a share, or none and --mix.',
    );
  // Files of one name in several folders differ by their folders.
  const names = [stemOf, (path: string) => basename(dirname(resolve(path))), (path: string) => path]
    .map((nameOf) => parts.map(({ path }) => nameOf(path)))
    .find((names) => new Set(names).size === names.length);
  const tasks = parts.map(({ name, path, ...share }, at) => ({
    name: name ?? names?.at(at) ?? path,
    path,
    ...share,
  }));
  const twice = tasks.find(({ name }, at) => tasks.findIndex((other) => other.name === name) < at);
  if (twice)
    throw wrong(`Two tasks of --data are called ${twice.name}.`, 'Give them names: NAME=FILE,NAME=FILE.');
  return tasks;
}

function readTask(
  part: string,
  exists: (path: string) => boolean,
): { name?: string; path: string; share?: number } {
  if (exists(part)) return { path: part };
  const [, before = part, number] = /^(.*):([^:\\/]+)$/.exec(part) ?? [];
  const share = Number(number);
  if (number !== undefined && (before.includes('.') || exists(before))) {
    if (!(Number.isFinite(share) && share > 0))
      throw new GraftError(
        'arguments',
        `--data gives ${before} the share ${number}.`,
        'Choose a number above 0: shares are taken in proportion to each other.',
      );
    return { ...named(before, exists), share };
  }
  return named(part, exists);
}

function named(text: string, exists: (path: string) => boolean): { name?: string; path: string } {
  const [, name, path] = /^([^=\\/]+)=(.+)$/.exec(text) ?? [];
  return name === undefined || exists(text) ? { path: text } : { name: name.trim(), path };
}

/**
 * The tasks with rows of an earlier stage as one more, by their share of all rows that are drawn.
 *
 * @param replay `FILE:SHARE`, as of {@link readTasks}
 * @throws GraftError `arguments` for what has no share below 1, and for several tasks without shares
 */
export function withReplay(
  tasks: readonly TaskFile[],
  replay: string | undefined,
  exists: (path: string) => boolean = existsSync,
): readonly TaskFile[] {
  if (replay === undefined) return tasks;
  const wrong = (what: string, remedy: string): GraftError => new GraftError('arguments', what, remedy);
  const { path, share = 0, name = `replay of ${stemOf(path)}` } = readTask(replay, exists);
  if (!(share > 0 && share < 1))
    throw wrong(`--replay is ${replay}.`, 'Give a file and a share above 0 and below 1: FILE:0.2.');
  if (tasks.length > 1 && tasks.some((task) => task.share === undefined))
    throw wrong('--replay has a share, and the files of --data have none.', 'Give each of them a share.');
  const sum = tasks.reduce((total, task) => total + (task.share ?? 1), 0);
  const rest = tasks.map((task) => ({ ...task, share: ((1 - share) * (task.share ?? 1)) / sum }));
  return [...rest, { name, path, share }];
}

/** The tasks with the places of their files: the first file is that of the rows, the others are the first of those with more rows. */
export function tasksInPlaces(tasks: readonly TaskFile[]): MixtureTask[] {
  return tasks.map(({ name, share }, at) => ({
    name,
    file: at === 0 ? ROWS_FILE : TEST_FILE + at,
    ...(share !== undefined && { share }),
  }));
}

/** The tasks as {@link readTasks} reads them. */
export function writeTasks(tasks: readonly TaskFile[]): string {
  return tasks
    .map(({ name, path, share }) => {
      const file = path.replaceAll(',', '\\,');
      return `${nameInCommand(name)}=${file}${share === undefined ? '' : `:${share}`}`;
    })
    .join(',');
}

const stemOf = (path: string): string => basename(path, extname(path));
