/**
 * Metrics. Each has a file of its own here and a line in registry.ts; the tables of the page, its glossary and `graft evaluate`
 * are made from that list. A metric imports only arithmetic, since the page computes scores from stored answers.
 */

/** An entry of the glossary, under the metric's name. */
export interface MetricEntry {
  /** The heading of the entry. */
  readonly title: string;
  /** What it is, in plain words. */
  readonly what: string;
  readonly more?: string;
  readonly less?: string;
  readonly start?: string;
  /** Where to read on: a paper or a manual. */
  readonly source: string;
  /** Other words that people search for. */
  readonly also?: string;
}

/** The value of a metric over all rows. */
export interface Score {
  readonly value: number;
  /** Where the value is a share of the rows: how many they are, with the 95% interval. */
  readonly share?: {
    readonly count: number;
    readonly total: number;
    readonly interval: readonly [number, number];
  };
}

/** The loss of a model on rows. */
export interface Likelihood {
  /** Mean cross-entropy over the supervised tokens, in nats. */
  readonly loss: number;
  readonly perplexity: number;
}

interface Common {
  /** As `--metrics` and files of results name it: lower case, words joined by dashes. */
  readonly name: string;
  /** The heading of its column. */
  readonly heading: string;
  /** One line for the help of the command. */
  readonly help: string;
  readonly entry: MetricEntry;
  readonly better: 'higher' | 'lower';
  /** The value as people read it. */
  readonly format: (value: number) => string;
}

/** Compares an answer with the expected one, row by row. */
export interface AnswerMetric extends Common {
  readonly of: 'answers';
  /** Whether a row with this expected answer has a score. */
  readonly applies: (expected: string) => boolean;
  /** The form in which two texts are compared. */
  readonly normalise: (text: string) => string;
  /** Compares two normalised texts: 1 is as good as it gets, 0 as bad. */
  readonly score: (answer: string, expected: string) => number;
  /** Over the scored rows. @param rows their texts, for a metric that adds up counts over all of them */
  readonly aggregate: (
    scores: readonly number[],
    rows?: readonly { readonly expected: string; readonly answer: string }[],
  ) => Score;
}

/** Says how likely the expected answers are to a model. */
export interface LikelihoodMetric extends Common {
  readonly of: 'likelihood';
  readonly aggregate: (likelihood: Likelihood) => Score;
}

export type Metric = AnswerMetric | LikelihoodMetric;

/** The score of one row; undefined where the metric does not apply to it. */
export function rowScore(metric: AnswerMetric, answer: string, expected: string): number | undefined {
  if (!metric.applies(expected)) return undefined;
  return metric.score(metric.normalise(answer), metric.normalise(expected));
}

/** The mean of the rows' scores; NaN without rows. */
export const mean = (scores: readonly number[]): Score => ({
  value: scores.reduce((sum, score) => sum + score, 0) / scores.length,
});
