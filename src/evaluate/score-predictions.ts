/** Scores of predictions in the units of published implementations, with intervals, and two files of predictions compared. */
import { GraftError } from '../errors.ts';
import { plural } from '../numbers.ts';
import type { Interval } from './bootstrap.ts';
import { everyPlace } from '../lists.ts';
import { scoreAttempts } from '../scorers/score-attempts.ts';
import type { StartSandbox } from '../scorers/sandbox/sandbox.ts';
import {
  inPrint,
  isShare,
  needsOf,
  rangeIn,
  scoreOfSeveral,
  type AnswerScorer,
  type AttemptScorer,
  type Resample,
} from '../scorers/scorer.ts';
import { meanOf, rowIntervals, type Statistic } from './intervals.ts';
import { changesOf, compareScores } from './paired.ts';
import type { PredictedGroup, PredictedRow } from './predictions.ts';
import { countAs } from './score-answers.ts';

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
  /** A person's own code that failed on rows, as sentences. */
  readonly failures: readonly string[];
}

/** The rows' scores, and the score of any sample of them. Both in the metric's unit. */
interface Measured {
  readonly each: readonly (number | undefined)[];
  readonly of: (sample: Resample) => number;
  /** Whether that is the mean of the rows' scores. */
  readonly isMean: boolean;
  /** What a person's own code failed on, as a sentence. */
  readonly failure?: string;
}

function statisticOf({ each, of, isMean }: Measured, scorer: AnswerScorer): Statistic {
  const range = isMean ? rangeIn(scorer, each) : undefined;
  return {
    of,
    ...(range && { mean: { each, range: [inPrint(scorer, range[0]), inPrint(scorer, range[1])] } }),
  };
}

/** An interval without a width: other programs read two numbers. */
const pointOf = (value: number | null): Interval | null => (value === null ? null : [value, value]);

/** Whether an interval says how far a score may be off. */
export const hasWidth = ([low, high]: Interval): boolean => high > low;

/** @throws GraftError `predictions` for a row with several references if the scorer takes one, one without a prompt that it reads, and code that fails on all rows */
async function measure(
  scorer: AnswerScorer,
  { name, rows }: PredictionFile,
  startSandbox: StartSandbox | undefined,
): Promise<Measured> {
  const unasked = needsOf(scorer).includes('prompt') && rows.find(({ prompt }) => prompt === undefined);
  if (unasked)
    throw new GraftError(
      'predictions',
      `Line ${unasked.line} of ${name} has no prompt, and ${scorer.name} reads it.`,
      'Give each line a "prompt", "question" or "input", or choose another metric.',
    );
  const several = needsOf(scorer).includes('label') && rows.find(({ references }) => references.length > 1);
  if (several)
    throw new GraftError(
      'predictions',
      `Line ${several.line} of ${name} has ${several.references.length} references, and ${scorer.name} compares with one label.`,
      'Give one reference on each line, or choose another metric.',
    );
  const predicted = rows.map(({ output: answer, references }) => ({ answer, references }));
  if (scorer.of === 'attempts') {
    const { each, failed } = await bestScores(scorer, rows, startSandbox);
    const measured = { each, of: (sample: Resample) => meanOf(each, sample), isMean: true };
    // A person's own code is meant to score each row.
    if (!failed || scorer.fallback === undefined) return measured;
    if (each.every((score) => score === undefined))
      throw new GraftError(
        'predictions',
        `${scorer.name} fails on every row of ${name}: ${failed.first}.`,
        'Correct its code, or choose another metric.',
      );
    const { first, rows: count } = failed;
    return {
      ...measured,
      failure: `${scorer.name} failed on ${plural(count, 'answer')} of ${name}: ${first}. ${countAs(scorer, count)}.`,
    };
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

interface BestScores {
  readonly each: readonly (number | undefined)[];
  /** How many rows it failed on with one reference or more, and why on the first of them. */
  readonly failed?: { readonly rows: number; readonly first: string };
}

/** The best score of each answer over its references, in print; undefined if it can be compared with none of them. */
async function bestScores(
  scorer: AttemptScorer,
  rows: readonly PredictedRow[],
  startSandbox: StartSandbox | undefined,
): Promise<BestScores> {
  const attempts = rows.flatMap(({ prompt = '', output: completion, references, row = {} }) =>
    references.map((answer) => ({ prompt, completion, tokens: 0, cut: false, answer, row })),
  );
  const rowOf = rows.flatMap(({ references }, row) => references.map(() => row));
  const { scores, failed } = await scoreAttempts(scorer, attempts, startSandbox);
  const best = scorer.better === 'lower' ? Math.min : Math.max;
  let at = 0;
  const each = rows.map(({ references }) => {
    const known = scores.slice(at, (at += references.length)).flatMap((score) => score ?? []);
    return known.length === 0 ? undefined : inPrint(scorer, best(...known));
  });
  if (!failed) return { each };
  return {
    each,
    failed: { rows: new Set(failed.places.map((place) => rowOf[place])).size, first: failed.first },
  };
}

/**
 * @param seed of the bootstrap
 * @param startSandbox for code that may not end
 * @throws GraftError `predictions` naming a line that a metric cannot score
 */
export async function scorePredictionFile(
  file: PredictionFile,
  scorers: readonly AnswerScorer[],
  seed: number,
  startSandbox?: StartSandbox,
): Promise<PredictionScores> {
  const measured: (Measured & { readonly name: string })[] = [];
  for (const scorer of scorers)
    measured.push({ name: scorer.name, ...(await measure(scorer, file, startSandbox)) });
  const all = everyPlace(file.rows.length);
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
    failures: measured.flatMap(({ failure }) => failure ?? []),
    rowScores: file.rows.map((_, row) =>
      Object.fromEntries(
        measured.flatMap(({ name, each }) => (each[row] === undefined ? [] : [[name, each[row]]])),
      ),
    ),
  };
}

export interface PredictionDifference {
  readonly rows: number;
  /** The rows that the scores are of: those that the metric can score in both files. All rows for a score of a corpus. */
  readonly compared: number;
  /** The scores of both files on these rows, in the metric's unit. */
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
  /** A person's own code that failed on rows, as sentences. */
  readonly failures: readonly string[];
}

/**
 * @param seed of the bootstrap
 * @param startSandbox for code that may not end
 * @throws GraftError `predictions` for references that differ, naming the first row, and for rows that the metric cannot score
 */
export async function comparePredictions(
  first: PredictionFile,
  second: PredictionFile,
  metric: AnswerScorer,
  seed: number,
  startSandbox?: StartSandbox,
): Promise<PredictionDifference> {
  checkSameReferences(first, second);
  const before = await measure(metric, first, startSandbox);
  const after = await measure(metric, second, startSandbox);
  const changes = changesOf(before.each, after.each);
  const scored = Uint32Array.from(changes.flatMap((change, row) => (change === null ? [] : row)));
  if (scored.length === 0)
    throw new GraftError(
      'predictions',
      before.each.every((score) => score === undefined)
        ? `No row of ${first.name} has a reference that ${metric.name} can score.`
        : `${metric.name} can score no row of ${first.name} that it can score in ${second.name}.`,
      'Choose another metric.',
    );
  // A mean is over the rows that both have a score for, so that the two means differ by the mean of the changes.
  const { isMean } = before;
  const compared = isMean ? scored : everyPlace(first.rows.length);
  const of = (sample: Resample): number =>
    isMean ? meanOf(changes, sample) : after.of(sample) - before.of(sample);
  const scores = [...before.each, ...after.each].flatMap((score) => score ?? []);
  const range = rangeIn(metric, scores);
  const width = range && inPrint(metric, range[1] - range[0]);
  const difference = of(compared);
  const [interval = [difference, difference]] = rowIntervals(first.rows.length, seed, [
    { of, ...(isMean && width && { mean: { each: changes, range: [-width, width] } }) },
  ]);
  const sign = metric.better === 'lower' ? -1 : 1;
  const signed = ({ each }: Measured): (number | undefined)[] =>
    each.map((score) => (score === undefined ? undefined : sign * score));
  const { first: worsened, second: improved, p } = compareScores(signed(before), signed(after));
  return {
    rows: first.rows.length,
    compared: compared.length,
    first: before.of(compared),
    second: after.of(compared),
    difference,
    interval,
    improved,
    worsened,
    failures: [before, after].flatMap(({ failure }) => failure ?? []),
    mcnemarP: isCounted(metric, scores) ? p : null,
  };
}

/** Whether each row is right or wrong. */
const isCounted = (metric: AnswerScorer, scores: readonly number[]): boolean =>
  metric.of === 'answers' ? metric.binary === true : isShare(metric, scores);

/** How a file names a group of its predictions: by its adapter or its method. */
const nameOf = ({ adapter, method }: PredictedGroup): string | undefined => adapter ?? method;

/**
 * The predictions of one method of a file.
 * @param method the one that is meant, by its adapter or its method; undefined for the only one
 * @throws GraftError `predictions` naming the methods of the file
 */
export function predictionGroup(
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
