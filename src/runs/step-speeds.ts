/** The speed of a model's training steps on this device, kept from its runs: the best source of a forecast. */

/** Steps of one size. */
export interface MeasuredSteps {
  /** Tokens of the largest micro-batch, padding included. */
  readonly tokens: number;
  readonly checkpointing: boolean;
  /** Floating-point operations a second: the median over the steps. */
  readonly flops: number;
  /** How many steps were measured. */
  readonly steps: number;
}

export interface StepSpeeds {
  /** The latest first, one for each size. */
  readonly sizes: readonly MeasuredSteps[];
  /** Seconds of an answer to the sample prompt. */
  readonly answer?: number | undefined;
}

const MAX_SIZES = 8;

/** The speeds with a new measurement, in place of an older one of the same size. At most {@link MAX_SIZES} are kept. */
export function withMeasured(
  before: StepSpeeds | undefined,
  measured: MeasuredSteps,
  answer = before?.answer,
): StepSpeeds {
  const others = (before?.sizes ?? []).filter(
    ({ tokens, checkpointing }) => tokens !== measured.tokens || checkpointing !== measured.checkpointing,
  );
  return {
    sizes: [measured, ...others].slice(0, MAX_SIZES),
    ...(answer !== undefined && { answer }),
  };
}

/** The speed of the most similar steps: as many tokens, and equally with or without checkpointing. */
export function speedLike(
  { sizes }: StepSpeeds,
  { tokens, checkpointing }: Pick<MeasuredSteps, 'tokens' | 'checkpointing'>,
): MeasuredSteps | undefined {
  const distance = (other: MeasuredSteps): number =>
    Math.abs(Math.log2(other.tokens / tokens)) + (other.checkpointing === checkpointing ? 0 : 1);
  return [...sizes].sort((a, b) => distance(a) - distance(b)).at(0);
}

/** The speed of a run counts from this many steps on; the first one warms up. */
const MIN_STEPS = 3;

/**
 * Speed from the steps of a run: the median, so that a pause of the machine or another program does not count.
 *
 * @param steps in order, with the work of each, and what it took
 * @returns undefined if too few were made
 */
export function medianSpeed(
  steps: readonly { readonly flops: number; readonly seconds: number }[],
): { readonly flops: number; readonly steps: number } | undefined {
  const speeds = steps
    .slice(1)
    .filter(({ seconds }) => seconds > 0)
    .map(({ flops, seconds }) => flops / seconds)
    .sort((a, b) => a - b);
  if (speeds.length < MIN_STEPS) return undefined;
  return { flops: speeds[Math.floor(speeds.length / 2)], steps: speeds.length };
}
