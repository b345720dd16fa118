/** Scores of answers: row by row, and over all rows. */
import { type AnswerMetric, type Likelihood, type Metric, rowScore, type Score } from './metric.ts';
import { ALL_METRICS, METRICS } from './registry.ts';

/** An answer and the wanted one. */
export interface ScoredRow {
  readonly expected: string;
  readonly answer: string;
}

/** By the names of the metrics. A metric is missing where its data are not known, or no row has a score. */
export type Scores = Readonly<Partial<Record<string, Score>>>;

/** The scores of rows, and the likelihood of the wanted answers. */
export interface Scored {
  readonly rows: readonly ScoredRow[];
  /** By a metric's name, row by row, null where it does not apply; undefined where it was not measured. */
  readonly scores: (name: string) => readonly (number | null)[] | undefined;
  readonly likelihood?: Likelihood | undefined;
}

export function scoresFrom(
  { rows, scores, likelihood }: Scored,
  metrics: readonly Metric[] = METRICS,
): Scores {
  return Object.fromEntries(
    metrics.flatMap((metric): [string, Score][] => {
      if (metric.of === 'likelihood') return likelihood ? [[metric.name, metric.aggregate(likelihood)]] : [];
      const known = scores(metric.name)?.flatMap((score, at) => (score === null ? [] : { score, at })) ?? [];
      if (known.length === 0) return [];
      const value = metric.aggregate(
        known.map(({ score }) => score),
        known.map(({ at }) => rows[at]),
      );
      return [[metric.name, value]];
    }),
  );
}

/** The same of rows that are scored now. */
export const scoresOf = (rows: readonly ScoredRow[], metrics: readonly Metric[] = METRICS): Scores =>
  scoresFrom(
    {
      rows,
      scores(name) {
        const metric = metrics.find((one) => one.name === name);
        return metric && isAnswerMetric(metric) ? answerScores(metric, rows) : undefined;
      },
    },
    metrics,
  );

export const isAnswerMetric = (metric: Metric): metric is AnswerMetric => metric.of === 'answers';

/** Metrics that compare an answer with the wanted one. */
export const ANSWER_METRICS = (METRICS as readonly Metric[]).filter(isAnswerMetric);

/** The same with those that a call has to name. */
export const ALL_ANSWER_METRICS = ALL_METRICS.filter(isAnswerMetric);

/** Row by row; null where the metric does not apply. */
export const answerScores = (metric: AnswerMetric, rows: readonly ScoredRow[]): (number | null)[] =>
  rows.map(({ expected, answer }) => rowScore(metric, answer, expected) ?? null);
