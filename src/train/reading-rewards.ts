/** Reads the curve of a run that learns from rewards. Its loss means little: advantages have a mean of 0, so it is near 0 however well it learns. */
import { smooth } from '../smooth.ts';
import type { Curve, Reading } from './reading.ts';
import { FIRST_STEPS, LAST_PART } from './trend.ts';

const MIN_STEPS = 10;
/** The smallest change that counts, as a part of the largest reward so far. */
const MOVED = 0.05;
const FELL = 0.15;
/** A mean reward within this part of full marks leaves nothing to learn. */
const NEARLY = 0.02;
/** Above this share of groups with one reward, most of the sampling is wasted. */
const MANY_ALIKE = 0.75;

/** The reward of a report; undefined for other objectives. */
const rewardOf = ({ report }: { readonly report?: Curve['points'][number]['report'] }): number[] => {
  const reward = report?.['reward'];
  return typeof reward === 'number' ? [reward] : [];
};

export const learnsFromRewards = ({ points }: Pick<Curve, 'points'>): boolean =>
  points.some((point) => rewardOf(point).length > 0);

/** `before`, `after` and `best` are rewards here, if other readings have losses. */
export function rewardReading({ steps, points, evals, broke, fullMarks }: Curve): Reading {
  const taken = points.flatMap((point) => rewardOf(point).map((value) => ({ step: point.step, value })));
  const line = smooth(
    taken.map(({ value }) => value),
    steps,
  ).map((value, at) => ({ step: taken[at].step, value }));
  // The loss of a validation is the negative reward.
  const measured = evals.map(({ step, loss }) => ({ step, value: -loss }));
  const validated = measured.length > 1;
  const curve = validated ? measured : line;
  const first = taken.slice(0, FIRST_STEPS);
  const before = validated
    ? measured[0].value
    : first.reduce((sum, { value }) => sum + value, 0) / Math.max(1, first.length);
  const last = curve.at(-1);
  const step = points.at(-1)?.step ?? 0;
  const of: Reading['of'] = validated ? 'validation' : 'training';
  if (broke) return { kind: 'not-finite', step, of };
  if (taken.length < MIN_STEPS || !last) return { kind: 'too-short', step, of };
  const best = curve.reduce((most, entry) => (entry.value > most.value ? entry : most));
  const scale = Math.max(...curve.map(({ value }) => Math.abs(value)), Math.abs(before), 1e-9);
  const common = {
    ...{ step, of, before, after: last.value },
    best: { step: best.step, loss: best.value },
    ...(validated && { kept: best.step }),
    ...(fullMarks !== undefined && { fullMarks }),
  } as const;
  const alike = alikeOf(points);
  const isBetter = best.value - before > MOVED * scale;
  if (last.value < before - MOVED * scale && !isBetter) return { ...common, kind: 'reward-worse' };
  if (isBetter && best.value - last.value > FELL * scale) return { ...common, kind: 'reward-fell' };
  if (!isBetter) {
    const isFull = fullMarks !== undefined && before >= fullMarks - NEARLY * Math.max(Math.abs(fullMarks), 1);
    if (isFull) return { ...common, kind: 'reward-full' };
    return { ...common, kind: alike > MANY_ALIKE ? 'reward-alike' : 'reward-flat', alike };
  }
  const from = line[Math.floor(line.length * (1 - LAST_PART))].value;
  const rising = line.at(-1)!.value - from > MOVED * scale;
  return { ...common, kind: rising ? 'reward-rising' : 'reward-rose' };
}

/** The share of groups of one reward in the last steps. */
function alikeOf(points: Curve['points']): number {
  const shares = points
    .slice(-Math.ceil(points.length * LAST_PART))
    .flatMap(({ report }) => report?.['frac_reward_zero_std'] ?? []);
  return shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
}
