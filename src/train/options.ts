/** Settings of a run, their defaults, and the reasons why some cannot work. */
import { GraftError } from '../errors.ts';
import { ALL_LINEAR, type LoraConfig } from '../model/lora.ts';
import { schedules, type Schedule } from './schedule.ts';

export interface TrainOptions {
  readonly method: 'lora' | 'full';
  /** Optimiser steps; if undefined, `epochs` decides. */
  readonly steps?: number;
  /** Passes over the training rows. */
  readonly epochs: number;
  /** Rows of a micro-batch. */
  readonly batch: number;
  /** Micro-batches of a step. */
  readonly accumulate: number;
  /** Tokens of a row at most; also the room that packing counts with. */
  readonly maxLength: number;
  readonly lr: number;
  readonly schedule: Schedule;
  readonly warmup: number;
  readonly weightDecay: number;
  /** Largest global norm of the gradient; 0 for no clipping. */
  readonly clip: number;
  readonly lora: LoraConfig;
  /** LoRA+: the learning rate of B as a multiple of that of A. */
  readonly rateRatio: number;
  readonly seed: number;
  /** Lay all rows of a step into as few replays of batch · maxLength tokens as hold them. The numbers stay the same. */
  readonly packing: boolean;
  readonly shuffle: boolean;
  /** Evaluate every so many steps and at the end; 0 for never. */
  readonly evalEvery: number;
  /** Stop after so many evaluations without improvement; 0 for never. */
  readonly patience: number;
  /** Keep only each layer's input for the reverse, and compute the rest again. */
  readonly checkpointing: boolean;
}

/** Rows that a run takes at most, counted with repetitions: its micro-batches are sized before the first step. */
const MOST_VISITS = 50_000_000;

/** Warm-up of a run for which nobody chose one: a few steps, and no more than a tenth of a short run. */
export function defaultWarmup(steps: number): number {
  return Math.min(5, Math.floor(steps / 10));
}

/** Settings that work without touching anything. A full fine-tuning moves every weight and wants a smaller rate. */
export function defaultOptions(method: 'lora' | 'full' = 'lora'): TrainOptions {
  return {
    method,
    epochs: 3,
    batch: 8,
    accumulate: 1,
    maxLength: 512,
    lr: method === 'lora' ? 1e-3 : 3e-4,
    schedule: 'cosine',
    warmup: 5,
    weightDecay: 0,
    clip: 1,
    lora: {
      rank: 8,
      alpha: 16,
      dropout: 0,
      rsLora: false,
      targets: [ALL_LINEAR],
      rankPattern: {},
      alphaPattern: {},
    },
    rateRatio: 1,
    seed: 42,
    packing: false,
    shuffle: true,
    evalEvery: 0,
    patience: 0,
    checkpointing: false,
  };
}

/**
 * Checks what can be checked before anything is loaded.
 *
 * @throws GraftError `train-option` naming the setting, its value, and what would do
 */
export function checkOptions(options: TrainOptions): void {
  const whole = (name: keyof TrainOptions, least: number): void => {
    const value = options[name];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least)
      throw wrong(name, `a whole number of at least ${least}`);
  };
  const within = (name: keyof TrainOptions, holds: (value: number) => boolean, range: string): void => {
    const value = options[name];
    if (typeof value !== 'number' || !Number.isFinite(value) || !holds(value)) throw wrong(name, range);
  };
  const wrong = (name: keyof TrainOptions, range: string): GraftError =>
    new GraftError(
      'train-option',
      `The setting ${name} is ${JSON.stringify(options[name]) ?? String(options[name])}.`,
      `Choose ${range}.`,
    );

  if (options.steps !== undefined) whole('steps', 1);
  within('epochs', (value) => value > 0, 'a number above 0');
  whole('batch', 1);
  whole('accumulate', 1);
  whole('maxLength', 2);
  whole('warmup', 0);
  whole('evalEvery', 0);
  whole('patience', 0);
  within('lr', (value) => value > 0 && value <= 10, 'a number above 0 (1e-3 is a good start for LoRA)');
  within('weightDecay', (value) => value >= 0 && value < 1, 'a number from 0 to 1');
  within('clip', (value) => value >= 0, '0 (no clipping) or a positive number');
  within('rateRatio', (value) => value > 0, 'a number above 0');
  within('seed', (value) => Number.isInteger(value) && value >= 0, 'a whole number');
  if (!schedules.includes(options.schedule)) throw wrong('schedule', schedules.join(', '));
  if (options.steps !== undefined && options.warmup > options.steps)
    throw wrong('warmup', `at most the ${options.steps} steps of the run`);
  if (options.patience > 0 && options.evalEvery === 0)
    throw wrong('evalEvery', 'a number above 0, since patience counts evaluations');
}

/**
 * Steps of the run: as asked, or as many as the epochs take.
 *
 * @throws GraftError `train-option` for a run that would not end in a lifetime
 */
export function countSteps({ steps, epochs, batch, accumulate }: TrainOptions, rows: number): number {
  const count = steps ?? Math.max(1, Math.ceil((epochs * rows) / (batch * accumulate)));
  if (count * batch * accumulate > MOST_VISITS) {
    throw new GraftError(
      'train-option',
      `${count} steps of ${batch} × ${accumulate} rows take ${count * batch * accumulate} rows in all.`,
      `Choose fewer steps, epochs or rows a step: at most ${MOST_VISITS} rows in all.`,
    );
  }
  return count;
}
