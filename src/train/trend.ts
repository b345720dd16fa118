/** The training loss of a run without its noise, and how much of it came when: readings of curves are made of it (reading.ts). */
import { mean } from '../averages.ts';
import { smooth, smoothedOver } from '../smooth.ts';
import type { Curve } from './reading.ts';
import { findSpike, type Spike } from './spike.ts';

/** A loss has moved if it did by this many standard errors. */
export const SURE = 3;
/** It has probably moved if it did by this many. */
const LIKELY = 2;
/** A loss that rose this far above its start came from too large steps. */
export const UNSTEADY = 0.05;
/** The last part of a run, which shows whether it has settled. */
export const LAST_PART = 0.25;
/** A rise of the loss by this much counts as worse even in a short run. */
export const PLAINLY = 0.1;
/** Steps whose mean is taken as the start of a run without validation. */
export const FIRST_STEPS = 5;

export interface Trend {
  readonly before: number;
  readonly after: number;
  readonly best: { readonly step: number; readonly loss: number };
  /** The highest smoothed loss, if it is certainly far above the start. */
  readonly peak?: { readonly step: number; readonly loss: number };
  readonly spike: Spike | undefined;
  /** As in the curve. */
  readonly unigramLoss: number | undefined;
  /** The smoothed loss at the start of the last part of the steps. */
  readonly sooner: number;
  /** Whether the smoothed loss was ever far above the first one, by more than noise makes of it once in twenty runs. */
  readonly rose: boolean;
  /** Whether it certainly fell, by the straight line through all steps: many noisy ones show what a few do not. */
  readonly fell: boolean;
  /** The smoothed loss after half of the steps. */
  readonly halfway: number;
  /**
   * The smoothed loss after half of the learning and at the start of its last part, if the rates of the steps are known. A step's part of the learning is
   * its rate: a schedule that ends at 0 learns next to nothing in its last steps, however far the run is from having settled.
   */
  readonly learning?: {
    readonly half: number;
    readonly late: number;
    /** Whether the loss certainly fell from the third quarter of the learning to the last. */
    readonly fell: boolean;
  };
  /** Standard error of the difference of `before` and `after`. */
  readonly error: number;
  /** The smoothed loss at a step. */
  at(step: number): number;
  /** The part of the learning that was done by a step, by the rates; undefined if they are not known. */
  learnedBy(step: number): number | undefined;
}

/** @returns undefined without a step */
export function trendOf({ points, steps, unigramLoss }: Curve): Trend | undefined {
  if (points.length === 0) return undefined;
  const losses = points.map(({ loss }) => loss);
  const smoothed = smooth(losses, steps);
  const first = losses.slice(0, FIRST_STEPS);
  // If it rises at once, the first step alone is its start.
  const before = Math.min(mean(first), losses[0] + PLAINLY * losses[0]);
  const after = smoothed[smoothed.length - 1];
  const noise = noiseOf(losses);
  let best = { step: points[0].step, loss: before };
  smoothed.forEach((loss, i) => {
    // The first ones are means of too few steps.
    if (i >= first.length && loss < best.loss) best = { step: points[i].step, loss };
  });
  const at = (step: number): number => {
    const i = points.findLastIndex((point) => point.step <= step);
    return i < 0 ? before : smoothed[i];
  };
  const parts = learnedParts(points);
  const atPart = (part: number): number => {
    const i = parts!.findLastIndex((done) => done <= part);
    return i < 0 ? before : smoothed[i];
  };
  const within = (from: number, to: number): number[] =>
    losses.filter((_, i) => parts![i] > from && parts![i] <= to);
  const last = points[points.length - 1].step;
  const error = noise * Math.sqrt(1 / first.length + 1 / smoothedOver(steps));
  const peak = highestOf(smoothed.map((loss, i) => ({ step: points[i].step, loss })));
  const high = peak && peak.loss > losses[0] + Math.max(UNSTEADY * losses[0], SURE * error);
  return {
    before,
    after,
    best,
    ...(high && { peak }),
    spike: findSpike(points),
    unigramLoss,
    sooner: at(last * (1 - LAST_PART)),
    rose: (peak?.loss ?? 0) > losses[0] + Math.max(UNSTEADY * losses[0], LIKELY * error),
    fell: slopeOf(losses) < -SURE * noise,
    halfway: at(last / 2),
    ...(parts && {
      learning: {
        half: atPart(1 / 2),
        late: atPart(1 - LAST_PART),
        fell: hasFallen(within(1 / 2, 1 - LAST_PART), within(1 - LAST_PART, 1), noise),
      },
    }),
    error,
    at,
    learnedBy(step) {
      const i = points.findLastIndex((point) => point.step <= step);
      return i < 0 ? parts && 0 : parts?.[i];
    },
  };
}

/** Standard deviation of a batch's loss. Neighbours differ only by chance, whatever the trend. */
function noiseOf(losses: readonly number[]): number {
  const jumps = losses.slice(1).map((value, i) => (value - losses[i]) ** 2);
  return jumps.length > 0 ? Math.sqrt(mean(jumps) / 2) : 0;
}

/** The slope of the straight line through the losses, in units of its standard error for a noise of 1 (least squares). */
function slopeOf(losses: readonly number[]): number {
  const count = losses.length;
  const middle = (count - 1) / 2;
  const squares = (count * (count * count - 1)) / 12;
  if (squares === 0) return 0;
  return losses.reduce((sum, loss, i) => sum + (i - middle) * loss, 0) / Math.sqrt(squares);
}

/** Whether the mean of some losses is certainly above that of later ones. */
function hasFallen(sooner: readonly number[], later: readonly number[], noise: number): boolean {
  if (sooner.length === 0 || later.length === 0) return false;
  const error = noise * Math.sqrt(1 / sooner.length + 1 / later.length);
  return mean(sooner) - mean(later) > SURE * error;
}

/** The part of the learning that is done after each step; undefined if a rate is not known, or all are 0. */
function learnedParts(points: Curve['points']): readonly number[] | undefined {
  let sum = 0;
  const sums: number[] = [];
  for (const { lr } of points) {
    if (lr === undefined) return undefined;
    sums.push((sum += lr));
  }
  return sum > 0 ? sums.map((done) => done / sum) : undefined;
}

export function highestOf<Entry extends { readonly loss: number }>(
  entries: readonly Entry[],
): Entry | undefined {
  return entries.reduce<Entry | undefined>(
    (most, entry) => (most && most.loss >= entry.loss ? most : entry),
    undefined,
  );
}
