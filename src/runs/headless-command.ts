/** A run of the page as the one specification, and as the command that repeats it headless. */
import { learnerOf } from '../adapters/learners.ts';
import type { DataOptions } from '../data/options.ts';
import { ROWS_FILE, TEST_FILE } from '../data/parts.ts';
import { readingSettings } from '../data/reading.ts';
import type { FilePlace, RowSet } from '../data/row-set.ts';
import { fileNameOf } from '../export/folder-sink.ts';
import { sameChoices, type WeightChoices } from '../model/weight-types.ts';
import { recipeFlags, recipeOf, type Recipe } from '../settings/recipe.ts';
import type { Given } from '../settings/setting.ts';
import { specOf, type FormSpec, type RunSpec } from '../settings/spec.ts';
import { settingOf } from '../settings/table.ts';
import { shellWord } from '../text/shell.ts';
import type { BaseOfRun } from './check-run.ts';

/** The folder of an exported adapter for the command, named like the command's own. */
const adapterPlace = ({ name }: { readonly name: string }): string => `out/${fileNameOf(name)}`;

/**
 * The specification of a run of the page, with all settings that the command has for it but its files: each person has their own.
 *
 * @param data how the rows were read; undefined if that was not kept
 * @param base the types of the base weights; for runs of versions without that choice the precision is not known
 */
export function specOfForm(
  form: FormSpec,
  data: Partial<DataOptions> | undefined,
  { precision, baseWeights }: { precision?: 'f32' | 'f16'; baseWeights?: WeightChoices },
): RunSpec {
  const weights: Given =
    !baseWeights || sameChoices(baseWeights)
      ? {}
      : { baseWeights: baseWeights.matrices, embeddingWeights: baseWeights.embeddings };
  return specOf({
    ...form,
    splitSeed: form.seed,
    ...readingSettings(data ?? {}, nameInCommand),
    ...{ precision, ...weights, initAdapter: form.start && adapterPlace(form.start) },
  });
}

/** The command that trains the same adapter on the same rows: read alike, split alike. */
export const headlessCommand = (
  options: FormSpec,
  rows: RowSet,
  base: Pick<BaseOfRun, 'source' | 'info'>,
): string => headlessLine('train', headlessFlags(options, rows, base));

type Flag = readonly [flag: string, value: string | boolean];

/** The flags of that command, without their dashes. */
export function headlessFlags(
  options: FormSpec,
  rows: RowSet,
  { source, info }: Pick<BaseOfRun, 'source' | 'info'>,
): Flag[] {
  const { options: data } = rows;
  const spec = specOfForm(options, data, {
    precision: info.precision,
    // A full fine-tuning takes the weights as stored.
    ...(!learnerOf(options).trainsModel && { baseWeights: source.baseWeights }),
  });
  const recipe: Recipe = { ...filesOf(rows, options.task), ...recipeOf(spec) };
  const { start } = options;
  const from = settingOf('initAdapter').flag;
  const given = recipeFlags(recipe).filter(([flag]) => flag !== from);
  const afterRows = given.findIndex(([flag]) => flag === settingOf('steps').flag);
  return [
    ['model', source.bundled ? `public/models/${source.name}` : source.name],
    ...given.slice(0, afterRows),
    ['out', `out/${fileNameOf(options.name)}`],
    ...(start ? [['init-adapter', adapterPlace(start)] as const] : []),
    ...given.slice(afterRows),
  ];
}

/** A call of the command as a line for a shell. */
export function headlessLine(command: string, flags: readonly Flag[]): string {
  const words = flags.flatMap(([flag, value]) => {
    if (typeof value === 'boolean') return value ? [`--${flag}`] : [];
    const word = shellWord(value);
    // A value that starts with a hyphen would be taken for a flag.
    return word.startsWith("'-") || word.startsWith('-') ? [`--${flag}=${word}`] : [`--${flag}`, word];
  });
  return ['npx', 'graft', command, ...words].join(' ');
}

/** The files of a run as an argument of the command: in a mixture each with its share, or the one file of a task that is trained alone. */
function filesOf(
  { name, path = name, heldOut, more = [], options, changes }: RowSet,
  only: string | undefined,
): Recipe {
  const pathOf = (file: FilePlace): string => file.path ?? file.name;
  const test: Recipe = {
    ...(heldOut && { testData: pathOf(heldOut) }),
    ...(changes && { rowChanges: changesFileOf({ name, options }) }),
  };
  const { mixture } = options ?? {};
  const tasks = (mixture?.tasks ?? []).map(({ name: task, file, share }) => ({
    task,
    place: file - TEST_FILE - 1,
    path: file === ROWS_FILE ? path : pathOf(more[file - TEST_FILE - 1]),
    share,
  }));
  // Files of more rows are of the first task.
  const rest = more.filter((_, at) => !tasks.some(({ place }) => place === at)).map(pathOf);
  const moreData: Recipe = rest.length > 0 ? { moreData: rest } : {};
  const alone = tasks.findIndex(({ task }) => task === only);
  if (alone > 0) return { data: tasks[alone].path };
  if (tasks.length < 2 || alone === 0) return { data: path, ...moreData, ...test };
  const data = tasks.map(
    ({ task, path: file, share }) =>
      `${nameInCommand(task)}=${file.replaceAll(',', '\\,')}${mixture?.mix === 'given' && share !== undefined ? `:${share}` : ''}`,
  );
  return { data: data.join(), ...moreData, ...test };
}

/** The file of the changes of rows, as the page saves it. */
export const changesFileOf = ({ name, options }: Pick<RowSet, 'name' | 'options'>): string =>
  `${name.replace(/\.\w+$/, '')}-version-${options?.revision ?? 1}.json`;

/** The name of a task, without the characters that have a meaning next to it. */
export const nameInCommand = (task: string): string => task.replaceAll(/[=\\/,:]/g, '-');
