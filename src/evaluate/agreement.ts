/** How far two judges agree on the same pairs, beyond what chance would give: Cohen's kappa. */
import type { Proportion } from '../proportion.ts';
import type { BlindTurn } from './record.ts';

type Vote = BlindTurn['vote'];
const VOTES: readonly Vote[] = ['first', 'second', 'tie'];

export interface Agreement {
  /** Pairs with equal verdicts, with the exact 95% interval of Clopper and Pearson. */
  readonly agree: Proportion;
  /** Cohen's kappa; undefined if both judges give one verdict to every pair. */
  readonly kappa: number | undefined;
  /** Its 95% interval: that of the share, with the agreement by chance as it was estimated. */
  readonly interval: readonly [number, number] | undefined;
  /** Whether the interval lies above 0, which is chance. */
  readonly beatsChance: boolean;
}

/**
 * Cohen's kappa (Educational and Psychological Measurement 20, 1960): (share − chance) / (1 − chance), with chance from how often each judge gives each
 * verdict. Its interval maps the exact one of the share, since resampled pairs that all agree would seem certain, however few they are.
 *
 * @param pairs the verdicts of both judges, pair by pair; at least one
 */
export function agreementOf(pairs: readonly (readonly [Vote, Vote])[]): Agreement {
  const { length } = pairs;
  const agree = exactProportion(pairs.filter(([one, other]) => one === other).length, length);
  const shareOf = (judge: 0 | 1, vote: Vote): number =>
    pairs.filter((pair) => pair[judge] === vote).length / length;
  const chance = VOTES.reduce((sum, vote) => sum + shareOf(0, vote) * shareOf(1, vote), 0);
  // Shares of whole numbers add up to 1 but for rounding.
  if (1 - chance < Number.EPSILON * length)
    return { agree, kappa: undefined, interval: undefined, beatsChance: false };
  const kappaOf = (share: number): number => (share - chance) / (1 - chance);
  const [low, high] = agree.interval.map(kappaOf);
  return { agree, kappa: kappaOf(agree.fraction), interval: [low, high], beatsChance: low > 0 };
}

/** Half of the 5% outside of the interval. */
const TAIL = 0.025;
/** Halvings after which the end of an interval is exact to a double. */
const HALVINGS = 60;

/** A share with the exact 95% interval (Clopper and Pearson, 1934), which is never too short, however few the rows are. */
function exactProportion(count: number, total: number): Proportion {
  const low = count === 0 ? 0 : solve((share) => tailOf(total - count, total, 1 - share) < TAIL);
  const high = count === total ? 1 : solve((share) => tailOf(count, total, share) > TAIL);
  return { count, total, fraction: count / total, interval: [low, high] };
}

/** The share between 0 and 1 up to which something holds. */
function solve(holds: (share: number) => boolean): number {
  let [low, high] = [0, 1];
  for (let step = 0; step < HALVINGS; step++) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The probability of at most `count` successes of `total`. @param share between 0 and 1, without its ends */
function tailOf(count: number, total: number, share: number): number {
  // Logarithms: a small share to the power of many rows is no double.
  let term = total * Math.log1p(-share);
  let sum = 0;
  for (let k = 0; k <= count; k++) {
    sum += Math.exp(term);
    term += Math.log((total - k) / (k + 1)) + Math.log(share) - Math.log1p(-share);
  }
  return sum;
}
