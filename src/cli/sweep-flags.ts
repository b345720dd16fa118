/** The flags of `graft sweep`: those of a run, and what varies. */
import { negativeOf } from '../settings/flag-text.ts';
import { TABLE } from '../settings/table.ts';
import { readSeeds } from '../runs/sweep/plan.ts';
import type { Point } from '../runs/sweep/space.ts';
import { underFlag, type Flags, type FlagSpecs } from './flags.ts';
import { trainFlags } from './train-flags.ts';

const { out: _, resume: __, overwrite: ___, json: ____, 'pause-after': _____, ...ofTrain } = trainFlags;

const DEFAULT_FACTOR = 2;

export const sweepFlags = {
  out: {
    value: 'DIR',
    help: 'where to write sweep.json, sweep.html, the folder of each run, and best: the adapter (or model) of the best run',
  },
  ...underFlag('What varies', {
    grid: {
      value: 'NAME=A,B;…',
      many: true,
      help: 'settings with the values that each takes: every combination is a recipe',
    },
    random: { value: 'N', help: 'draw N recipes from --range, by --seed' },
    range: {
      value: 'NAME=A..B;…',
      many: true,
      help: 'for --random: numbers between two ends, with :log by their logarithm, or lists of values as in --grid',
    },
    seeds: {
      value: 'N,N',
      help: 'train each recipe with each of these seeds; it counts as one, with mean and standard deviation (default: that of --seed)',
    },
  }),
  ...underFlag('Budget', {
    'budget-steps': {
      value: 'N',
      help: 'steps of all runs together; without --steps and --epochs each run gets an equal part of them',
    },
    'budget-minutes': { value: 'N', help: 'end after so many minutes, also in the middle of a run' },
    halving: {
      value: 'N',
      bare: String(DEFAULT_FACTOR),
      help: `successive halving: one of N recipes continues from each rung, by validation loss (default: ${DEFAULT_FACTOR})`,
    },
  }),
  ...underFlag('Start, saving and resuming', {
    resume: {
      help: 'continue the sweep of --out, whose flags may be left out; the same call without --resume does it as well',
    },
    overwrite: { help: 'discard the sweep that --out holds' },
    json: { help: 'print sweep.json instead of a table' },
  }),
  ...ofTrain,
} as const satisfies FlagSpecs;

export type SweepFlags = Flags<typeof sweepFlags>;

/** Flags that change nothing of what a sweep finds: a sweep may continue with others. */
const APART = [
  'out',
  'resume',
  'overwrite',
  'json',
  'budget-steps',
  'budget-minutes',
  'threads',
  'save-every',
  'help',
] as const;
const VARIES = ['grid', 'random', 'range', 'seeds', 'halving'] as const;

/** The words of a call that say what the sweep is, in one order. */
export const wordsOfSweep = (flags: SweepFlags): string[] =>
  wordsOf(
    flags,
    Object.keys(sweepFlags).filter((name) => !APART.some((one) => one === name)),
  );

/** The words of a call that every run takes over. */
export const wordsOfRuns = (flags: SweepFlags): string[] =>
  wordsOf(
    flags,
    Object.keys(ofTrain).filter((name) => name !== 'help' && !VARIES.some((one) => one === name)),
  );

function wordsOf(flags: SweepFlags, names: readonly string[]): string[] {
  return (names as (keyof typeof sweepFlags)[]).flatMap((name) => {
    if (!flags.isGiven(name)) return [];
    const texts = flags.texts(name);
    if (texts.length > 0) return texts.map((text) => `--${name}=${text}`);
    return [flags.on(name) ? `--${name}` : `--${negativeOf(name)}`];
  });
}

/** The words that give a run its own settings. */
export function wordsOfPoint(point: Point): string[] {
  return Object.entries(point).map(([name, value]) => {
    const { flag, type, default: initial } = TABLE.find(name)!;
    if (type !== 'switch') return `--${flag}=${String(value)}`;
    return (value === true) === (initial === true) ? `--${negativeOf(flag!)}` : `--${flag}`;
  });
}

/** @throws GraftError `arguments` */
export function seedsOf(flags: SweepFlags): number[] | undefined {
  const text = flags.text('seeds');
  return text === undefined ? undefined : readSeeds(text, '--seeds');
}
