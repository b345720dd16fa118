/** Adapters that one recipe made with several seeds: one method, whose score has a spread. */
import { mean, standardDeviation } from '../averages.ts';
import { isAnswerScorer } from '../scorers/lists.ts';
import { rangeIn, type Scorer } from '../scorers/scorer.ts';
import type { Interval } from './bootstrap.ts';
import { clustersOf } from './clusters.ts';
import { metricsOf, scoresIn } from './columns.ts';
import { meanStatistic, rowIntervals } from './intervals.ts';
import { ADAPTER_METHOD } from './methods/names.ts';
import { signFlipTest } from './sign-flip.ts';
import type { Evaluation } from './record.ts';
import { sidesOf, type Side } from './sides.ts';

/** The same recipe with different seeds, measured on the same rows. */
export interface SeedGroup {
  /** What their names have in common, and how many there are: “mails, 3 seeds”. */
  readonly label: string;
  readonly seeds: readonly number[];
  /** By seed, two or more. */
  readonly members: readonly Side[];
}

/** Adapters of one recipe in the order of the record; a single one belongs to none. */
export const familiesOf = (record: Evaluation): SeedGroup[] => familiesAmong(sidesOf(record, ADAPTER_METHOD));

/** The same for adapters of several records, all measured on the same rows. */
export function familiesAmong(sides: readonly Side[]): SeedGroup[] {
  const byRecipe = new Map<string, Map<number, Side>>();
  for (const side of sides) {
    const { trained, stopped } = side.subject;
    if (!trained || stopped) continue;
    const known = byRecipe.get(trained.recipe) ?? new Map<number, Side>();
    byRecipe.set(trained.recipe, known);
    // The same run twice is one seed.
    if (!known.has(trained.seed)) known.set(trained.seed, side);
  }
  return [...byRecipe.values()]
    .filter(({ size }) => size > 1)
    .map((bySeed) => {
      const ordered = [...bySeed].sort(([a], [b]) => a - b);
      const members = ordered.map(([, side]) => side);
      return { label: labelOf(members), seeds: ordered.map(([seed]) => seed), members };
    });
}

/** The family of a subject; undefined for a single one. */
export const familyOf = (families: readonly SeedGroup[], at: number): SeedGroup | undefined =>
  families.find(({ members }) => members.some((side) => side.at === at));

/**
 * Whether a member speaks for its family if scores are no means of rows: the median one does, since the best of several seeds is better than the
 * recipe. A single one does.
 */
export function isMedian(side: Side, family: SeedGroup | undefined): boolean {
  if (!family) return true;
  const valueOf = ({ rewards, exact, subject }: Side): number =>
    rewards && rewards.length > 0
      ? mean(rewards)
      : exact.total > 0
        ? exact.count
        : -(subject.loss?.loss ?? Infinity);
  const ordered = [...family.members].sort((a, b) => valueOf(a) - valueOf(b));
  return ordered[(ordered.length - 1) >> 1].at === side.at;
}

function labelOf(members: readonly Side[]): string {
  const [first, ...others] = members.map(({ subject }) => subject.label);
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length--;
  const common = first.slice(0, length).replace(/[\s\W_]*(seed)?[\s\W_]*$/i, '');
  return `${common || (members[0].subject.kind ?? 'adapter')}, ${members.length} seeds`;
}

/** Methods of a table: a family stands in the place of its first member, the others are left out. */
export function withFamilies(sides: readonly Side[], families: readonly SeedGroup[]): (Side | SeedGroup)[] {
  return sides.flatMap((side): (Side | SeedGroup)[] => {
    const family = side.subject.method === ADAPTER_METHOD ? familyOf(families, side.at) : undefined;
    if (!family) return [side];
    const first = sides.find(({ at }) => family.members.some((member) => member.at === at));
    return first === side ? [family] : [];
  });
}

export interface SeedScores {
  /** By seed. */
  readonly values: readonly number[];
  /** The rows that it is a share of; undefined for another score, and if the seeds have scores for other numbers of rows. */
  readonly of: number | undefined;
  readonly mean: number;
  readonly lowest: number;
  readonly highest: number;
  /** The standard deviation over the seeds, with n − 1. */
  readonly deviation: number;
  /** 95% over the rows, of the mean over the seeds; undefined for what is no mean of rows. */
  readonly interval: Interval | undefined;
}

/** A table is drawn at once. */
const RESAMPLES = 1_000;
const DEFAULT_SEED = 42;

/** The scores of a family by one metric; undefined if a member has none. */
export function seedScores({ members }: SeedGroup, metric: Scorer): SeedScores | undefined {
  const scores = members.flatMap((side) => metricsOf(side, [metric])[metric.name] ?? []);
  if (scores.length < members.length) return undefined;
  const values = scores.map(({ value }) => value);
  const [of, ...others] = new Set(scores.map(({ share }) => share?.total));
  return {
    of: others.length === 0 ? of : undefined,
    ...{ values, mean: mean(values), deviation: standardDeviation(values) },
    ...{ lowest: Math.min(...values), highest: Math.max(...values) },
    interval: intervalOf(members, metric),
  };
}

/** Over rows, or groups of them: of the mean score of each row. */
function intervalOf(members: readonly Side[], metric: Scorer): Interval | undefined {
  if (!isAnswerScorer(metric) || (metric.of === 'answers' && metric.corpus !== undefined)) return undefined;
  const columns = members.flatMap((side) => [scoresIn(side, metric.name) ?? []]);
  const [{ record, answers }] = members;
  if (answers.length === 0 || columns.some(({ length }) => length !== answers.length)) return undefined;
  const averaged = answers.map((_, row) => {
    const scores = columns.flatMap((column) => column[row] ?? []);
    return scores.length === columns.length ? mean(scores) : null;
  });
  return rowIntervals(
    answers.length,
    record.made.draw?.seed ?? DEFAULT_SEED,
    [meanStatistic(averaged, rangeIn(metric, columns.flat()))],
    { most: RESAMPLES, clusters: clustersOf(record, answers.length) },
  )[0];
}

export interface SeedsAgainst {
  /** The mean share of right rows, less that of the other. */
  readonly difference: number;
  readonly interval: Interval | undefined;
  /** Rows on which the seeds are right more often than the other, and less often. */
  readonly ahead: number;
  readonly behind: number;
  /** The p value of the exact sign-flip test over rows, or groups of them. */
  readonly p: number;
}

/** A family against a method on the same rows, by the share of seeds that get each row right; undefined if answers were not kept. */
export function seedsAgainst(
  { members }: SeedGroup,
  right: readonly boolean[] | undefined,
): SeedsAgainst | undefined {
  const columns = members.flatMap((side) => (side.right ? [side.right] : []));
  const [{ record }] = members;
  if (!right || columns.length < members.length || columns.some(({ length }) => length !== right.length))
    return undefined;
  /** Whole numbers: how many seeds are right, less as many as all if the other is. */
  const differences = right.map(
    (is, row) => columns.filter((column) => column[row]).length - (is ? columns.length : 0),
  );
  const clusters = clustersOf(record, right.length);
  const shares = differences.map((value) => value / columns.length);
  return {
    difference: mean(shares),
    interval: rowIntervals(
      right.length,
      record.made.draw?.seed ?? DEFAULT_SEED,
      [meanStatistic(shares, [-1, 1])],
      { clusters },
    )[0],
    ahead: differences.filter((value) => value > 0).length,
    behind: differences.filter((value) => value < 0).length,
    p: signFlipTest(differences, clusters),
  };
}
