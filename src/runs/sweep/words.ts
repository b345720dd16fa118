/** A sweep in words and in the cells of a table: its plan, its recipes, what came of it, and how far it can be trusted. */
import { plural, threeDigits } from '../../numbers.ts';
import { foldsInWords } from './folds-words.ts';
import { stopOf } from './halving.ts';
import { bestOf, recipesOf, type SweepRecipe, type SweepState, type SweptRun } from './record.ts';
import { byName, pointInWords } from './space.ts';

const NONE = '–';
const LOSS_DIGITS = 4;

const lossInWords = (loss: number): string => loss.toFixed(LOSS_DIGITS);

/** What will be trained, before the first run. */
export function planInWords({
  runs,
  seeds,
  rungs,
  rows,
  folds,
}: Pick<SweepState, 'runs' | 'seeds' | 'rungs' | 'rows' | 'folds'>): string {
  if (folds !== undefined) return foldsInWords({ runs, rows });
  const recipes = runs.length / seeds.length;
  const steps = runs[0].steps;
  const isSame = runs.every((run) => run.steps === steps);
  const lengths = isSame ? `${plural(steps, 'step')} each` : 'as many steps as each recipe has';
  const bySeeds = seeds.length > 1 ? ` with ${plural(seeds.length, 'seed')} each` : '';
  const halving =
    rungs.length > 1
      ? ` Successive halving: ${rungs
          .map(
            (rung) =>
              `${rung.recipes} to ${isSame ? `step ${stopOf(rung, steps, runs[0].evalEvery)}` : `${threeDigits(100 * rung.share)}% of their steps`}`,
          )
          .join(', ')}. Equal recipes all continue.`
      : '';
  return `${plural(recipes, 'recipe')}${bySeeds}, ${lengths}, compared on ${plural(rows.validation, 'validation row')}.${halving}`;
}

/** The mean with its standard deviation over seeds. */
export const validationCell = ({ validation, spread }: SweepRecipe): string =>
  validation === undefined
    ? NONE
    : `${lossInWords(validation)}${spread === undefined ? '' : ` ± ${lossInWords(spread)}`}`;

/** What became of the runs of a recipe. */
export function statusCell({ runs }: SweepRecipe): string {
  const of = (status: SweptRun['status']): number => runs.filter((run) => run.status === status).length;
  const words: readonly [SweptRun['status'], string][] = [
    ['done', 'done'],
    ['out', 'out'],
    ['paused', 'paused'],
    ['running', 'running'],
    ['failed', 'failed'],
    ['waiting', 'not begun'],
  ];
  return words
    .filter(([status]) => of(status) > 0)
    .map(([status, word]) => (of(status) === runs.length ? word : `${of(status)} ${word}`))
    .join(', ');
}

/** The columns of a table of recipes, and its lines: the best recipe first. */
export function sweepTable(
  sweep: SweepState,
  called = byName,
): { readonly head: string[]; readonly lines: string[][] } {
  const { varied, seeds } = sweep;
  const head = [
    ...['recipe', ...varied.map(called)],
    seeds.length > 1 ? 'validation loss (mean ± sd)' : 'validation loss',
    ...['best at step', 'steps', 'seconds', 'runs'],
  ];
  const lines = recipesOf(sweep).map((recipe) => [
    String(recipe.at + 1),
    ...varied.map((name) => String(recipe.settings[name])),
    validationCell(recipe),
    listed(recipe.runs.map(({ validation }) => validation?.step)),
    listed(recipe.runs.map(({ step, steps }) => `${step} of ${steps}`)),
    threeDigits(recipe.runs.reduce((sum, { seconds }) => sum + seconds, 0)),
    statusCell(recipe),
  ]);
  return { head, lines };
}

/** The values of several seeds, once if they are one. */
const listed = (values: readonly (string | number | undefined)[]): string =>
  [...new Set(values.map((value) => String(value ?? NONE)))].join(', ');

/** The best recipe, its number, and whether it may be chance. @param place of its adapter; undefined before one is done */
export function resultInWords(sweep: SweepState, place: string | undefined, called = byName): string[] {
  const best = bestOf(sweep);
  const [first, second] = recipesOf(sweep);
  const ended = {
    running: '',
    done: '',
    budget: 'The budget is used up before all runs were done. ',
    interrupted: 'Interrupted before all runs were done. ',
    cancelled: 'Cancelled before all runs were done. ',
  }[sweep.status];
  if (!best || first.validation === undefined) return [`${ended}No run is done yet, so none is the best.`];
  const seed = sweep.seeds.length > 1 ? ` Seed ${best.seed} had the lowest of them.` : '';
  const where = place === undefined ? '' : ` Its result is in ${place}.`;
  return [
    `${ended}Best by validation: ${pointInWords(first.settings, called)}, loss ${validationCell(first)}.${seed}${where}`,
    ...chanceInWords(first, second),
  ];
}

/** Whether the two best recipes differ by more than their seeds do. */
function chanceInWords(first: SweepRecipe, second: SweepRecipe | undefined): string[] {
  if (first.validation === undefined || second?.validation === undefined) return [];
  if (first.spread === undefined || second.spread === undefined)
    return [
      'One seed does not show how much of a difference is chance: several seeds give each recipe a standard deviation.',
    ];
  const difference = second.validation - first.validation;
  return difference < Math.hypot(first.spread, second.spread)
    ? [
        `The loss of the second recipe is higher by ${lossInWords(difference)}, which is less than the standard deviation over seeds: the order of the two may be chance.`,
      ]
    : [];
}

/** What a person should know of the numbers. */
export const SWEEP_LIMITS =
  'The test rows were not used. The best of many validation losses is lower than that of new rows would be: measure it on the test rows';
