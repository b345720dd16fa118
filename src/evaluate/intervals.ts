/** 95% intervals of scores: Wilson's if every row has the least or the most, as for shares of right rows, else by bootstrap. Rows that share a group are drawn together. */
import { proportion } from '../proportion.ts';
import { isAnswerScorer } from '../scorers/lists.ts';
import { rangeIn, type Predicted, type Resample, type Scorer } from '../scorers/scorer.ts';
import type { Scores } from '../scorers/scores.ts';
import { bootstrap, type Interval } from './bootstrap.ts';
import { clustersOf, type Clusters } from './clusters.ts';
import { metricsOf, scoresIn } from './columns.ts';
import type { Share } from './record.ts';
import type { Side } from './sides.ts';

/** A table has many of them, and is drawn at once: a thousand draws move the ends by some hundredths of the width. */
const RESAMPLES = 1_000;
const DEFAULT_SEED = 42;
/** Means of the same scores differ by this at most. */
const ROUNDING = 1e-9;

/** The mean of the scores that a sample has; NaN if no row of it has one. */
export function meanOf(scores: readonly (number | null | undefined)[], sample: Resample): number {
  let [sum, count] = [0, 0];
  for (let at = 0; at < sample.length; at++) {
    const score = scores[sample[at]];
    if (score === undefined || score === null) continue;
    sum += score;
    count++;
  }
  return sum / count;
}

/** Scores row by row; a row without one counts for nothing. */
type Each = readonly (number | null | undefined)[];

/** A number over the rows. */
export interface Statistic {
  /** Its value for any sample of the rows. */
  readonly of: (sample: Resample) => number;
  /** The scores of the rows, if it is their mean, with the least and the most that a row can get. */
  readonly mean?: { readonly each: Each; readonly range: readonly [least: number, most: number] };
}

/** The mean of the rows' scores. @param range the least and the most that a row can get; undefined if it is not known */
export const meanStatistic = (each: Each, range: readonly [number, number] | undefined): Statistic => ({
  of: (sample) => meanOf(each, sample),
  ...(range && { mean: { each, range } }),
});

/**
 * The 95% interval of each statistic. A resample of rows that are all right is all right as well, so a bootstrap would say that the next rows are sure
 * to be: a mean of scores that are all the least or the most has Wilson's interval (1927). With groups it is the cluster bootstrap, and never shorter than
 * Wilson's over rows: one wrong row of many is in a third of the resamples of its group not there. If all scores are the same, it is Wilson's with a
 * group as one observation.
 *
 * @param rows at least 1
 * @param how as `bootstrap`
 * @returns undefined for a statistic that is NaN in every draw, and for another whose draws are all the same: they do not show how far it may be off
 */
export function rowIntervals(
  rows: number,
  seed: number,
  statistics: readonly Statistic[],
  how: { readonly most?: number; readonly clusters?: Clusters | undefined } = {},
): (Interval | undefined)[] {
  const exact = statistics.map(({ mean }) => mean && wilsonOf(mean, how.clusters));
  const rest = statistics.filter((_, at) => !exact[at]);
  const drawn =
    rest.length === 0
      ? []
      : bootstrap(
          rows,
          seed,
          rest.map(({ of }) => of),
          how,
        );
  const left = drawn[Symbol.iterator]();
  return exact.map((interval, at) => {
    if (interval) return interval;
    const ends = left.next().value;
    const drawn = ends && ends[1] - ends[0] > ROUNDING ? ends : undefined;
    const { mean } = statistics[at];
    const apart = how.clusters && mean && wilsonOf(mean, undefined);
    return drawn && apart ? [Math.min(drawn[0], apart[0]), Math.max(drawn[1], apart[1])] : drawn;
  });
}

/** Undefined if a score is between the least and the most, or if groups differ. */
function wilsonOf(
  { each, range: [least, most] }: NonNullable<Statistic['mean']>,
  clusters: Clusters | undefined,
): Interval | undefined {
  const known = each.flatMap((score) => score ?? []);
  const full = known.filter((score) => score === most).length;
  if (known.length === 0 || known.some((score) => score !== least && score !== most)) return undefined;
  const isSame = full === 0 || full === known.length;
  if (clusters && !isSame) return undefined;
  const total = clusters
    ? clusters.filter((cluster) => cluster.some((row) => typeof each[row] === 'number')).length
    : known.length;
  const [low, high] = proportion(full === known.length ? total : full, total).interval;
  return [least + low * (most - least), least + high * (most - least)];
}

/** The score of any sample of the rows. A row without a score counts for nothing. */
function statisticOf(
  scorer: Scorer,
  each: readonly (number | null)[],
  rows: readonly Predicted[],
): Statistic {
  if (scorer.of !== 'answers' || !scorer.corpus) return meanStatistic(each, rangeIn(scorer, each));
  const corpus = scorer.corpus(rows);
  if (!each.includes(null)) return { of: corpus };
  return {
    of: (sample) => {
      const scored = Array.from(sample).filter((row) => each[row] !== null);
      return scored.length === 0 ? NaN : corpus(scored);
    },
  };
}

/** By the names of the scorers, in the unit of the scores; a scorer is missing if it has no score, or is measured by likelihood. */
export function intervalsOf(
  side: Side,
  scores: Scores,
  scorers: readonly Scorer[],
): Readonly<Record<string, Interval>> {
  const { answers, record } = side;
  const clusters = clustersOf(record, answers.length);
  const rows = answers.map((answer, at) => ({ answer, references: [record.items[at].expected] }));
  const drawn = scorers.filter(isAnswerScorer).flatMap((scorer) => {
    const score = scores[scorer.name];
    // Wilson's interval takes rows as independent.
    const each = score && (clusters || !score.share) && scoresIn(side, scorer.name);
    return each ? [{ name: scorer.name, statistic: statisticOf(scorer, each, rows) }] : [];
  });
  const intervals = rowIntervals(
    rows.length,
    record.made.draw?.seed ?? DEFAULT_SEED,
    drawn.map(({ statistic }) => statistic),
    { most: RESAMPLES, clusters },
  );
  return Object.fromEntries([
    ...Object.entries(scores).flatMap(([name, score]) =>
      score?.share ? [[name, score.share.interval]] : [],
    ),
    ...drawn.flatMap(({ name }, at) => (intervals[at] ? [[name, intervals[at]]] : [])),
  ] as [string, Interval][]);
}

/** A share of rows with the interval of the groups of its rows, if some rows share one: then Wilson's would be too short. @param exact by the scorer */
export function drawnShare(side: Side, exact: Share, scorer: Scorer): Share {
  if (!clustersOf(side.record, side.answers.length)) return exact;
  const interval = intervalsOf(side, metricsOf(side, [scorer]), [scorer])[scorer.name] as
    Interval | undefined;
  return interval ? { ...exact, interval } : exact;
}
