/** Readings of runs over pairs, by what their objective reports: the order of the pairs, the margin, and the chosen answers. */
import { mean } from '../averages.ts';
import { smooth, smoothedOver } from '../smooth.ts';
import type { Curve, Reading } from './reading.ts';
import { LAST_PART } from './trend.ts';

/** With fewer steps a report says little. */
const MIN_STEPS = 20;
/** The share of pairs in the right order over the last steps that counts as all. */
const ALL_RIGHT = 0.999;
/** A margin beyond which a pair teaches next to nothing: −ln σ(4) is 0.02. It runs away if it grew this much in the last quarter of the steps. */
const WIDE_MARGIN = 4;
const RUNS_AWAY = 1.1;
/** A chosen reward below this is a fall: with a beta of 0.1 the answers have become e⁵ times less likely. */
const FALLEN = -0.5;
/** No more pairs in order than this is no better than a coin. */
const COIN = 0.5;
/** Teaches by making even the chosen answers less likely: for pairs whose chosen answers are no better than the model's own. */
const LOWERS_BOTH = 'apo-down';

/** The reading of a run whose loss went well, if what it learned did not. */
export function readPairs(curve: Curve): Pick<Reading, 'kind' | 'margin' | 'chosen' | 'order'> | undefined {
  const order = orderOf(curve);
  const ordered = order && { order };
  const chosen = fallenChosen(curve);
  if (chosen) return { ...ordered, kind: 'chosen-falls', chosen };
  const margin = runawayMargin(curve);
  if (margin) return { ...ordered, kind: 'over-optimised', margin };
  return order && order.share <= COIN ? { ...ordered, kind: 'unordered' } : undefined;
}

/** The share of pairs in the right order at the end: of the last validation, or of the last steps. */
export function orderOf({ points, evals, steps }: Curve): Reading['order'] {
  const validated = evals.findLast(({ step }) => step > 0)?.report?.['reward_accuracy'];
  if (typeof validated === 'number') return { share: validated, of: 'validation' };
  const trained = points.flatMap(({ report }) => report?.['reward_accuracy'] ?? []);
  return trained.length === 0
    ? undefined
    : { share: mean(trained.slice(-Math.ceil(smoothedOver(steps)))), of: 'training' };
}

/** A reported number, smoothed over the steps: a quarter of the steps ago, and now. Undefined if too few steps have it. */
function lastPartOf({ points, steps }: Curve, name: string): Reading['margin'] {
  const values = points.flatMap(({ report }) => report?.[name] ?? []);
  if (values.length < MIN_STEPS) return undefined;
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
  const right = mean(accuracy) >= ALL_RIGHT;
  return right && margin.to > WIDE_MARGIN && margin.to > margin.from * RUNS_AWAY ? margin : undefined;
}

/**
 * A chosen reward that ends far below the 0 at which it began. Without a reference, rewards are log-probabilities, always below 0: there is no such
 * reading.
 */
function fallenChosen(curve: Curve): Reading['chosen'] {
  const { report = {} } = curve.points.at(-1) ?? {};
  if (!('drift' in report || 'kl' in report) || curve.objective === LOWERS_BOTH) return undefined;
  const chosen = lastPartOf(curve, 'chosen_reward');
  return chosen && chosen.to < FALLEN ? chosen : undefined;
}
