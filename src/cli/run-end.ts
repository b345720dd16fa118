/** What `graft train` says of a run at its end. */
import { fromTo } from '../evaluate/reading-brief.ts';
import { tell, type Told } from '../evaluate/reading-words.ts';
import { readCurve, type Reading } from '../train/reading.ts';
import type { LoggedStep } from './metrics-log.ts';
import { formatSeconds } from './output.ts';

export interface EndedRun {
  /** Steps of the whole run. */
  readonly steps: number;
  /** Every step that was taken, also before the run was resumed. */
  readonly points: readonly LoggedStep[];
  /** Validations, that before the first step included. */
  readonly evals: readonly { readonly step: number; readonly loss: number }[];
  /** The loss of a model that only knows how often each token occurs, where the losses can be compared with it. */
  readonly unigramLoss?: number;
  /** Whether it continued an adapter. */
  readonly start: 'base' | 'adapter';
  /** Whether it ended because a loss or a gradient was not finite. */
  readonly broke?: boolean;
}

/** What the curve of a run says of it. Undefined if the first steps are not known. */
export function readEnd({
  points,
  evals,
  start,
  broke = false,
  steps,
  unigramLoss,
}: EndedRun): { reading: Reading; told: Told } | undefined {
  if (points.at(0)?.step !== 1) return undefined;
  // Without the validation before the first step there is nothing to compare the others with.
  const compared = evals.at(0)?.step === 0 ? evals : [];
  const reading = readCurve({ steps, points, evals: compared, broke, unigramLoss });
  return { reading, told: tell(reading, false, start) };
}

/**
 * Two lines: how the loss (or the reward) changed, and what the curve says of the run, with what to try. None where the first steps are
 * not known.
 */
export function describeEnd(run: EndedRun): string[] {
  const { points } = run;
  const [first, last] = [points.at(0), points.at(-1)];
  const end = readEnd(run);
  if (!end || !first || !last) return [];
  const { reading, told } = end;
  const seconds = formatSeconds(points.reduce((sum, point) => sum + point.seconds, 0));
  return [
    `${sentence(changeOf(first, last) ?? fromTo(reading))}, in ${seconds}`,
    `${sentence(told.name)}. ${told.how} ${told.advice}`.trim(),
  ];
}

/** What is said where there is too little for a mean, or no loss that means something. */
function changeOf(first: LoggedStep, last: LoggedStep): string | undefined {
  if (first.reward !== undefined && last.reward !== undefined)
    return `reward ${first.reward.toFixed(3)} → ${last.reward.toFixed(3)}`;
  return last === first && last.evalLoss === undefined ? `loss ${last.loss.toFixed(4)} at step 1` : undefined;
}

const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
