/** 95% intervals of the scores of a table: by bootstrap over the rows, and for shares of right rows Wilson's. Rows that share a group are drawn together. */
import { isAnswerScorer } from '../scorers/lists.ts';
import type { Predicted, Sample, Scorer } from '../scorers/scorer.ts';
import type { Scores } from '../scorers/scores.ts';
import { bootstrap, type Interval } from './bootstrap.ts';
import { clustersOf } from './clusters.ts';
import { scoresIn } from './columns.ts';
import type { Side } from './sides.ts';

/** A table has many of them, and is drawn at once: a thousand draws move the ends by some hundredths of the width. */
const RESAMPLES = 1_000;
const DEFAULT_SEED = 42;

/** The mean of the scores that a sample has; NaN if no row of it has one. */
export function meanOf(scores: readonly (number | null | undefined)[], sample: Sample): number {
  let [sum, count] = [0, 0];
  for (let at = 0; at < sample.length; at++) {
    const score = scores[sample[at]];
    if (score === undefined || score === null) continue;
    sum += score;
    count++;
  }
  return sum / count;
}

/** The score of any sample of the rows. A row without a score counts for nothing. */
function statisticOf(
  scorer: Scorer,
  each: readonly (number | null)[],
  rows: readonly Predicted[],
): (sample: Sample) => number {
  if (scorer.of !== 'answers' || !scorer.corpus) return (sample) => meanOf(each, sample);
  const corpus = scorer.corpus(rows);
  if (!each.includes(null)) return corpus;
  return (sample) => {
    const scored = Array.from(sample).filter((row) => each[row] !== null);
    return scored.length === 0 ? NaN : corpus(scored);
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
    return each ? [{ name: scorer.name, of: statisticOf(scorer, each, rows) }] : [];
  });
  const intervals =
    drawn.length === 0
      ? []
      : bootstrap(
          rows.length,
          record.made.draw?.seed ?? DEFAULT_SEED,
          drawn.map(({ of }) => of),
          { most: RESAMPLES, clusters },
        );
  return Object.fromEntries([
    ...Object.entries(scores).flatMap(([name, score]) =>
      score?.share ? [[name, score.share.interval]] : [],
    ),
    ...drawn.flatMap(({ name }, at) => (intervals[at] ? [[name, intervals[at]]] : [])),
  ] as [string, Interval][]);
}
