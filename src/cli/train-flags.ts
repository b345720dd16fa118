/** The flags of `graft train`, and the settings that they mean. */
import type { ReadOptions } from '../data/formats.ts';
import type { OverlongPolicy } from '../text/limit.ts';
import { OVERLONG_POLICIES } from '../text/limit.ts';
import { GraftError } from '../errors.ts';
import type { ModelShape } from '../model/family.ts';
import { checkOptions, defaultOptions, defaultWarmup, type TrainOptions } from '../train/options.ts';
import { schedules } from '../train/schedule.ts';
import { dataFlags, readReadOptions, readRowOptions, rowFlags, type RowOptions } from './data-flags.ts';
import type { FlagSpecs, Flags } from './flags.ts';
import { modelFlags } from './session.ts';

const lora = defaultOptions();

export const trainFlags = {
  model: modelFlags.model,
  ...dataFlags,
  ...rowFlags,
  out: {
    value: 'DIR',
    help: 'where to write the PEFT folder (for full fine-tuning the model folder) and metrics.jsonl',
  },
  method: { value: 'M', help: 'lora (default) or full' },
  steps: { value: 'N', help: 'optimiser steps (default: as many as the epochs take)' },
  epochs: { value: 'N', help: `passes over the data (default: ${lora.epochs})` },
  batch: { value: 'N', help: `rows of a micro-batch (default: ${lora.batch})` },
  accumulate: { value: 'N', help: `micro-batches of a step (default: ${lora.accumulate})` },
  'max-length': {
    value: 'N',
    help: `tokens of a row (default: ${lora.maxLength}, or what the model holds if that is less)`,
  },
  overlong: { value: 'POLICY', help: 'truncate-end (default), truncate-prompt or drop' },
  lr: { value: 'X', help: `learning rate (default: ${lora.lr}; full: ${defaultOptions('full').lr})` },
  schedule: { value: 'S', help: 'constant, linear or cosine (default)' },
  warmup: { value: 'N', help: `steps of warm-up (default: ${lora.warmup}, or a tenth of a short run)` },
  'weight-decay': { value: 'X', help: `decoupled weight decay (default: ${lora.weightDecay})` },
  clip: { value: 'X', help: `largest gradient norm, 0 for none (default: ${lora.clip})` },
  rank: { value: 'N', help: `rank of the adapter (default: ${lora.lora.rank})` },
  alpha: { value: 'X', help: 'alpha of the adapter (default: twice the rank)' },
  dropout: { value: 'X', help: "dropout on the adapter's inputs (default: 0)" },
  targets: { value: 'A,B', help: 'linear layers with an adapter (default: all)' },
  'rank-pattern': {
    value: 'NAME=N,…',
    help: 'a different rank for layers whose path ends with NAME: q_proj=16,layers.0.mlp.down_proj=4',
  },
  'alpha-pattern': { value: 'NAME=X,…', help: 'a different alpha, in the same way' },
  rslora: { help: 'scale by alpha / √rank' },
  'lr-ratio': { value: 'X', help: 'LoRA+: learning rate of B as a multiple of that of A (default: 1)' },
  seed: { value: 'N', help: `(default: ${lora.seed})` },
  packing: { help: 'pack the rows of a step into as few passes as hold them; the numbers do not change' },
  'no-shuffle': { help: 'take rows in the order of the file' },
  checkpointing: { help: 'activation checkpointing: less memory, since backward computes the forward again' },
  'init-adapter': { value: 'DIR', help: 'start from this PEFT adapter, with its rank, alpha and targets' },
  resume: {
    value: 'DIR',
    help: 'go on with the run that was saved here (its state folder, or the folder given as --out); --out is then the same folder',
  },
  'save-every': {
    value: 'N',
    help: 'save the state every N steps, or every so often: 90s, 5m (default: 5m, rarer where saving takes long)',
  },
  overwrite: { help: 'discard the result or the run that --out holds' },
  'val-fraction': { value: 'X', help: 'share of the rows to hold out for validation (default: 0)' },
  'test-fraction': { value: 'X', help: 'share of the rows to leave out as a test set (default: 0)' },
  'split-seed': { value: 'N', help: 'seed that chooses the held-out rows (default: the seed)' },
  'eval-every': {
    value: 'N',
    help: 'evaluate every N steps and at the end; the best adapter is kept (default: at the end)',
  },
  patience: { value: 'N', help: 'stop after N evaluations without improvement' },
  precision: modelFlags.precision,
  'base-weights': modelFlags['base-weights'],
  'embedding-weights': modelFlags['embedding-weights'],
  device: modelFlags.device,
  help: modelFlags.help,
} as const satisfies FlagSpecs;

export type TrainFlags = Flags<typeof trainFlags>;

export interface DataOptions extends RowOptions {
  readonly read: ReadOptions;
  readonly overlong: OverlongPolicy;
  readonly validationFraction: number;
  readonly testFraction: number;
  readonly splitSeed: number;
}

/** @param seed of the run, which splits too unless the flags say otherwise. @throws GraftError `arguments` */
export function readDataOptions(flags: TrainFlags, seed: number): DataOptions {
  const fraction = (name: 'val-fraction' | 'test-fraction'): number => {
    const value = flags.number(name) ?? 0;
    if (value < 0 || value >= 1)
      throw new GraftError('arguments', `--${name} is ${value}.`, 'Choose 0 or more and less than 1.');
    return value;
  };
  const validationFraction = fraction('val-fraction');
  const testFraction = fraction('test-fraction');
  const rows = readRowOptions(flags);
  if (testFraction > 0 && rows.test !== undefined)
    throw new GraftError(
      'arguments',
      '--test-data gives the test rows, and --test-fraction asks for others.',
      'Leave one of them out.',
    );
  if (validationFraction === 0 && (flags.number('eval-every') ?? 0) > 0) {
    throw new GraftError('arguments', '--eval-every needs rows to evaluate on.', 'Give --val-fraction too.');
  }
  return {
    read: readReadOptions(flags),
    overlong: flags.choice('overlong', OVERLONG_POLICIES) ?? 'truncate-end',
    validationFraction,
    testFraction,
    splitSeed: flags.whole('split-seed') ?? seed,
    ...rows,
  };
}

/** @throws GraftError `arguments` for rows that are longer than the model was made for */
export function checkLength(length: number, { maxPositions }: ModelShape): void {
  if (length > maxPositions)
    throw new GraftError(
      'arguments',
      `Rows of ${length} tokens are asked for, and the model was made for at most ${maxPositions}.`,
      'Choose a shorter length.',
    );
}

/** What an adapter is made with: one that is there already has it, and training all weights makes none. */
const OF_ADAPTER = ['rank', 'alpha', 'targets', 'rank-pattern', 'alpha-pattern', 'rslora'] as const;

function checkAdapterFlags(flags: TrainFlags, method: TrainOptions['method']): void {
  const given = OF_ADAPTER.find((name) => flags.on(name) || flags.text(name) !== undefined);
  if (given === undefined) return;
  if (method === 'full')
    throw new GraftError(
      'arguments',
      `--${given} is for LoRA.`,
      'Leave it out, or train with --method lora.',
    );
  if (flags.text('init-adapter') !== undefined)
    throw new GraftError(
      'arguments',
      `--${given} is given, and the adapter of --init-adapter has its own.`,
      'Leave one of them out.',
    );
}

/** @throws GraftError `arguments`, `train-option` */
export function readTrainOptions(flags: TrainFlags): TrainOptions {
  const method = flags.choice('method', ['lora', 'full'] as const) ?? 'lora';
  checkAdapterFlags(flags, method);
  const defaults = defaultOptions(method);
  const steps = flags.number('steps');
  const rank = flags.number('rank') ?? defaults.lora.rank;
  const options: TrainOptions = {
    method,
    steps,
    epochs: flags.number('epochs') ?? defaults.epochs,
    batch: flags.number('batch') ?? defaults.batch,
    accumulate: flags.number('accumulate') ?? defaults.accumulate,
    maxLength: flags.number('max-length') ?? defaults.maxLength,
    lr: flags.number('lr') ?? defaults.lr,
    schedule: flags.choice('schedule', schedules) ?? defaults.schedule,
    // Without --steps their number follows from the rows, and the default with it: `trainCommand` sets it.
    warmup: flags.number('warmup') ?? defaultWarmup(steps ?? 0),
    weightDecay: flags.number('weight-decay') ?? defaults.weightDecay,
    clip: flags.number('clip') ?? defaults.clip,
    lora: {
      rank,
      alpha: flags.number('alpha') ?? 2 * rank,
      dropout: flags.number('dropout') ?? defaults.lora.dropout,
      rsLora: flags.on('rslora'),
      targets: flags.list('targets') ?? defaults.lora.targets,
      rankPattern: flags.pattern('rank-pattern'),
      alphaPattern: flags.pattern('alpha-pattern'),
    },
    rateRatio: flags.number('lr-ratio') ?? defaults.rateRatio,
    seed: flags.number('seed') ?? defaults.seed,
    packing: flags.on('packing'),
    shuffle: !flags.on('no-shuffle'),
    evalEvery: flags.number('eval-every') ?? defaults.evalEvery,
    patience: flags.number('patience') ?? defaults.patience,
    checkpointing: flags.on('checkpointing'),
  };
  checkOptions(options);
  return options;
}
