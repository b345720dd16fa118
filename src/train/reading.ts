/**
 * Reads a curve: whether the run learned, and where it went wrong. A pure function of the stored numbers, so that old and new runs are read alike. It
 * uses the validation loss, or the smoothed training loss if there is no validation.
 */
import { orderOf, readPairs } from './reading-pairs.ts';
import { learnsFromRewards, rewardReading } from './reading-rewards.ts';
import { FIRST_STEPS, highestOf, LAST_PART, PLAINLY, SURE, trendOf, UNSTEADY, type Trend } from './trend.ts';

export interface Curve {
  /** Steps of the whole run, taken or not. */
  readonly steps: number;
  /** The steps taken, in order; losses are the objective's. */
  readonly points: readonly {
    readonly step: number;
    readonly loss: number;
    /** The learning rate of the step. */
    readonly lr?: number;
    readonly report?: Readonly<Record<string, number | null>>;
  }[];
  /** In order. Step 0 is what the run starts from: the base model, or an adapter. */
  readonly evals: readonly {
    readonly step: number;
    readonly loss: number;
    readonly report?: Readonly<Record<string, number | null>>;
  }[];
  /** The name of the objective, if it is not the first. */
  readonly objective?: string | undefined;
  /** The loss of a model that only knows token frequencies in the answers, if the loss can be compared with it. */
  readonly unigramLoss?: number;
  /** The reward of an answer with full marks, if the run learns from rewards and that is known. */
  readonly fullMarks?: number | undefined;
  /** Whether it ended because a loss or a gradient was not finite. */
  readonly broke: boolean;
}

/**
 * - `not-finite`: the loss or a gradient was not a number any more
 * - `too-short`: too few steps to tell
 * - `worse`: it never got better than what it began with
 * - `diverging`: it got better, and then training itself got worse
 * - `lost`: it shot up, and came back neither to where it had been nor to what single tokens cannot explain; or it rose and settled above that
 * - `little`: it only fell, and settled above what single tokens explain
 * - `overfitting`: validation turns up while the training loss falls on
 * - `over-optimised`: every pair is in the right order, and the margins still run away
 * - `chosen-falls`: the chosen answers became less likely than by the reference, and the margin grows because the rejected ones fall further
 * - `unordered`: the loss fell, and no more than half of the pairs are in the right order
 * - `unsteady`: it got better in the end, after it had first got much worse
 * - `flat`: it hardly moved
 * - `noisy`: it came down, by no more than single batches differ
 * - `falling`: it got better, and would go on to
 * - `fine`: it got better, and has settled
 * - `reward-worse`, `reward-fell`, `reward-flat`, `reward-rising`, `reward-rose`: the same of rewards, where more is better
 * - `reward-alike`: it hardly moved, and most groups of answers had one reward
 * - `reward-full`: the answers had full marks from the first step
 */
export type ReadingKind =
  | 'not-finite'
  | 'too-short'
  | 'worse'
  | 'diverging'
  | 'lost'
  | 'little'
  | 'overfitting'
  | 'over-optimised'
  | 'chosen-falls'
  | 'unordered'
  | 'unsteady'
  | 'flat'
  | 'noisy'
  | 'falling'
  | 'fine'
  | 'reward-worse'
  | 'reward-fell'
  | 'reward-flat'
  | 'reward-alike'
  | 'reward-full'
  | 'reward-rising'
  | 'reward-rose';

export interface Reading {
  readonly kind: ReadingKind;
  /** Steps that were read. */
  readonly step: number;
  /** The source of its losses: validation rows, or the smoothed training loss. */
  readonly of: 'validation' | 'training';
  /** The initial loss: the base model on the validation rows, or the mean of the first steps. Missing if there is none. */
  readonly before?: number;
  /** The last validation, or the smoothed loss of the last step. */
  readonly after?: number;
  /** The lowest loss after the first step, and its step. With validation, the adapter of that step is kept, unless the start is better. */
  readonly best?: { readonly step: number; readonly loss: number };
  /** The step whose values are kept, by validation: 0 for what the run started from. Missing without validation, and in readings of earlier versions. */
  readonly kept?: number;
  /** The highest loss before that, if it was far above the start. */
  readonly peak?: { readonly step: number; readonly loss: number };
  /** The loss that it had reached before it rose to `peak`. */
  readonly low?: { readonly step: number; readonly loss: number };
  /** The loss of a model that only knows token frequencies, if the run hardly got below that. */
  readonly unigramLoss?: number;
  /** The smoothed margin of pairs a quarter of the steps ago, and now, if it runs away. */
  readonly margin?: { readonly from: number; readonly to: number };
  /** The smoothed reward of the chosen answers a quarter of the steps ago, and now, if it fell far. */
  readonly chosen?: { readonly from: number; readonly to: number };
  /** The smoothed training loss after half of the steps, and now, if the second half of the run shows that it still falls. */
  readonly half?: { readonly from: number; readonly to: number };
  /** The same of the last quarter of the learning, counted by the rates of its steps; `steady` if the run learned about as fast at its end as at first. */
  readonly late?: { readonly from: number; readonly to: number; readonly steady: boolean };
  /** It may have settled, or the noise of its batches hides that it still falls. */
  readonly unsure?: true;
  /** The share of pairs in the right order at the end. */
  readonly order?: { readonly share: number; readonly of: 'validation' | 'training' };
  /** Groups of answers that all had one reward, as a part of the groups of the last steps. */
  readonly alike?: number;
  /** The reward of an answer with full marks, if that is known. */
  readonly fullMarks?: number;
  /** The smoothed training loss at the best validation, and now. */
  readonly training?: { readonly from: number; readonly to: number };
}

/** Fewer steps do not show a trend. */
export const MIN_STEPS = 10;
/** Without validation more steps are needed, since every batch has other rows. */
export const MIN_UNVALIDATED = 20;
/** The smallest change of validation that counts, as a part of the loss. The rows are the same each time, so batches add no noise. */
const WORSE = 0.01;
const ROSE = 0.02;
/** Validation that rose this much after its best and fell again also counts, if the best is in the first half. */
const ROSE_MEANWHILE = 0.05;
/** And only if the rise is this part of what was learned: near 0 a few rows move by a third of the loss, as from 0.019 to 0.025 after a start at 11. */
const ROSE_OF_ALL = 0.002;
const FLAT = 0.02;
/** A run whose loss fell this much in the last quarter of its steps has not settled: as a part of the loss, and of the whole fall. */
const STILL_FALLING = 0.05;
const STILL_OF_ALL = 0.01;
/** The end of a schedule brings every run to rest. A run has not settled if this part of its whole fall came in the second half of its steps. */
const SECOND_HALF = 0.15;
/**
 * Or if this part came in the last quarter of its learning. A loss that nears its floor exponentially has 1.5% of its fall left then. Of recorded runs
 * those that took three passes have 3.4% or more, and go far lower with nine, which have 1.4% or less (tests/long/run-cases.ts).
 */
const LATE = 0.03;
/**
 * A run that learns as fast at its end as at first takes off half of its fall in the second half of its learning, and a quarter in the last quarter.
 * From these parts on it is called steady. A fall that came in the middle, as after a long warm-up, does not make it so.
 */
const STEADY = 0.4;
const STEADY_LATE = 0.2;
/**
 * A run that shot up is lost if it ends above its best before the spike by this part of that loss, or of what it had learned; or this close to the
 * loss of single tokens.
 */
const ABOVE_LOW = 0.1;
const NEAR_UNIGRAMS = 0.75;

/** One judgement of a curve: by rewards if the objective learns from them, otherwise by its validation losses, or by its training losses if there are too few of those. */
export function readCurve(curve: Curve): Reading {
  if (learnsFromRewards(curve)) return rewardReading(curve);
  const reading = readLoss(curve);
  if (!GOOD.includes(reading.kind)) return reading;
  const order = orderOf(curve);
  return { ...reading, ...(order && { order }), ...readPairs(curve) };
}

/** Readings of the loss that do not say whether pairs were learned. */
const GOOD: readonly ReadingKind[] = ['fine', 'falling', 'little'];

function readLoss(curve: Curve): Reading {
  const { points, evals, broke } = curve;
  const trend = trendOf(curve);
  const base = evals.at(0);
  const later = evals.slice(1);
  const validated = base !== undefined && later.length > 0;
  const step = points.at(-1)?.step ?? 0;
  if (broke || evals.some(({ loss }) => !Number.isFinite(loss))) {
    const before = validated ? base.loss : trend?.before;
    return { kind: 'not-finite', step, of: validated ? 'validation' : 'training', ...known({ before }) };
  }
  if (validated) return readValidated(base.loss, later, step, trend);
  if (!trend) return { kind: 'too-short', step, of: 'training' };
  const { before, after, best, peak } = trend;
  const trainingFacts = { step, of: 'training', before, after, best } as const;
  const kind = kindOfTraining(trend, points.length);
  const lost = NEVER_LOST.includes(kind)
    ? undefined
    : (lostOf(trend, after, kind) ?? unsettledOf(trend, kind));
  return lost ? { ...trainingFacts, ...lost } : { kind, ...trainingFacts, ...(peak && { peak }) };
}

function readValidated(
  before: number,
  later: Curve['evals'],
  step: number,
  trend: Trend | undefined,
): Reading {
  const last = later[later.length - 1];
  const best = later.reduce((min, entry) => (entry.loss < min.loss ? entry : min));
  const training = trend && { from: trend.at(best.step), to: trend.after };
  const whole = trend && { from: trend.before, to: trend.after };
  const kept = best.loss < before ? best.step : 0;
  const validationFacts = { step, of: 'validation', before, after: last.loss, best, kept } as const;
  // Hardly or never below the base, and above it at the end.
  const worse =
    best.loss > before * (1 + WORSE) ||
    (before - best.loss < FLAT * before && last.loss > before * (1 + WORSE));
  if (step < MIN_STEPS && !(worse && last.loss > before * (1 + PLAINLY)))
    return { kind: 'too-short', ...validationFacts };
  if (worse) return { kind: 'worse', ...validationFacts, ...known({ training: whole }) };
  const highest = highestOf(later.filter((entry) => entry.step > best.step))?.loss ?? best.loss;
  const counts = (loss: number): boolean => loss - best.loss > ROSE_OF_ALL * (before - best.loss);
  const early = best.step <= step / 2 && highest > best.loss * (1 + ROSE_MEANWHILE) && counts(highest);
  if (early || (last.loss > best.loss * (1 + ROSE) && counts(last.loss))) {
    const rose = training !== undefined && training.to > training.from * (1 + WORSE);
    return { kind: rose ? 'diverging' : 'overfitting', ...validationFacts, ...known({ training }) };
  }
  const lost = trend && lostOf(trend, last.loss);
  if (lost) return { ...validationFacts, ...lost };
  if (before - best.loss < FLAT * before) return { kind: 'flat', ...validationFacts };
  // A validation without a later one says nothing about the steps since.
  const earlier = later.findLast((entry) => entry.step <= step * (1 - LAST_PART));
  const sooner = earlier === last ? undefined : earlier?.loss;
  const peak = highestOf(later.filter((entry) => entry.step < best.step));
  if (peak && peak.loss > before * (1 + UNSTEADY)) return { kind: 'unsteady', ...validationFacts, peak };
  // If validation came only at the end, or not for a while, the training loss shows how the last part went.
  const goesOn = sooner === undefined ? trend && stillFalls(trend) : isFalling(before, sooner, last.loss);
  const falls = best === last && goesOn === true;
  if (!trend) return { ...validationFacts, kind: falls ? 'falling' : 'fine' };
  const late = best === last && !isAtRest(before, later, trend) ? lateFallOf(trend) : undefined;
  const surely = late?.sure ? falling(late) : undefined;
  if (falls) return { ...validationFacts, kind: 'falling', ...surely };
  const settled =
    lostOf(trend, last.loss, 'fine') ??
    surely ??
    (best === last && !trend.learning ? unsettledOf(trend, 'fine') : undefined);
  return { ...validationFacts, ...(settled ?? fine(late)) };
}

/** Whether validation has not fallen for the last quarter of the learning, whatever the training loss did. */
function isAtRest(before: number, later: Curve['evals'], trend: Trend): boolean {
  const last = later[later.length - 1];
  const sooner = later.findLast(({ step }) => (trend.learnedBy(step) ?? 1) <= 1 - LAST_PART);
  return sooner !== undefined && sooner.loss - last.loss <= LATE * (before - last.loss);
}

/** The fall in the last quarter of the learning, if it is too much for the run to have settled. Noise alone may make one. */
function lateFallOf({
  before,
  after,
  learning,
}: Trend): (Reading['late'] & { readonly sure: boolean }) | undefined {
  if (!learning || learning.late - after <= LATE * (before - after)) return undefined;
  const { half, late, fell } = learning;
  const fall = before - after;
  const steady = half - after > STEADY * fall && late - after > STEADY_LATE * fall;
  return { from: late, to: after, steady, sure: fell };
}

/** A run that has stopped falling, as far as its noise shows. */
const fine = (late: ReturnType<typeof lateFallOf>): Pick<Reading, 'kind' | 'unsure'> => ({
  kind: 'fine',
  ...(late && { unsure: true }),
});

/** A run that has not. */
const falling = ({
  sure: _,
  ...late
}: NonNullable<ReturnType<typeof lateFallOf>>): Pick<Reading, 'kind' | 'late'> => ({
  kind: 'falling',
  late,
});

/** Readings of training that mean the run is lost as well, or that say too little. */
const NEVER_LOST: readonly ReadingKind[] = ['too-short', 'worse', 'diverging'];

/**
 * Whether a run lost what its model knew. Training losses are compared, since every step has one.
 *
 * @param now the last validation loss, or training loss
 * @param kind the reading otherwise
 */
function lostOf(
  trend: Trend,
  now: number,
  kind?: ReadingKind,
): Pick<Reading, 'kind' | 'low' | 'peak' | 'unigramLoss' | 'half' | 'late' | 'unsure'> | undefined {
  const { spike, rose, unigramLoss, before, after, halfway } = trend;
  if (spike) {
    const { low, peak, error } = spike;
    const near = ABOVE_LOW * Math.max(low.loss, before - low.loss);
    if (after > low.loss + Math.max(near, error)) return { kind: 'lost', low, peak };
    if (unigramLoss !== undefined && now > NEAR_UNIGRAMS * unigramLoss)
      return { kind: 'lost', low, peak, unigramLoss };
  }
  if (kind !== 'fine' || unigramLoss === undefined || now <= unigramLoss) return undefined;
  if (rose) return { kind: 'lost', unigramLoss };
  // A loss that only fell shows no lost knowledge. The end of a schedule brings every run to rest: until then it may have been too short or too slow.
  const late = lateFallOf(trend);
  if (late?.sure) return { ...falling(late), unigramLoss };
  return isFalling(before, halfway, after)
    ? { kind: 'falling', unigramLoss, half: { from: halfway, to: after } }
    : { kind: 'little', unigramLoss, ...(late && { unsure: true }) };
}

/** Whether too much of the fall came in the second half of the steps for the run to have settled. */
function unsettledOf(
  trend: Trend,
  kind: ReadingKind,
): Pick<Reading, 'kind' | 'half' | 'late' | 'unsure'> | undefined {
  const { before, halfway, after, error } = trend;
  const lately = halfway - after;
  if (kind !== 'fine') return undefined;
  if (trend.learning) {
    const late = lateFallOf(trend);
    return late?.sure ? falling(late) : fine(late);
  }
  if (lately <= Math.max(SECOND_HALF * (before - after), SURE * error)) return undefined;
  return { kind: 'falling', half: { from: halfway, to: after } };
}

function isFalling(before: number, sooner: number, after: number): boolean {
  return sooner - after > Math.max(STILL_FALLING * after, STILL_OF_ALL * (before - after));
}

function stillFalls({ before, sooner, after, error }: Trend): boolean {
  return isFalling(before, sooner, after) && sooner - after > SURE * error;
}

function kindOfTraining(trend: Trend, count: number): ReadingKind {
  const { before, after, best, peak, error } = trend;
  const rise = after - before;
  if (count < MIN_UNVALIDATED)
    return count >= FIRST_STEPS && rise > Math.max(PLAINLY * before, SURE * error) ? 'worse' : 'too-short';
  const min = Math.max(FLAT * before, SURE * error);
  if (rise > min) return best.loss < before - min ? 'diverging' : 'worse';
  // It fell, and then rose by more than half of that.
  if (before - best.loss > min && after - best.loss > Math.max((before - best.loss) / 2, min))
    return 'diverging';
  if (-rise < min && !(trend.fell && -rise > FLAT * before))
    return -rise > PLAINLY * before ? 'noisy' : 'flat';
  if (peak) return 'unsteady';
  return stillFalls(trend) ? 'falling' : 'fine';
}

/** Drops parts that are missing. */
function known<T extends object>(parts: T): T {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as T;
}
