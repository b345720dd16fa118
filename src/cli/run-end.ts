/** What `graft train` says of a run at its end. */
import { capital } from '../capital.ts';
import type { Forgetting } from '../evaluate/forgetting.ts';
import { fromTo } from '../evaluate/reading-brief.ts';
import { describeReading, type ReadingWords } from '../evaluate/reading-words.ts';
import { readCurve, type Curve, type Reading } from '../train/reading.ts';
import type { LoggedStep } from './metrics-log.ts';
import { formatSeconds } from './output.ts';

/** Before the names of what a validation reports, in the line of its step. */
const OF_VALIDATION = 'eval_';

export interface EndedRun extends Pick<Curve, 'steps' | 'unigramLoss' | 'objective' | 'fullMarks'> {
  /** Every step that was taken, also before the run was resumed. */
  readonly points: readonly LoggedStep[];
  /** Validations, that before the first step included. */
  readonly evals: readonly { readonly step: number; readonly loss: number }[];
  /** Whether it continued an adapter. */
  readonly start: 'base' | 'adapter';
  /** What it forgot, if that was measured. */
  readonly forgetting?: Forgetting | undefined;
  /** Whether it ended because a loss or a gradient was not finite. */
  readonly broke?: boolean;
}

/** What the curve of a run says of it. Undefined if the first steps are not known. */
export function readEnd({
  points,
  evals,
  start,
  forgetting,
  broke = false,
  ...run
}: EndedRun): { reading: Reading; words: ReadingWords } | undefined {
  if (points.at(0)?.step !== 1) return undefined;
  const { steps, unigramLoss, objective, fullMarks } = run;
  // Without the validation before the first step there is nothing to compare the others with.
  const validated = evals.at(0)?.step === 0 ? evals.map((one) => withReport(one, points)) : [];
  const reading = readCurve({ steps, points, evals: validated, broke, unigramLoss, objective, fullMarks });
  return { reading, words: describeReading(reading, false, start, forgetting) };
}

/**
 * Two lines: how the loss (or the reward) changed, and what the curve says of the run, with what to try. None if the first steps are
 * not known.
 */
export function describeEnd(run: EndedRun): string[] {
  const { points } = run;
  const [first, last] = [points.at(0), points.at(-1)];
  const end = readEnd(run);
  if (!end || !first || !last) return [];
  const { reading, words: words } = end;
  const seconds = formatSeconds(points.reduce((sum, point) => sum + point.seconds, 0));
  return [
    `${capital(oneStep(first, last) ?? (fromTo(reading) || rewardsOf(first, last)))}, in ${seconds}`,
    `${capital(words.name)}. ${words.how} ${words.advice}`.trim(),
  ];
}

/** A validation with what its step reports of it. */
function withReport(
  one: EndedRun['evals'][number],
  points: EndedRun['points'],
): EndedRun['evals'][number] & Pick<Curve['evals'][number], 'report'> {
  const { report = {} } = points.find(({ step }) => step === one.step) ?? {};
  const own = Object.entries(report).filter(([name]) => name.startsWith(OF_VALIDATION));
  return {
    ...one,
    report: Object.fromEntries(own.map(([name, value]) => [name.slice(OF_VALIDATION.length), value])),
  };
}

/** What is said if there is too little for a mean. */
const oneStep = (first: LoggedStep, last: LoggedStep): string | undefined =>
  last === first && last.evalLoss === undefined && last.reward === undefined
    ? `loss ${last.loss.toFixed(4)} at step 1`
    : undefined;

/** The rewards of the first batch and of the last, if there are too few for a mean. */
const rewardsOf = (first: LoggedStep, last: LoggedStep): string =>
  `reward ${first.reward?.toFixed(3)} → ${last.reward?.toFixed(3)}`;
