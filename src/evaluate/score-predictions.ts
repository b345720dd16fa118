/** Scores of predictions in the units of published implementations, with intervals, and two files of predictions compared. */
import { GraftError } from '../errors.ts';
import type { Interval } from './bootstrap.ts';
import { everyRow } from '../scorers/parts/corpus.ts';
import { scoreAttempts } from '../scorers/open.ts';
import {
  inPrint,
  needsOf,
  scoreOfSeveral,
  type AnswerScorer,
  type AttemptScorer,
  type Predicted,
  type Sample,
} from '../scorers/scorer.ts';
import { meanOf, rowIntervals, type Statistic } from './intervals.ts';
import { compareScores, mcnemar } from './paired.ts';
import type { PredictedGroup, PredictedRow } from './predictions.ts';

/** Predictions with the place that they are from. */
export interface PredictionFile {
  readonly name: string;
  readonly rows: readonly PredictedRow[];
}

export interface PredictionScores {
  /** By the names of the metrics; null if no row has a score. */
  readonly scores: Readonly<Record<string, number | null>>;
  /** 95%, as `rowIntervals` has them. Both ends are the score if the rows show none; null without a score. */
  readonly intervals: Readonly<Record<string, Interval | null>>;
  /** Row by row, in the order of the file; a metric is missing if it does not apply to the row. */
  readonly rowScores: readonly Readonly<Record<string, number>>[];
}

/** The rows' scores, and the score of any sample of them. Both in the metric's unit. */
interface Measured {
  readonly each: readonly (number | undefined)[];
  readonly of: (sample: Sample) => number;
  /** Whether that is the mean of the rows' scores. */
  readonly isMean: boolean;
}

const statisticOf = ({ each, of, isMean }: Measured, scorer: AnswerScorer): Statistic => ({
  of,
  ...(isMean &&
    scorer.range && {
      mean: { each, range: [inPrint(scorer, scorer.range[0]), inPrint(scorer, scorer.range[1])] },
    }),
});

/** An interval without a width: other programs read two numbers. */
const pointOf = (value: number | null): Interval | null => (value === null ? null : [value, value]);

/** Whether an interval says how far a score may be off. */
export const hasWidth = ([low, high]: Interval): boolean => high > low;

/** @throws GraftError `predictions` for a row with several references if the scorer takes one */
async function measure(scorer: AnswerScorer, { name, rows }: PredictionFile): Promise<Measured> {
  const several = needsOf(scorer).includes('label') && rows.find(({ references }) => references.length > 1);
  if (several)
    throw new GraftError(
      'predictions',
      `Line ${several.line} of ${name} has ${several.references.length} references, and ${scorer.name} compares with one label.`,
      'Give one reference on each line, or choose another metric.',
    );
  const predicted = rows.map(({ output: answer, references }) => ({ answer, references }));
  if (scorer.of === 'attempts') {
    const each = await bestScores(scorer, predicted);
    return { each, of: (sample) => meanOf(each, sample), isMean: true };
  }
  const each = predicted.map((row) => {
    const score = scoreOfSeveral(scorer, row);
    return score === undefined ? undefined : inPrint(scorer, score);
  });
  const corpus = scorer.corpus?.(predicted);
  return {
    each,
    of: corpus ? (sample) => inPrint(scorer, corpus(sample)) : (sample) => meanOf(each, sample),
    isMean: !corpus,
  };
}

/** The best score of each answer over its references; undefined if it can be compared with none of them. */
async function bestScores(
  scorer: AttemptScorer,
  rows: readonly Predicted[],
): Promise<readonly (number | undefined)[]> {
  const attempts = rows.flatMap(({ answer: completion, references }) =>
    references.map((answer) => ({ prompt: '', completion, tokens: 0, cut: false, answer, row: {} })),
  );
  const { scores } = await scoreAttempts(scorer, attempts);
  let at = 0;
  return rows.map(({ references }) => {
    const known = scores.slice(at, (at += references.length)).flatMap((score) => score ?? []);
    return known.length === 0 ? undefined : Math.max(...known);
  });
}

/**
 * @param seed of the bootstrap
 * @throws GraftError `predictions` naming a line that a metric cannot score
 */
export async function scorePredictionFile(
  file: PredictionFile,
  scorers: readonly AnswerScorer[],
  seed: number,
): Promise<PredictionScores> {
  const measured: (Measured & { readonly name: string })[] = [];
  for (const scorer of scorers) measured.push({ name: scorer.name, ...(await measure(scorer, file)) });
  const all = everyRow(file.rows.length);
  const intervals = rowIntervals(
    file.rows.length,
    seed,
    measured.map((one, at) => statisticOf(one, scorers[at])),
  );
  const values = measured.map(({ of }) => of(all)).map((value) => (Number.isNaN(value) ? null : value));
  return {
    scores: Object.fromEntries(measured.map(({ name }, at) => [name, values[at]])),
    intervals: Object.fromEntries(
      measured.map(({ name }, at) => [name, intervals[at] ?? pointOf(values[at])]),
    ),
    rowScores: file.rows.map((_, row) =>
      Object.fromEntries(
        measured.flatMap(({ name, each }) => (each[row] === undefined ? [] : [[name, each[row]]])),
      ),
    ),
  };
}

export interface PredictionDifference {
  readonly rows: number;
  /** The scores of both files, in the metric's unit. */
  readonly first: number;
  readonly second: number;
  /** Second less first. */
  readonly difference: number;
  /** 95% over the changes of the rows, as `rowIntervals` has it. Both ends are the difference if the rows show none. */
  readonly interval: Interval;
  /** Rows on which the second scores better: higher, unless less is better by this metric. */
  readonly improved: number;
  /** Rows on which the first scores better. */
  readonly worsened: number;
  /** The exact two-sided p-value of the rows that only one gets right; null if rows are not right or wrong. */
  readonly mcnemarP: number | null;
}

/**
 * @param seed of the bootstrap
 * @throws GraftError `predictions` for references that differ, naming the first row, and for rows that the metric cannot score
 */
export async function comparePredictions(
  first: PredictionFile,
  second: PredictionFile,
  metric: AnswerScorer,
  seed: number,
): Promise<PredictionDifference> {
  checkSameReferences(first, second);
  const [before, after] = [await measure(metric, first), await measure(metric, second)];
  const scored = before.each.flatMap((score, row) => (score === undefined ? [] : row));
  if (scored.length === 0)
    throw new GraftError(
      'predictions',
      `No row of ${first.name} has a reference that ${metric.name} can score.`,
      'Choose another metric.',
    );
  const of = (sample: Sample): number => after.of(sample) - before.of(sample);
  const all = everyRow(first.rows.length);
  const changes = before.each.map((score, row) => {
    const other = after.each[row];
    return score === undefined || other === undefined ? null : other - score;
  });
  const width = metric.range && inPrint(metric, metric.range[1] - metric.range[0]);
  const difference = of(all);
  const [interval = [difference, difference]] = rowIntervals(first.rows.length, seed, [
    { of, ...(before.isMean && width && { mean: { each: changes, range: [-width, width] } }) },
  ]);
  const sign = metric.better === 'lower' ? -1 : 1;
  const { first: worsened, second: improved } = compareScores(
    scored.map((row) => sign * before.each[row]!),
    scored.map((row) => sign * after.each[row]!),
  );
  return {
    rows: first.rows.length,
    first: before.of(all),
    second: after.of(all),
    difference,
    interval,
    improved,
    worsened,
    mcnemarP: metric.of === 'answers' && metric.binary ? mcnemar(improved, worsened) : null,
  };
}

/** How a file names a group of its predictions: by its adapter or its method. */
const nameOf = ({ adapter, method }: PredictedGroup): string | undefined => adapter ?? method;

/**
 * The predictions of one method of a file.
 * @param method the one that is meant, by its adapter or its method; undefined for the only one
 * @throws GraftError `predictions` naming the methods of the file
 */
export function groupOf(
  groups: readonly PredictedGroup[],
  name: string,
  method: string | undefined,
): PredictionFile {
  const found =
    method === undefined
      ? groups
      : groups.filter((group) => nameOf(group) === method || group.method === method);
  if (found.length === 1) return { name, rows: found[0].rows };
  const named = groups.map((group) => nameOf(group) ?? 'one without a name').join(', ');
  throw new GraftError(
    'predictions',
    method === undefined
      ? `${name} has the answers of ${groups.length} methods, and one is compared: ${named}.`
      : `${name} has ${found.length === 0 ? 'no answers' : `${found.length} sets of answers`} of ${method}. It has those of ${named}.`,
    'Name one method with --method.',
  );
}

function checkSameReferences(first: PredictionFile, second: PredictionFile): void {
  const remedy = 'Give two files of answers to the same rows, in the same order.';
  const key = ({ references }: PredictedRow): string => JSON.stringify(references);
  const length = Math.min(first.rows.length, second.rows.length);
  for (let row = 0; row < length; row++) {
    const [one, other] = [first.rows[row], second.rows[row]];
    if (key(one) !== key(other))
      throw new GraftError(
        'predictions',
        `Row ${row + 1} has different references: line ${one.line} of ${first.name} has ${key(one)}, and line ${other.line} of ${second.name} has ${key(other)}.`,
        remedy,
      );
  }
  if (first.rows.length === second.rows.length) return;
  throw new GraftError(
    'predictions',
    `${first.name} has ${first.rows.length} rows and ${second.name} has ${second.rows.length}: row ${length + 1} is only in one of them.`,
    remedy,
  );
}
