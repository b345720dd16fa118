/** A sweep of the page: the settings of the form with what varies, as runs and as the command that trains the same ones. */
import { learnerOf } from '../../adapters/learners.ts';
import { dealFolds } from '../../data/folds.ts';
import { placesOf, type RowSet } from '../../data/row-set.ts';
import { GraftError } from '../../errors.ts';
import { negativeOf } from '../../settings/flag-text.ts';
import type { Given } from '../../settings/setting.ts';
import { checkSpec, specOf, type FormSpec } from '../../settings/spec.ts';
import { PAGE_TABLE, TABLE } from '../../settings/table.ts';
import type { BaseOfRun } from '../check-run.ts';
import { headlessFlags, headlessLine } from '../headless-command.ts';
import { checkFolds, headlessFolds, planOfFolds } from './folds.ts';
import { checkVaries, plannedRuns, pointsOf, readSeeds } from './plan.ts';
import type { SweepState, SweptRun } from './record.ts';
import { pointInWords, type Point } from './space.ts';

/** What a person asks for, in the words of the flags. */
export interface SweepAsk {
  /** `lr=1e-4,3e-4;rank=4,8` */
  readonly grid?: string;
  /** `lr=1e-5..1e-2:log;rank=4..64`, of which `random` recipes are drawn. */
  readonly range?: string;
  readonly random?: number;
  /** `1,2,3` */
  readonly seeds?: string;
  /** One in so many recipes continues from each rung. */
  readonly halving?: number;
  readonly budgetSteps?: number;
  readonly budgetMinutes?: number;
  /** A cross-validation of so many folds, in place of all of these. */
  readonly folds?: number;
}

/** Who names a setting in errors. */
const BY = 'The sweep';
/** They say how long a run is. */
const LENGTHS = ['steps', 'epochs'];

/**
 * The runs that the settings and what varies ask for, in the order of the command.
 *
 * @param form settings of the next run; how often it validates is left to the sweep
 * @param parameters of the model
 * @throws GraftError `arguments`, `sweep-rows`, `sweep-model`, `folds-…`, `split`, and `train-option` naming the recipe
 */
export function planOfForm(
  form: FormSpec,
  ask: SweepAsk,
  data: RowSet,
  parameters: number | undefined,
): SweepState {
  if (ask.folds !== undefined) return planOfFolds(checkFolds(form, ask.folds), dealFolds(data, ask.folds));
  const { points, names } = pointsOf({
    grid: ask.grid === undefined ? [] : [ask.grid],
    range: ask.range === undefined ? [] : [ask.range],
    ...{ random: ask.random, seed: form.seed, by: BY },
  });
  const seeds = ask.seeds === undefined ? [form.seed] : readSeeds(ask.seeds, 'The list of seeds');
  checkVaries(points, seeds);
  const [train, validation] = (['train', 'validation'] as const).map((part) => placesOf(data, part).length);
  if (validation === 0)
    throw new GraftError(
      'sweep-rows',
      'A sweep chooses by the validation loss, and no rows are held out for it.',
      'Give validation a share of the rows under Data.',
    );
  const planned = plannedRuns({
    ...{ points, seeds, factor: ask.halving, budget: ask.budgetSteps },
    chosen: points.map((point) => givenOf(form, ask, point)),
    about: { rows: train, validation, ...(parameters !== undefined && { parameters }) },
  });
  const state: SweepState = {
    ...{ rows: { train, validation }, varied: [...names], ...planned },
    status: 'running',
  };
  for (const run of planned.runs) if (run.seed === seeds[0]) checkRecipe(formOfRun(form, run), run);
  return state;
}

/** What the form chooses for a recipe: as many steps as it has, unless a budget is divided among the runs. */
function givenOf(form: FormSpec, { budgetSteps }: SweepAsk, point: Point): Given {
  const dropped = [
    'evalEvery',
    ...(budgetSteps !== undefined || LENGTHS.some((name) => Object.hasOwn(point, name)) ? LENGTHS : []),
  ];
  const kept = Object.entries(form).filter(([name]) => !dropped.includes(name));
  return { ...(Object.fromEntries(kept) as Given), ...point };
}

/** @throws GraftError `sweep-model`, `train-option` */
function checkRecipe(form: FormSpec, { settings }: Pick<SweptRun, 'settings'>): void {
  if (learnerOf(form).trainsModel)
    throw new GraftError(
      'sweep-model',
      'A sweep in the page keeps an adapter of each run, and full fine-tuning makes a model.',
      'Choose a method that trains an adapter, or use graft sweep.',
    );
  try {
    checkSpec(specOf(form));
  } catch (error) {
    if (!(error instanceof GraftError) || Object.keys(settings).length === 0) throw error;
    throw new GraftError(
      error.code,
      `The recipe ${pointInWords(settings)} cannot be trained: ${error.what}`,
      error.remedy || 'Leave it out of the sweep.',
      { cause: error },
    );
  }
}

const isOfForm = (name: string): boolean => PAGE_TABLE.some((setting) => setting.name === name);

/** The settings of one of the runs. No answers are sampled meanwhile, and forgetting is not measured: both cost time, and no recipe is chosen by them. */
export function formOfRun(form: FormSpec, { id, settings, seed, steps, evalEvery }: SweptRun): FormSpec {
  const { forgetting: _, forgettingEvery: __, ...rest } = form;
  const own = Object.entries(settings).filter(([name]) => isOfForm(name));
  const merged: FormSpec = { ...rest, ...(Object.fromEntries(own) as Partial<FormSpec>) };
  return {
    ...merged,
    ...{ name: `${form.name.trim() || 'sweep'} ${id}`, seed, steps, evalEvery, sampleEvery: 0 },
    warmup: Math.min(merged.warmup, steps),
  };
}

/** The command that trains the same runs on the same rows. */
export function headlessSweep(
  form: FormSpec,
  ask: SweepAsk,
  rows: RowSet,
  base: Pick<BaseOfRun, 'source' | 'info'>,
): string {
  if (ask.folds !== undefined) return headlessFolds(checkFolds(form, ask.folds), ask.folds, rows, base);
  const { names } = pointsOf({
    grid: ask.grid === undefined ? [] : [ask.grid],
    range: ask.range === undefined ? [] : [ask.range],
    ...{ random: ask.random, seed: form.seed, by: BY },
  });
  const lengths =
    ask.budgetSteps !== undefined || LENGTHS.some((name) => names.includes(name)) ? LENGTHS : [];
  const dropped = ['evalEvery', ...lengths, ...names].flatMap((name) => {
    const flag = TABLE.find(name)?.flag;
    return flag === undefined ? [] : [flag, negativeOf(flag)];
  });
  const { forgetting: _, forgettingEvery: __, ...plain } = form;
  const flags = headlessFlags({ ...plain, sampleEvery: 0 } as FormSpec, rows, base).filter(
    ([flag]) => !dropped.includes(flag),
  );
  const own: [string, string | undefined][] = [
    ['grid', ask.grid],
    ['range', ask.range],
    ['random', ask.random?.toString()],
    ['seeds', ask.seeds],
    ['halving', ask.halving?.toString()],
    ['budget-steps', ask.budgetSteps?.toString()],
    ['budget-minutes', ask.budgetMinutes?.toString()],
  ];
  return headlessLine('sweep', [
    ...flags,
    ...own.flatMap(([flag, value]): [string, string][] => (value === undefined ? [] : [[flag, value]])),
  ]);
}
