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

/** An answer with every text that is right for it. */
export interface Predicted {
  readonly answer: string;
  /** One or more. */
  readonly references: readonly string[];
}

/** Indices of rows, as often as they count. */
export type Sample = ArrayLike<number>;

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
  /** Reports and files have the score times this number, as the published implementation prints it; 1 if it is missing. */
  readonly scale?: number;
  /** Whether the score of a row is 0 or 1, and that of all rows their share. */
  readonly binary?: true;
  /** Whether a row has only one reference, as a label. */
  readonly single?: true;
  /** Scores an answer that has several references at once; without it the best of their scores counts. */
  readonly scoreSeveral?: (answer: string, references: readonly string[]) => number;
  /** The score of any sample of the rows, for a metric that is not the mean of the rows' scores. */
  readonly corpus?: (rows: readonly Predicted[]) => (sample: Sample) => number;
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

/** The score of one row whose references are all right; undefined if the metric applies to none of them. */
export function scoreOfSeveral(metric: AnswerMetric, { answer, references }: Predicted): number | undefined {
  if (references.length > 1 && metric.scoreSeveral) return metric.scoreSeveral(answer, references);
  const scores = references.flatMap((reference) => rowScore(metric, answer, reference) ?? []);
  return scores.length === 0 ? undefined : Math.max(...scores);
}

/** A score as reports and files have it. */
export const inPrint = (metric: Metric, value: number): number =>
  metric.of === 'answers' ? value * (metric.scale ?? 1) : value;

/** The mean of the rows' scores; NaN without rows. */
export const mean = (scores: readonly number[]): Score => ({
  value: scores.reduce((sum, score) => sum + score, 0) / scores.length,
});
