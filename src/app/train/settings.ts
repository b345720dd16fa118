/** Settings of a run: presets, and the reasons why some cannot work, said before anything is compiled. */
import type { DataSummary, ModelInfo, RunOptions } from '../../worker/api.ts';

export type SettingKey = Exclude<keyof RunOptions, 'maxLength'>;

export interface Fault {
  readonly key: SettingKey;
  readonly reason: string;
}

/** What the data set itself suggests; a bundled sample says all of it. */
export interface Suggestion {
  readonly steps?: number;
  readonly batch: number;
  readonly lr: number;
  readonly rank: number;
  readonly alpha: number;
}

export const PRESETS = ['quick', 'balanced', 'thorough'] as const;
export type Preset = (typeof PRESETS)[number];

export const PRESET_WORDS: Readonly<Record<Preset, { readonly name: string; readonly what: string }>> = {
  quick: { name: 'Quick look', what: 'A third of the steps: does it learn at all?' },
  balanced: { name: 'Balanced', what: 'Enough to learn most tasks.' },
  thorough: {
    name: 'Thorough',
    what: 'Three times the steps at half the rate, twice the rank. Ends early when validation stops improving.',
  },
};

/** Models below this many parameters take (and want) a larger rate. */
const SMALL_MODEL = 20_000_000;
const PASSES = 3;
const MOST_STEPS = 1000;
const LEAST_STEPS = 10;

export function suggest(model: Pick<ModelInfo, 'parameters'> | undefined): Suggestion {
  const small = (model?.parameters ?? 0) < SMALL_MODEL;
  return { batch: small ? 8 : 4, lr: small ? 4e-3 : 2e-4, rank: 8, alpha: 16 };
}

/** @param trainRows rows to train on, after the split */
export function presetOptions(
  preset: Preset,
  suggestion: Suggestion,
  trainRows: number,
  base: RunOptions,
): RunOptions {
  const { batch, rank, alpha, lr } = suggestion;
  const balanced =
    suggestion.steps ??
    Math.min(MOST_STEPS, Math.max(LEAST_STEPS, Math.ceil((PASSES * Math.max(1, trainRows)) / batch)));
  const thorough = preset === 'thorough';
  const steps =
    preset === 'quick' ? Math.max(LEAST_STEPS, Math.round(balanced / 3)) : thorough ? 3 * balanced : balanced;
  // Ten looks at the validation rows and six answers, wherever a run ends.
  const evalEvery = Math.max(1, Math.round(steps / 10));
  return {
    ...base,
    steps,
    batch,
    accumulate: 1,
    lr: thorough ? lr / 2 : lr,
    rank: thorough ? 2 * rank : rank,
    alpha: thorough ? 2 * alpha : alpha,
    warmup: Math.min(5, Math.floor(steps / 10)),
    evalEvery,
    patience: thorough ? 3 : 0,
    sampleEvery: Math.max(1, Math.round(steps / 6)),
  };
}

const isWhole = (value: number, least: number): boolean => Number.isInteger(value) && value >= least;

/** Everything that is wrong with the settings, in the order of the form. */
export function findFaults(
  options: RunOptions,
  model: ModelInfo | undefined,
  data: DataSummary | undefined,
): Fault[] {
  const faults: Fault[] = [];
  const need = (holds: boolean, key: SettingKey, reason: string): void => {
    if (!holds) faults.push({ key, reason });
  };
  const { steps, batch, accumulate, warmup, evalEvery, patience, rank, alpha } = options;
  if (data)
    need(
      data.rows.train > 0,
      'steps',
      'No rows are left to train on. Give the training part some under Data.',
    );
  need(isWhole(steps, 1), 'steps', 'A run takes a whole number of steps, at least 1.');
  need(isWhole(batch, 1), 'batch', 'Rows at once are a whole number, at least 1.');
  need(isWhole(accumulate, 1), 'accumulate', 'Batches a step are a whole number, at least 1.');
  need(options.lr > 0 && options.lr <= 10, 'lr', 'The learning rate is a number above 0, at most 10.');
  need(isWhole(warmup, 0), 'warmup', 'Warm-up is a whole number of steps, 0 for none.');
  need(
    !isWhole(steps, 1) || !(warmup > steps),
    'warmup',
    `Warm-up cannot take longer than the ${steps} steps of the run.`,
  );
  need(
    options.weightDecay >= 0 && options.weightDecay < 1,
    'weightDecay',
    'Weight decay is a number from 0 to below 1.',
  );
  need(options.clip >= 0, 'clip', 'The largest gradient norm is 0 (no clipping) or more.');
  need(isWhole(rank, 1), 'rank', 'The rank is a whole number, at least 1.');
  need(!(rank > 256), 'rank', 'Beyond rank 256 an adapter is no longer small: choose 256 or less.');
  need(alpha > 0 && Number.isFinite(alpha), 'alpha', 'Alpha is a number above 0.');
  need(options.dropout >= 0 && options.dropout < 1, 'dropout', 'Dropout is a number from 0 to below 1.');
  need(options.rateRatio > 0, 'rateRatio', 'The ratio of the two rates is a number above 0.');
  need(options.targets.length > 0, 'targets', 'Choose at least one layer for the adapter.');
  if (model) {
    const strangers = options.targets.filter((target) => !model.targets.includes(target));
    need(strangers.length === 0, 'targets', `${model.name} has no layers named ${strangers.join(', ')}.`);
  }
  need(
    isWhole(evalEvery, 0),
    'evalEvery',
    'Give a whole number of steps between two validations, 0 for none.',
  );
  if (data && evalEvery > 0)
    need(
      data.rows.validation > 0,
      'evalEvery',
      'No rows are kept for validation. Give the split some under Data, or put 0 here.',
    );
  need(isWhole(patience, 0), 'patience', 'Patience is a whole number of validations, 0 for no early end.');
  need(
    !(patience > 0 && evalEvery === 0),
    'patience',
    'Patience counts validations, and the run makes none: validate every so many steps, or put 0.',
  );
  need(
    isWhole(options.sampleEvery, 0),
    'sampleEvery',
    'Give a whole number of steps between two answers, 0 for no answers.',
  );
  need(
    !(options.sampleEvery > 0 && options.samplePrompt.trim() === ''),
    'samplePrompt',
    'Give a prompt to answer, or put 0 steps for no answers.',
  );
  need(
    Number.isSafeInteger(options.seed) && options.seed >= 0,
    'seed',
    `The seed is a whole number from 0 to ${Number.MAX_SAFE_INTEGER}.`,
  );
  return faults;
}
