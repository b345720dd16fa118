/** Scores of answers: row by row, and over all rows. */
import { type AnswerMetric, type Likelihood, type Metric, rowScore, type Score } from './metric.ts';
import { METRICS } from './registry.ts';

/** The data of a method: its answers to rows, the likelihood of the expected ones, or both. */
export interface Scored {
  readonly expected: readonly string[];
  /** Row by row; missing where they were not kept. */
  readonly answers?: readonly string[] | undefined;
  readonly likelihood?: Likelihood | undefined;
}

/** By the names of the metrics. A metric is missing where its data are not known, or no row has a score. */
export type Scores = Readonly<Partial<Record<string, Score>>>;

export function scoresOf(
  { expected, answers, likelihood }: Scored,
  metrics: readonly Metric[] = METRICS,
): Scores {
  return Object.fromEntries(
    metrics.flatMap((metric): [string, Score][] => {
      if (metric.of === 'likelihood') return likelihood ? [[metric.name, metric.aggregate(likelihood)]] : [];
      const scores =
        answers && answerScores(metric, expected, answers).filter((score) => score !== undefined);
      return scores && scores.length > 0 ? [[metric.name, metric.aggregate(scores)]] : [];
    }),
  );
}

/** Row by row; undefined where the metric does not apply. */
export function answerScores(
  metric: AnswerMetric,
  expected: readonly string[],
  answers: readonly string[],
): (number | undefined)[] {
  return expected.map((text, at) => rowScore(metric, answers[at], text));
}
