/** A recipe on the page: it sets the form, and how the open rows are read and split. */
import type { Mixture } from '../../data/mixture.ts';
import { mixtureOf, OF_MIXTURES, readingOf, readingSettings } from '../../data/reading.ts';
import { usualSettings } from '../../settings/defaults.ts';
import type { Recipe } from '../../settings/recipe.ts';
import { PAGE_TABLE, TABLE } from '../../settings/table.ts';
import type { AdapterInfo, DataOptions, FormSpec } from '../../worker/api.ts';

/** The settings whose choice decides which rate suits. */
const OF_RATE = ['method', 'objective', 'optimiser', 'trainWeights'] as const;

/**
 * The settings of the form with those of the recipe; the name of the run stays.
 *
 * @param targets layers of the open model, for a recipe that takes all of them
 * @param trainRows rows to train on, which make steps of passes
 * @param parameters of the open model, on which the learning rate depends
 */
export function optionsFrom(
  recipe: Recipe,
  current: FormSpec,
  {
    targets,
    trainRows,
    parameters,
  }: { targets: readonly string[]; trainRows: number; parameters?: number | undefined },
): FormSpec {
  const given = Object.fromEntries(
    PAGE_TABLE.filter(({ name }) => name !== 'name' && Object.hasOwn(recipe, name)).map(({ name }) => [
      name,
      recipe[name],
    ]),
  );
  const options = { ...current, ...given } as FormSpec;
  // Settings that follow from another one, if the recipe does not give them.
  const initial = TABLE.resolve(recipe);
  if (Object.hasOwn(recipe, 'rank') && !Object.hasOwn(recipe, 'alpha'))
    Object.assign(options, { alpha: initial['alpha'] });
  const isOther = (name: (typeof OF_RATE)[number]): boolean =>
    Object.hasOwn(recipe, name) && recipe[name] !== (current[name] ?? TABLE.resolve({})[name]);
  if (!Object.hasOwn(recipe, 'lr') && OF_RATE.some(isOther))
    Object.assign(options, { lr: usualSettings(recipe, parameters === undefined ? {} : { parameters }).lr });
  const { batch, accumulate } = options;
  const epochs = recipe['epochs'];
  const steps =
    typeof epochs === 'number'
      ? Math.max(1, Math.ceil((epochs * Math.max(1, trainRows)) / (batch * accumulate)))
      : options.steps;
  return {
    ...options,
    steps,
    warmup: Object.hasOwn(recipe, 'warmup') ? options.warmup : Math.min(options.warmup, steps),
    targets: options.targets.includes('all-linear') ? targets : options.targets,
  };
}

/** How the rows are read and split with the recipe; the same object if it changes nothing. @throws GraftError `arguments` */
export function dataOptionsFrom(recipe: Recipe, current: DataOptions): DataOptions {
  const { text, ...reading } = readingOf(recipe);
  const { packed: _, ...before } = current.text ?? {};
  const { mixture } = current;
  const next: DataOptions = {
    ...current,
    ...reading,
    ...(text && { text: { ...before, ...text } }),
    ...(mixture &&
      OF_MIXTURES.some((name) => recipe[name] !== undefined) && { mixture: mixtureFrom(recipe, mixture) }),
  };
  return JSON.stringify(next) === JSON.stringify(current) ? current : next;
}

/** How the open tasks share a run: what the recipe leaves open stays. */
function mixtureFrom(recipe: Recipe, before: Mixture): Mixture {
  const isMixed = recipe['mix'] !== undefined;
  const tasks = before.tasks.map(({ share, whole: _, ...task }) => ({
    ...task,
    ...(share !== undefined && !isMixed && { share }),
  }));
  const { mix, mixTemperature, mixCap, trainWhole } = {
    ...readingSettings({ mixture: before }),
    ...recipe,
  } as Recipe;
  return mixtureOf(tasks, {
    ...{ mix, mixCap, trainWhole },
    ...(mix === 'temperature' && { mixTemperature }),
  });
}

const BASE = ['baseWeights', 'embeddingWeights'];
const FILES = ['data', 'moreData', 'testData', 'rowChanges'];

type Named = Pick<AdapterInfo, 'name'>;

/**
 * Adapters that a recipe may mean: it names the folder of one, whose name has no spaces and may be written otherwise in small things.
 *
 * @param adapters that the open model can go on with
 */
export function recipeStarts<Adapter extends Named>(recipe: Recipe, adapters: readonly Adapter[]): Adapter[] {
  const path = recipe['initAdapter'];
  if (typeof path !== 'string') return [];
  const plain = (name: string): string =>
    name
      .normalize('NFKD')
      .replace(/[^\p{L}\p{N}]+/gu, '')
      .toLowerCase();
  const wanted = plain(path.split(/[\\/]/).findLast((part) => part !== '') ?? '');
  return adapters.filter(({ name }) => plain(name) === wanted);
}

/**
 * What the page does not take from a recipe, in sentences; '' if it takes everything.
 *
 * @param starts adapters that it may mean: one is taken
 */
export function leftOutOf(recipe: Recipe, starts: readonly Named[] = []): string {
  const has = (names: readonly string[]): boolean => names.some((name) => Object.hasOwn(recipe, name));
  return [
    has(BASE) ? 'Choose the type of the base weights under Task.' : '',
    has(FILES) ? 'Open its files under Data.' : '',
    has(['initAdapter']) ? startInWords(String(recipe['initAdapter']), starts) : '',
  ]
    .filter(Boolean)
    .join(' ');
}

function startInWords(path: string, starts: readonly Named[]): string {
  if (starts.length === 1) return `It starts from “${starts[0].name}”.`;
  return starts.length === 0
    ? `It starts from the adapter ${path}, and none of this model has that name here: train or import it, then choose it under “Start from”.`
    : `It starts from the adapter ${path}, and ${starts.length} have that name: choose one under “Start from”.`;
}
