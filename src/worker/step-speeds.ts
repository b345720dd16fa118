/** What training steps of a model did on this GPU, kept from its runs: the best that a forecast of the next run can be made from. */
import * as v from 'valibot';
import type { AdapterDescription } from '../engine/device.ts';
import { ifStorageWorks, readSetting, writeSetting } from '../storage/settings.ts';

const positive = v.pipe(v.number(), v.finite(), v.minValue(Number.MIN_VALUE));

/** Steps of one size. */
const MeasuredSteps = v.object({
  /** Tokens of the largest micro-batch, padding included. */
  tokens: positive,
  checkpointing: v.boolean(),
  /** Floating-point operations a second: the median over the steps. */
  flops: positive,
  /** How many steps were measured. */
  steps: positive,
});
export type MeasuredSteps = v.InferOutput<typeof MeasuredSteps>;

const StepSpeeds = v.object({
  /** The latest first, one for each size. */
  sizes: v.pipe(v.array(MeasuredSteps), v.maxLength(20)),
  /** Seconds of an answer to the sample prompt. */
  answer: v.optional(positive),
});
export type StepSpeeds = v.InferOutput<typeof StepSpeeds>;

const settingOf = ({ vendor, architecture, description }: AdapterDescription, fingerprint: string): string =>
  `step speeds ${vendor} ${architecture} ${description} ${fingerprint}`;

/** @param fingerprint of the model, which names its precision and how its weights are held, too */
export async function readStepSpeeds(
  adapter: AdapterDescription,
  fingerprint: string,
): Promise<StepSpeeds | undefined> {
  const kept = v.safeParse(StepSpeeds, await ifStorageWorks(readSetting(settingOf(adapter, fingerprint))));
  return kept.success ? kept.output : undefined;
}

/** Keeps what a run measured beside what earlier ones did. A browser that keeps nothing forecasts from the test. */
export async function keepStepSpeeds(
  adapter: AdapterDescription,
  fingerprint: string,
  measured: MeasuredSteps,
  answer: number | undefined,
): Promise<void> {
  const before = await readStepSpeeds(adapter, fingerprint);
  await ifStorageWorks(writeSetting(settingOf(adapter, fingerprint), withMeasured(before, measured, answer)));
}

const MOST_SIZES = 8;

export function withMeasured(
  before: StepSpeeds | undefined,
  measured: MeasuredSteps,
  answer = before?.answer,
): StepSpeeds {
  const others = (before?.sizes ?? []).filter(
    ({ tokens, checkpointing }) => tokens !== measured.tokens || checkpointing !== measured.checkpointing,
  );
  return {
    sizes: [measured, ...others].slice(0, MOST_SIZES),
    ...(answer !== undefined && { answer }),
  };
}

/** The speed of steps that are most like these: as many tokens, and with checkpointing or without. */
export function speedLike(
  { sizes }: StepSpeeds,
  { tokens, checkpointing }: Pick<MeasuredSteps, 'tokens' | 'checkpointing'>,
): MeasuredSteps | undefined {
  const distance = (other: MeasuredSteps): number =>
    Math.abs(Math.log2(other.tokens / tokens)) + (other.checkpointing === checkpointing ? 0 : 1);
  return [...sizes].sort((a, b) => distance(a) - distance(b)).at(0);
}

/** A run tells of its speed after so many steps; the first one warms up. */
const LEAST_STEPS = 3;

/**
 * Speed from the steps of a run: the median, so that a pause of the machine or another program does not count.
 *
 * @param steps in order, with the work of each, and what it took
 * @returns undefined where too few were made
 */
export function medianSpeed(
  steps: readonly { readonly flops: number; readonly seconds: number }[],
): { readonly flops: number; readonly steps: number } | undefined {
  const speeds = steps
    .slice(1)
    .filter(({ seconds }) => seconds > 0)
    .map(({ flops, seconds }) => flops / seconds)
    .sort((a, b) => a - b);
  if (speeds.length < LEAST_STEPS) return undefined;
  return { flops: speeds[Math.floor(speeds.length / 2)], steps: speeds.length };
}
