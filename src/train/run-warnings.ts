/** Settings that can run but are probably a mistake: the page asks before such a run, the command warns. */
import { learnerOf } from '../adapters/learners.ts';
import type { Given } from '../settings/setting.ts';
import { TABLE } from '../settings/table.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { hasRank, type RunSpec } from '../settings/spec.ts';

/** The checked settings. */
export interface CheckedSettings {
  readonly method: RunSpec['method'];
  /** The trained weights of a full fine-tuning. */
  readonly trainWeights?: string | undefined;
  readonly optimiser?: string;
  readonly objective?: string | undefined;
  readonly lr: number;
  readonly weightDecay: number;
  readonly rateRatio: number;
  readonly rank: number;
  readonly alpha: number;
  readonly rsLora: boolean;
  readonly dropout: number;
  /** Rows of a micro-batch, and micro-batches of a step. */
  readonly batch: number;
  readonly accumulate: number;
}

/** What the settings are for. */
export interface CheckedRun {
  readonly steps: number;
  /** Rows to train on. */
  readonly rows: number;
  /** Parameters of the base model. */
  readonly parameters: number;
}

interface RunWarning {
  readonly key: 'lr' | 'rank' | 'alpha' | 'dropout' | 'weightDecay' | 'rateRatio' | 'steps' | 'batch';
  /** The odd setting, in a sentence. */
  readonly what: string;
  /** The usual value, and what happens otherwise. */
  readonly usual: string;
}

/** Models below this many parameters take rates ten times as high. */
const SMALL_MODEL = 20_000_000;

interface Rates {
  /** Learning rates of the usual optimiser. Others are asked about. */
  readonly min: number;
  readonly max: number;
  readonly usual: string;
}
const RATES: Readonly<Record<'adapter' | 'model', Readonly<Record<'small' | 'large', Rates>>>> = {
  adapter: {
    small: { min: 1e-6, max: 2e-2, usual: '1e-3 to 1e-2' },
    large: { min: 1e-6, max: 5e-3, usual: '1e-4 to 1e-3' },
  },
  model: {
    small: { min: 1e-7, max: 2e-2, usual: '1e-4 to 3e-3' },
    large: { min: 1e-8, max: 2e-3, usual: '1e-5 to 3e-4' },
  },
};
/**
 * Objectives that compare answers move a model further for the same rate, except ORPO, which learns the chosen answers as supervised runs do. With the
 * bundled model DPO at 5e-3 leaves 0 of 12 general prompts right, at 1e-3 8 and at 4e-4 11; SimPO at 3e-3 leaves 4; a supervised run at 4e-3 leaves 10.
 */
const COMPARING = 0.1;
const LIKE_SUPERVISED = 'orpo';
/** Alpha over rank. */
const MAX_SCALE = 16;
const USUAL_SCALE = 2;
const MAX_RANK = 256;
const MAX_DROPOUT = 0.5;
const MAX_DECAY = 0.3;
const MAX_RATIO = 64;
const MAX_PASSES = 500;
/** A batch is doubted from `rows` rows on, if it is `times` times as large as the whole dataset. */
const LARGE_BATCH = { rows: 32, times: 2 };

/** Most important first; none for the defaults and the presets of the page. @throws Error as `objectiveOf` */
export function findRunWarnings(
  settings: CheckedSettings,
  { steps, rows, parameters }: CheckedRun,
): RunWarning[] {
  const { method, trainWeights, optimiser, objective, lr, weightDecay, rateRatio, batch, accumulate } =
    settings;
  const { rank, alpha, rsLora, dropout } = settings;
  const warnings: RunWarning[] = [];
  // Norms and biases alone take an adapter's learning rates.
  const { trainsModel, words } = learnerOf({ method });
  const moved = trainsModel && trainWeights !== 'norms' ? 'model' : 'adapter';
  const rates = RATES[moved][parameters < SMALL_MODEL ? 'small' : 'large'];
  const size = `${words.run} of a model of ${short(parameters / 1e6)} million parameters`;
  const initial = (given: Given): number => TABLE.resolve(given)['lr'] as number;
  // SGD needs far larger rates than AdamW, and Lion smaller ones; vectors need larger ones than the matrices of LoRA.
  const ofOptimiser = initial(optimiser === undefined ? {} : { optimiser }) / initial({});
  const ofMethod = trainsModel ? 1 : initial({ method }) / initial({});
  const { name, rows: learns, label } = objectiveOf(objective);
  const compares = (learns === 'pairs' || learns === 'unpaired') && name !== LIKE_SUPERVISED;
  const factor = ofOptimiser * ofMethod * (compares ? COMPARING : 1);
  const usual = usualRate({ rates, method, optimiser, objective, isPlain: factor === 1 });
  if (lr > rates.max * factor)
    warnings.push({
      key: 'lr',
      what: `A learning rate of ${short(lr)} is very high for ${compares ? `${label} with ${size}` : size}.`,
      usual: `${usual}. With much more, ${compares ? 'the pairs look learned while the model forgets how to answer' : 'the loss jumps instead of falling, and the model loses what it knew'}.`,
    });
  if (lr < rates.min * factor)
    warnings.push({
      key: 'lr',
      what: `A learning rate of ${short(lr)} is very low for ${size}.`,
      usual: `${usual}. With much less, hardly anything is learned.`,
    });
  if (hasRank({ method })) {
    if (rank > MAX_RANK)
      warnings.push({
        key: 'rank',
        what: `An adapter of rank ${rank} is no longer small.`,
        usual: '4 to 64 is usual. A higher rank takes more memory and overfits sooner.',
      });
    const scale = alpha / (rsLora ? Math.sqrt(rank) : rank);
    if (scale > MAX_SCALE)
      warnings.push({
        key: 'alpha',
        what: `Alpha ${short(alpha)} at rank ${rank} multiplies the adapter's output by ${short(scale)}.`,
        usual:
          'A factor of 1 to 4 is usual. A higher one works like a learning rate that is as many times higher.',
      });
    if (dropout > MAX_DROPOUT)
      warnings.push({
        key: 'dropout',
        what: `A dropout of ${short(dropout)} hides most of its input from the adapter.`,
        usual: '0 to 0.1 is usual. With much more, the adapter learns slowly or not at all.',
      });
    if (rateRatio > MAX_RATIO)
      warnings.push({
        key: 'rateRatio',
        what: `The second matrix of the adapter learns ${short(rateRatio)} times as fast as the first.`,
        usual: '1 to 16 times is usual. With much more, the loss jumps.',
      });
    // What multiplies the adapter's output, or the rate of its second matrix, multiplies what a step does.
    const strength = Math.max(1, scale / USUAL_SCALE) * Math.max(1, rateRatio);
    if (warnings.length === 0 && lr * strength > rates.max * factor)
      warnings.push({
        key: rateRatio > scale / USUAL_SCALE ? 'rateRatio' : 'alpha',
        what: `A learning rate of ${short(lr)} ${rateRatio > 1 ? `with a ratio of ${short(rateRatio)} ` : ''}at alpha / rank ${short(scale)} works like one of ${short(lr * strength)}, which is very high for ${size}.`,
        usual: `${usual} with a ratio of 1 and an alpha of twice the rank. With much more, the model learns its rows and loses what it knew.`,
      });
  }
  if (weightDecay > MAX_DECAY)
    warnings.push({
      key: 'weightDecay',
      what: `A weight decay of ${short(weightDecay)} is very strong.`,
      usual: '0 to 0.1 is usual. With much more, what a step learns is pulled back to zero by the next ones.',
    });
  const perStep = batch * accumulate;
  const passes = (steps * perStep) / rows;
  if (rows > 0 && passes > MAX_PASSES)
    warnings.push({
      key: 'steps',
      what: `${short(steps)} steps of ${perStep} are ${short(passes)} epochs over ${plural(rows, 'row')}.`,
      usual: '1 to 5 epochs are usual, some dozens with very few rows. After that, the run only overfits.',
    });
  if (rows > 0 && perStep >= LARGE_BATCH.rows && perStep > LARGE_BATCH.times * rows)
    warnings.push({
      key: 'batch',
      what: `A step takes ${perStep} rows, and there ${rows === 1 ? 'is' : 'are'} only ${rows}: each step repeats them all.`,
      usual: 'A step usually takes 4 to 32 different rows. Repeated ones cost time and teach nothing new.',
    });
  return warnings;
}

/** Where such runs start, or what is usual if nothing but the size of the model decides. */
function usualRate({
  rates,
  method,
  isPlain,
  ...given
}: {
  readonly rates: Rates;
  readonly method: RunSpec['method'];
  readonly optimiser: string | undefined;
  readonly objective: string | undefined;
  readonly isPlain: boolean;
}): string {
  if (isPlain) return `${rates.usual} is usual`;
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const begins = TABLE.resolve({ ...chosen, ...(!learnerOf({ method }).trainsModel && { method }) })[
    'lr'
  ] as number;
  const what =
    given.objective !== undefined ? 'objective' : given.optimiser !== undefined ? 'optimiser' : 'method';
  return `${short(begins)} is the default of this ${what}`;
}

const plural = (value: number, one: string): string => `${value} ${value === 1 ? one : `${one}s`}`;

/** Three digits, as in 0.02, 1e-7, 1,340. */
function short(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-3) return String(Number(value.toPrecision(3)).toExponential());
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}
