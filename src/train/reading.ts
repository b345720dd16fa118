/**
 * Reads a curve: whether the run learned, and where it went wrong. A pure function of the stored numbers, so that old and new runs are read alike. It
 * uses the validation loss, or the smoothed training loss if there is no validation.
 */
import { smooth, smoothedOver } from '../smooth.ts';
import { learnsFromRewards, readRewards } from './reading-rewards.ts';
import { findSpike, type Spike } from './spike.ts';
import { mean } from '../averages.ts';

export interface Curve {
  /** Steps of the whole run, taken or not. */
  readonly steps: number;
  /** The steps taken, in order; losses are the objective's. */
  readonly points: readonly {
    readonly step: number;
    readonly loss: number;
    readonly report?: Readonly<Record<string, number | null>>;
  }[];
  /** In order. Step 0 is the untouched adapter, which is the base model. */
  readonly evals: readonly { readonly step: number; readonly loss: number }[];
  /** The loss of a model that only knows token frequencies in the answers, if the loss can be compared with it. */
  readonly unigramLoss?: number;
  /** Whether it ended because a loss or a gradient was not finite. */
  readonly broke: boolean;
}

/**
 * - `not-finite`: the loss or a gradient was not a number any more
 * - `too-short`: too few steps to tell
 * - `worse`: it never got better than what it began with
 * - `diverging`: it got better, and then training itself got worse
 * - `lost`: it shot up, and came back neither to where it had been nor to what single tokens cannot explain; or it settled above that
 * - `overfitting`: validation turns up while the training loss falls on
 * - `over-optimised`: every pair is in the right order, and the margins still run away
 * - `chosen-falls`: the chosen answers get less likely than by the reference, and the margin grows because the rejected ones fall further
 * - `unsteady`: it got better in the end, after it had first got much worse
 * - `flat`: it hardly moved
 * - `falling`: it got better, and would go on to
 * - `fine`: it got better, and has settled
 * - `reward-worse`, `reward-fell`, `reward-flat`, `reward-rising`, `reward-rose`: the same of rewards, where more is better
 * - `reward-alike`: it hardly moved, and most groups of answers had one reward
 */
export type ReadingKind =
  | 'not-finite'
  | 'too-short'
  | 'worse'
  | 'diverging'
  | 'lost'
  | 'overfitting'
  | 'over-optimised'
  | 'chosen-falls'
  | 'unsteady'
  | 'flat'
  | 'falling'
  | 'fine'
  | 'reward-worse'
  | 'reward-fell'
  | 'reward-flat'
  | 'reward-alike'
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
  /** The lowest loss, and its step. With validation, the adapter of that step is kept. */
  readonly best?: { readonly step: number; readonly loss: number };
  /** The highest loss before that, if it was far above the beginning. */
  readonly peak?: { readonly step: number; readonly loss: number };
  /** The loss that it had reached before it rose to `peak`. */
  readonly low?: { readonly step: number; readonly loss: number };
  /** The loss of a model that only knows token frequencies, if the run hardly got below that. */
  readonly unigramLoss?: number;
  /** The smoothed margin of pairs a quarter of the steps ago, and now, if it runs away. */
  readonly margin?: { readonly from: number; readonly to: number };
  /** The smoothed reward of the chosen answers a quarter of the steps ago, and now, if it falls. */
  readonly chosen?: { readonly from: number; readonly to: number };
  /** The smoothed training loss after half of the steps, and now, if the second half of the run shows that it still falls. */
  readonly half?: { readonly from: number; readonly to: number };
  /** The smoothed training loss at the best validation, and now. */
  readonly training?: { readonly from: number; readonly to: number };
}

/** Fewer steps do not show a trend. */
const LEAST_STEPS = 10;
/** Without validation more steps are needed, since every batch has other rows. */
const LEAST_UNVALIDATED = 20;
/** A rise of the loss by this much counts as worse even in a short run. */
const PLAINLY = 0.1;
/** The smallest change of validation that counts, as a part of the loss. The rows are the same each time, so batches add no noise. */
const WORSE = 0.01;
const ROSE = 0.02;
/** Validation that rose this much after its best and fell again also counts, if the best is in the first half. */
const ROSE_MEANWHILE = 0.05;
const FLAT = 0.02;
/** A run whose loss fell this much in the last quarter of its steps has not settled: as a part of the loss, and of the whole fall. */
const STILL_FALLING = 0.05;
const STILL_OF_ALL = 0.01;
const LAST_PART = 0.25;
/** The end of a schedule brings every run to rest. A run has not settled if this part of its whole fall came in the second half of its steps. */
const SECOND_HALF = 0.15;
/** A loss that rose this far above its beginning came from too large steps. */
const UNSTEADY = 0.05;
/**
 * A run that shot up is lost if it ends above its best before the spike by this part of that loss, or of what it had learned; or this close to the
 * loss of single tokens.
 */
const ABOVE_LOW = 0.1;
const NEAR_UNIGRAMS = 0.75;
/** The training loss has moved if it did by this many standard errors of its smoothed mean. */
const SURE = 3;
/** Steps whose mean is taken as the beginning of a run without validation. */
const FIRST_STEPS = 5;

export function readCurve(curve: Curve): Reading {
  if (learnsFromRewards(curve)) return readRewards(curve);
  const reading = readLoss(curve);
  if (!GOOD.includes(reading.kind)) return reading;
  const margin = runawayMargin(curve);
  if (margin) return { ...reading, kind: 'over-optimised', margin };
  const chosen = fallingChosen(curve);
  return chosen ? { ...reading, kind: 'chosen-falls', chosen } : reading;
}

/** Readings over which a runaway margin, or a falling chosen reward, takes precedence. */
const GOOD: readonly ReadingKind[] = ['fine', 'falling'];
/** The share of pairs in the right order over the last steps that counts as all. */
const ALL_RIGHT = 0.999;
/** A margin beyond which a pair teaches next to nothing: −ln σ(4) is 0.02. It runs away if it grew this much in the last quarter of the steps. */
const WIDE_MARGIN = 4;
const RUNS_AWAY = 1.1;

/** A chosen reward below this is a fall: with a beta of 0.1 the answers have become e⁵ times less likely. */
const FALLEN = -0.5;
const FALLS = 1.1;

/** A reported number, smoothed over the steps: a quarter of the steps ago, and now. Undefined if too few steps have it. */
function lastPartOf({ points, steps }: Curve, name: string): Reading['margin'] {
  const values = points.flatMap(({ report }) => report?.[name] ?? []);
  if (values.length < LEAST_UNVALIDATED) return undefined;
  const smoothed = smooth(values, steps);
  return {
    from: smoothed[Math.floor((smoothed.length - 1) * (1 - LAST_PART))],
    to: smoothed[smoothed.length - 1],
  };
}

/** Accuracy of 1 with growing margins: the run memorises the rows instead of learning a preference. */
function runawayMargin(curve: Curve): Reading['margin'] {
  const margin = lastPartOf(curve, 'reward_margin');
  const accuracy = curve.points
    .flatMap(({ report }) => report?.['reward_accuracy'] ?? [])
    .slice(-smoothedOver(curve.steps));
  if (!margin || accuracy.length === 0) return undefined;
  const right = accuracy.reduce((sum, value) => sum + value, 0) / accuracy.length >= ALL_RIGHT;
  return right && margin.to > WIDE_MARGIN && margin.to > margin.from * RUNS_AWAY ? margin : undefined;
}

/** A chosen reward that is below 0 and still falls. Without a reference, rewards are log-probabilities, always below 0: there is no such reading. */
function fallingChosen(curve: Curve): Reading['chosen'] {
  const { report = {} } = curve.points.at(-1) ?? {};
  if (!('drift' in report || 'kl' in report)) return undefined;
  const chosen = lastPartOf(curve, 'chosen_reward');
  return chosen && chosen.to < FALLEN && chosen.to < Math.min(chosen.from, chosen.from * FALLS)
    ? chosen
    : undefined;
}

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
  const told = { step, of: 'training', before, after, best } as const;
  const kind = kindOfTraining(trend, points.length);
  const lost = NEVER_LOST.includes(kind)
    ? undefined
    : (lostOf(trend, after, kind) ?? unsettledOf(trend, kind));
  return lost ? { ...told, ...lost } : { kind, ...told, ...(peak && { peak }) };
}

function readValidated(
  before: number,
  later: Curve['evals'],
  step: number,
  trend: Trend | undefined,
): Reading {
  const last = later[later.length - 1];
  const best = later.reduce((least, entry) => (entry.loss < least.loss ? entry : least));
  const training = trend && { from: trend.at(best.step), to: trend.after };
  const whole = trend && { from: trend.before, to: trend.after };
  const told = { step, of: 'validation', before, after: last.loss, best } as const;
  // Hardly or never below the base, and above it at the end.
  const worse =
    best.loss > before * (1 + WORSE) ||
    (before - best.loss < FLAT * before && last.loss > before * (1 + WORSE));
  if (step < LEAST_STEPS && !(worse && last.loss > before * (1 + PLAINLY)))
    return { kind: 'too-short', ...told };
  if (worse) return { kind: 'worse', ...told, ...known({ training: whole }) };
  const highest = highestOf(later.filter((entry) => entry.step > best.step))?.loss ?? best.loss;
  const early = best.step <= step / 2 && highest > best.loss * (1 + ROSE_MEANWHILE);
  if (early || last.loss > best.loss * (1 + ROSE)) {
    const rose = training !== undefined && training.to > training.from * (1 + WORSE);
    return { kind: rose ? 'diverging' : 'overfitting', ...told, ...known({ training }) };
  }
  const lost = trend && lostOf(trend, last.loss);
  if (lost) return { ...told, ...lost };
  if (before - best.loss < FLAT * before) return { kind: 'flat', ...told };
  // A validation without a later one says nothing about the steps since.
  const earlier = later.findLast((entry) => entry.step <= step * (1 - LAST_PART));
  const sooner = earlier === last ? undefined : earlier?.loss;
  const peak = highestOf(later.filter((entry) => entry.step < best.step));
  if (peak && peak.loss > before * (1 + UNSTEADY)) return { kind: 'unsteady', ...told, peak };
  // If validation came only at the end, or not for a while, the training loss shows how the last part went.
  const goesOn = sooner === undefined ? trend && stillFalls(trend) : isFalling(before, sooner, last.loss);
  const falls = best === last && goesOn === true;
  if (falls || !trend) return { ...told, kind: falls ? 'falling' : 'fine' };
  const settled =
    lostOf(trend, last.loss, 'fine') ?? (best === last ? unsettledOf(trend, 'fine') : undefined);
  return { ...told, ...(settled ?? { kind: 'fine' }) };
}

/** Readings of training that mean the run is lost as well, or that say too little. */
const NEVER_LOST: readonly ReadingKind[] = ['too-short', 'worse', 'diverging'];

/**
 * Whether a run lost what its model knew. Training losses are compared, since every step has one.
 *
 * @param now the last validation loss, or training loss
 * @param kind the reading otherwise
 */
function lostOf(
  { spike, rose, unigramLoss, before, after, halfway }: Trend,
  now: number,
  kind?: ReadingKind,
): Pick<Reading, 'kind' | 'low' | 'peak' | 'unigramLoss' | 'half'> | undefined {
  if (spike) {
    const { low, peak, error } = spike;
    const near = ABOVE_LOW * Math.max(low.loss, before - low.loss);
    if (after > low.loss + Math.max(near, error)) return { kind: 'lost', low, peak };
    if (unigramLoss !== undefined && now > NEAR_UNIGRAMS * unigramLoss)
      return { kind: 'lost', low, peak, unigramLoss };
  }
  if (kind !== 'fine' || unigramLoss === undefined || now <= unigramLoss) return undefined;
  // The end of a schedule brings every run to rest. A loss that only fell until then was too short a run, not a lost one.
  return !rose && isFalling(before, halfway, after)
    ? { kind: 'falling', half: { from: halfway, to: after } }
    : { kind: 'lost', unigramLoss };
}

/** Whether too much of the fall came in the second half of the steps for the run to have settled. */
function unsettledOf(
  { before, halfway, after, error }: Trend,
  kind: ReadingKind,
): Pick<Reading, 'kind' | 'half'> | undefined {
  const lately = halfway - after;
  if (kind !== 'fine' || lately <= Math.max(SECOND_HALF * (before - after), SURE * error)) return undefined;
  return { kind: 'falling', half: { from: halfway, to: after } };
}

function isFalling(before: number, sooner: number, after: number): boolean {
  return sooner - after > Math.max(STILL_FALLING * after, STILL_OF_ALL * (before - after));
}

function stillFalls({ before, sooner, after, error }: Trend): boolean {
  return isFalling(before, sooner, after) && sooner - after > SURE * error;
}

function highestOf<Entry extends { readonly loss: number }>(entries: readonly Entry[]): Entry | undefined {
  return entries.reduce<Entry | undefined>(
    (most, entry) => (most && most.loss >= entry.loss ? most : entry),
    undefined,
  );
}

function kindOfTraining(trend: Trend, count: number): ReadingKind {
  const { before, after, best, peak, error } = trend;
  const rise = after - before;
  if (count < LEAST_UNVALIDATED)
    return count >= FIRST_STEPS && rise > Math.max(PLAINLY * before, SURE * error) ? 'worse' : 'too-short';
  const least = Math.max(FLAT * before, SURE * error);
  if (rise > least) return best.loss < before - least ? 'diverging' : 'worse';
  // It fell, and then rose by more than half of that.
  if (before - best.loss > least && after - best.loss > Math.max((before - best.loss) / 2, least))
    return 'diverging';
  if (-rise < least) return 'flat';
  if (peak) return 'unsteady';
  return stillFalls(trend) ? 'falling' : 'fine';
}

/** The training loss without its noise. */
interface Trend {
  readonly before: number;
  readonly after: number;
  readonly best: { readonly step: number; readonly loss: number };
  /** The highest smoothed loss, if it is certainly far above the beginning. */
  readonly peak?: { readonly step: number; readonly loss: number };
  readonly spike: Spike | undefined;
  /** As in the curve. */
  readonly unigramLoss: number | undefined;
  /** The smoothed loss at the beginning of the last part of the steps. */
  readonly sooner: number;
  /** Whether the smoothed loss was ever far above the first one, though its noise may explain that. */
  readonly rose: boolean;
  /** The smoothed loss after half of the steps. */
  readonly halfway: number;
  /** Standard error of the difference of `before` and `after`. */
  readonly error: number;
  /** The smoothed loss at a step. */
  at(step: number): number;
}

function trendOf({ points, steps, unigramLoss }: Curve): Trend | undefined {
  if (points.length === 0) return undefined;
  const losses = points.map(({ loss }) => loss);
  const smoothed = smooth(losses, steps);
  const first = losses.slice(0, FIRST_STEPS);
  // If it rises at once, the first step alone is its beginning.
  const before = Math.min(mean(first), losses[0] + PLAINLY * losses[0]);
  const after = smoothed[smoothed.length - 1];
  // Neighbours differ only by chance, whatever the trend.
  const jumps = losses.slice(1).map((value, i) => (value - losses[i]) ** 2);
  const noise = jumps.length > 0 ? Math.sqrt(mean(jumps) / 2) : 0;
  let best = { step: points[0].step, loss: before };
  smoothed.forEach((loss, i) => {
    // The first ones are means of too few steps.
    if (i >= first.length && loss < best.loss) best = { step: points[i].step, loss };
  });
  const at = (step: number): number => {
    const i = points.findLastIndex((point) => point.step <= step);
    return i < 0 ? before : smoothed[i];
  };
  const last = points[points.length - 1].step;
  const error = noise * Math.sqrt(1 / first.length + 1 / smoothedOver(steps));
  const peak = highestOf(smoothed.map((loss, i) => ({ step: points[i].step, loss })));
  const spike = findSpike(points);
  const high = peak && peak.loss > losses[0] + Math.max(UNSTEADY * losses[0], SURE * error);
  return {
    before,
    after,
    best,
    ...(high && { peak }),
    spike,
    unigramLoss,
    sooner: at(last * (1 - LAST_PART)),
    rose: (peak?.loss ?? 0) > losses[0] * (1 + UNSTEADY),
    halfway: at(last / 2),
    error,
    at,
  };
}

/** Drops parts that are missing. */
function known<T extends object>(parts: T): T {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as T;
}
