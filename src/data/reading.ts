/** How files are read and split, by the settings of a run, and the settings that say so. */
import { GraftError } from '../errors.ts';
import type { Given, SettingValue } from '../settings/setting.ts';
import type { TextOptions } from './documents.ts';
import type { Mapping } from './mapping.ts';
import { MIXES, type Mix, type Mixture, type MixtureTask } from './mixture.ts';
import type { DataOptions } from './options.ts';
import type { FairSplit } from './parts.ts';
import { parseSkipped, writeSkipped } from './skip-list.ts';

const wrong = (what: string, remedy: string): GraftError => new GraftError('arguments', what, remedy);

const TEMPLATES = ['system', 'prompt', 'input', 'answer', 'text'] as const;

/**
 * The options that the settings choose; what they leave open is missing. A mixture has tasks besides: {@link mixtureOf}.
 *
 * @throws GraftError `arguments` for templates that exclude each other or half a pair, an overlap of packed rows, and a list of rows that cannot be read
 */
export function readingOf(given: Given): Partial<Omit<DataOptions, 'mixture'>> {
  const of = given as Readonly<Record<string, never>>;
  const { header, delimiter, skipRows } = of;
  const options: { readonly [Key in keyof Omit<DataOptions, 'mixture'>]: DataOptions[Key] | undefined } = {
    mapping: templatesOf(given),
    header: header === undefined ? undefined : header === 'yes',
    delimiter: delimiter === 'tab' ? '\t' : delimiter,
    maxLength: of['maxLength'],
    overlong: of['overlong'],
    validation: of['validationFraction'],
    test: of['testFraction'],
    seed: of['splitSeed'],
    fair: fairOf(given),
    skip: skipRows === undefined ? undefined : parseSkipped(skipRows),
    dropCopies: of['dropDuplicates'],
    text: textOf(given),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** The settings that say how files are read. @param nameOf a task, in a list of names */
export function readingSettings(
  { mapping, header, delimiter, skip, dropCopies, mixture, text, ...split }: Partial<DataOptions>,
  nameOf: (task: string) => string = (name) => name,
): Given {
  const whole = mixture?.tasks.filter((task) => task.whole).map(({ name }) => nameOf(name)) ?? [];
  const settings: Readonly<Record<string, SettingValue | undefined>> = {
    ...templateSettings(mapping),
    header: header === undefined ? undefined : header ? 'yes' : 'no',
    delimiter: delimiter === '\t' ? 'tab' : delimiter,
    skipRows: writeSkipped(skip ?? []) || undefined,
    dropDuplicates: dropCopies === true ? true : undefined,
    overlong: split.overlong,
    validationFraction: split.validation,
    testFraction: split.test,
    splitSeed: split.seed,
    stratify: split.fair?.stratify,
    groupBy: split.fair?.group,
    partsBy: split.fair?.parts,
    documents: text?.documents,
    textRows: text?.packed ? 'packed' : undefined,
    textOverlap: text?.packed ? undefined : text?.overlap,
    mix: mixture?.mix === 'given' ? undefined : mixture?.mix,
    mixTemperature: mixture?.mix === 'temperature' ? mixture.temperature : undefined,
    mixCap: mixture?.cap,
    trainWhole: whole.length > 0 ? whole : undefined,
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function fairOf(given: Given): FairSplit | undefined {
  const { stratify, groupBy, partsBy } = given as Readonly<Record<string, string | undefined>>;
  if (partsBy !== undefined && stratify !== undefined)
    throw wrong(
      '--parts-by names the part of each row, and --stratify would draw it.',
      'Leave one of them out.',
    );
  if ([stratify, groupBy, partsBy].every((column) => column === undefined)) return undefined;
  return {
    ...(stratify !== undefined && { stratify }),
    ...(groupBy !== undefined && { group: groupBy }),
    ...(partsBy !== undefined && { parts: partsBy }),
  };
}

/** The templates of a mapping as settings. */
export function templateSettings(mapping: Mapping | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(mapping ?? {}).map(([part, template]: [string, string]) => [`${part}Template`, template]),
  );
}

function templatesOf(given: Given): Mapping | undefined {
  const [system, prompt, input, answer, text] = TEMPLATES.map(
    (name) => given[`${name}Template`] as string | undefined,
  );
  const remedy = 'Give --prompt-template and --answer-template, or --text-template alone.';
  const others = [system, prompt, input, answer].some((template) => template !== undefined);
  if (text !== undefined) {
    if (others) throw wrong('--text-template stands alone: it makes the whole row.', remedy);
    return { text };
  }
  if (!others) return undefined;
  if (prompt === undefined || answer === undefined)
    throw wrong(`--${prompt === undefined ? 'prompt' : 'answer'}-template is missing.`, remedy);
  return {
    ...(system !== undefined && { system }),
    prompt,
    ...(input !== undefined && { input }),
    answer,
  };
}

function textOf({ documents, textRows, textOverlap }: Given): TextOptions | undefined {
  if (textOverlap !== undefined && textRows === 'packed')
    throw wrong(
      '--text-overlap is for rows of one document, and --text-rows packed lays documents end to end.',
      'Leave one of them out.',
    );
  const text: TextOptions = {
    ...(typeof documents === 'string' && { documents }),
    ...(textRows === 'packed' && { packed: true }),
    ...(typeof textOverlap === 'number' && { overlap: textOverlap }),
  };
  return Object.keys(text).length > 0 ? text : undefined;
}

/** Settings that only a run on several tasks has. */
export const OF_MIXTURES = ['mix', 'mixTemperature', 'mixCap', 'trainWhole'] as const;

/**
 * How tasks share a run.
 *
 * @throws GraftError `arguments` for shares in two ways, a temperature without its mix, and a task that does not exist
 */
export function mixtureOf(tasks: readonly MixtureTask[], given: Given): Mixture {
  const mix = MIXES.find((one) => one === given['mix']);
  const temperature = given['mixTemperature'] as number | undefined;
  const cap = given['mixCap'] as number | undefined;
  const whole = (given['trainWhole'] ?? []) as readonly string[];
  const hasShares = tasks[0].share !== undefined;
  if (hasShares && (mix ?? temperature) !== undefined)
    throw wrong('The files of --data have shares, and --mix would make others.', 'Leave one of them out.');
  if (temperature !== undefined && mix !== 'temperature')
    throw wrong('--mix-temperature is for --mix temperature.', 'Give both, or neither.');
  if (temperature !== undefined && temperature < 1)
    throw wrong(`--mix-temperature is ${temperature}.`, 'Choose 1 or more: 1 is proportional.');
  const stranger = whole.find((name) => tasks.every((task) => task.name !== name));
  if (stranger !== undefined)
    throw wrong(
      `--train-whole names ${stranger}, and no task is called so.`,
      `The tasks are ${tasks.map(({ name }) => name).join(', ')}: give them names as NAME=FILE.`,
    );
  const chosen: Mix | 'given' = hasShares ? 'given' : (mix ?? 'proportional');
  return {
    tasks: tasks.map((task) => (whole.includes(task.name) ? { ...task, whole: true } : task)),
    mix: chosen,
    ...(temperature !== undefined && { temperature }),
    ...(cap !== undefined && { cap }),
  };
}
