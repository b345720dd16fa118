/** `graft evaluate --predictions`: scores answers of a file. Needs no model and no GPU. */
import { deviation, mean } from '../averages.ts';
import { GraftError } from '../errors.ts';
import { scorerSpecOf } from '../scorers/chosen.ts';
import { inPrint, needsOf, type AnswerScorer, type Need, type Scorer } from '../scorers/scorer.ts';
import { isAnswerScorer, scorersFor, USUAL_TEXT_SCORERS } from '../scorers/lists.ts';
import { readPredictions, type PredictedGroup } from '../evaluate/predictions.ts';
import { hasWidth, scorePredictionFile, type PredictionScores } from '../evaluate/score-predictions.ts';
import { chosenMetrics, type EvaluateFlags } from './evaluate-flags.ts';
import { settingsReport } from '../evaluate/report-files.ts';
import { ownNames, textTable } from './evaluate-output.ts';
import { readInput } from './files.ts';
import type { Output } from './output.ts';
import { startSandbox } from './sandbox.ts';

/** Flags that only make sense with a model. */
export const OF_MODELS = [
  'model',
  'adapter',
  'data',
  'test-data',
  'more-data',
  'split',
  'methods',
  'rows',
  'choices',
  'loss-rows',
  'shots',
  'index',
  'forgetting',
  'out',
] as const;

/** The seed of the bootstrap. */
export const DEFAULT_SEED = 42;

/** Says which code of a person's own failed on rows. */
export function tellFailures(failures: readonly string[], output: Output): void {
  for (const failure of failures) output.line(`Warning: ${failure}`);
}

/** @throws GraftError `arguments` */
function refuseFlagsOfModels(flags: EvaluateFlags): void {
  const other = OF_MODELS.find((name) => flags.text(name) !== undefined || flags.texts(name).length > 0);
  if (other !== undefined)
    throw new GraftError(
      'arguments',
      `--predictions scores a file of answers, and --${other} is for the measurement of a model.`,
      'Leave one of them out.',
    );
}

/** @throws GraftError `arguments`, `file-missing`, `predictions`, `predictions-empty` */
export async function scorePredictions(path: string, flags: EvaluateFlags, output: Output): Promise<void> {
  refuseFlagsOfModels(flags);
  const metrics = answerMetrics(flags);
  const seed = flags.integer('seed') ?? DEFAULT_SEED;
  const groups = readPredictions(await readInput(path), path);
  const scored: { group: PredictedGroup; found: PredictionScores }[] = [];
  for (const group of groups)
    scored.push({
      group,
      found: await scorePredictionFile({ name: path, rows: group.rows }, metrics, seed, startSandbox),
    });
  tellFailures(
    scored.flatMap(({ found }) => found.failures),
    output,
  );
  if (flags.on('json')) {
    const rows = groups.reduce((sum, group) => sum + group.rows.length, 0);
    const reports = scored.map(({ group: { method, adapter, rows: own }, found }) => ({
      ...(method !== undefined && { method }),
      ...(adapter !== undefined && { adapter }),
      rows: own.length,
      scores: found.scores,
      intervals: found.intervals,
      row_scores: found.rowScores,
    }));
    const body = reports.length === 1 ? reports[0] : { rows, methods: reports };
    output.result(`${JSON.stringify({ predictions: path, ...settingsReport(metrics), ...body })}\n`);
    return;
  }
  output.result(
    textTable(
      ['method', 'rows', ...metrics.map(({ heading }) => heading)],
      scored.map(({ group, found }) => [
        group.adapter ?? group.method ?? path,
        String(group.rows.length),
        ...metrics.map((metric) => cell(metric, found)),
      ]),
    ) + ownNames(metrics),
  );
}

interface Fold {
  readonly predictions: string;
  readonly rows: number;
  readonly scores: PredictionScores['scores'];
  readonly intervals: PredictionScores['intervals'];
}

/** A score over folds: its mean, and its standard deviation from fold to fold. */
interface Spread {
  readonly mean: number;
  readonly sd: number;
}

/**
 * Scores a file of predictions for each fold, and what the scores of the folds have in common. Methods are compared by their names: each fold has an
 * adapter of its own.
 *
 * @throws GraftError `arguments`, `file-missing`, `predictions`, `predictions-empty`
 */
export async function scoreFolds(
  paths: readonly string[],
  flags: EvaluateFlags,
  output: Output,
): Promise<void> {
  refuseFlagsOfModels(flags);
  const twice = paths.find((path, at) => paths.indexOf(path) < at);
  if (twice !== undefined)
    throw new GraftError('arguments', `--predictions names ${twice} twice.`, 'Give each fold once.');
  const metrics = answerMetrics(flags);
  const seed = flags.integer('seed') ?? DEFAULT_SEED;
  const methods = new Map<string, Fold[]>();
  for (const path of paths)
    for (const { method = '', rows } of readPredictions(await readInput(path), path)) {
      const { scores, intervals, failures } = await scorePredictionFile(
        { name: path, rows },
        metrics,
        seed,
        startSandbox,
      );
      tellFailures(failures, output);
      const fold = { predictions: path, rows: rows.length, scores, intervals };
      methods.set(method, [...(methods.get(method) ?? []), fold]);
    }
  const lacking = [...methods].find(([, folds]) => folds.length !== paths.length);
  if (lacking)
    throw new GraftError(
      'arguments',
      `The method ${lacking[0] || 'without a name'} is in ${lacking[1].length} of ${paths.length} folds.`,
      'Give files of the same methods, each once.',
    );
  const reports = [...methods].map(([method, folds]) => ({
    ...(method !== '' && { method }),
    rows: folds.reduce((sum, { rows }) => sum + rows, 0),
    scores: Object.fromEntries(metrics.map(({ name }) => [name, spreadOf(folds, name)])),
    folds,
  }));
  if (flags.on('json')) {
    const body = reports.length === 1 ? reports[0] : { methods: reports };
    output.result(`${JSON.stringify({ ...settingsReport(metrics), ...body })}\n`);
    return;
  }
  const lines = reports.flatMap(({ method, rows, scores, folds }) => [
    ...folds.map((fold) => [
      fold.predictions,
      method ?? '',
      String(fold.rows),
      ...metrics.map((metric) => cell(metric, fold)),
    ]),
    [
      `mean ± sd of ${folds.length} folds`,
      method ?? '',
      String(rows),
      ...metrics.map((metric) => spreadCell(metric, scores[metric.name])),
    ],
  ]);
  output.result(
    textTable(['fold', 'method', 'rows', ...metrics.map(({ heading }) => heading)], lines) +
      ownNames(metrics),
  );
}

/** Null if a fold has no score. */
function spreadOf(folds: readonly Fold[], metric: string): Spread | null {
  const values = folds.map(({ scores }) => scores[metric]);
  const known = values.filter((value) => value !== null);
  return known.length === values.length ? { mean: mean(known), sd: deviation(known) } : null;
}

const spreadCell = (metric: AnswerScorer, spread: Spread | null): string =>
  spread === null
    ? '–'
    : `${predictionsInWords(metric, spread.mean)} ± ${predictionsInWords(metric, spread.sd)}`;

/** What a line of a file of predictions has. */
const HAS: ReadonlySet<Need> = new Set<Need>(['reference', 'label']);
/** What it may have in addition, for code of a person's own. */
const MAY_HAVE: ReadonlySet<Need> = new Set<Need>([...HAS, 'prompt', 'columns']);

/** The scorers of the registry that a file of predictions can be scored by. */
export const PREDICTION_SCORERS: readonly AnswerScorer[] = scorersFor(HAS).filter(isAnswerScorer);

/** @throws GraftError as `scorersOfPredictions` */
const answerMetrics = (flags: EvaluateFlags): readonly AnswerScorer[] =>
  flags.isGiven('metrics')
    ? scorersOfPredictions(chosenMetrics(flags), '--predictions has')
    : USUAL_TEXT_SCORERS;

/** @param who and the verb, in messages @throws GraftError `arguments` for a scorer that needs more than a line has */
export function scorersOfPredictions(metrics: readonly Scorer[], who: string): readonly AnswerScorer[] {
  return metrics.map((metric) => {
    const has = scorerSpecOf(metric) ? MAY_HAVE : HAS;
    const lacking = needsOf(metric).find((need) => !has.has(need));
    if (isAnswerScorer(metric) && lacking === undefined) return metric;
    throw new GraftError(
      'arguments',
      isAnswerScorer(metric)
        ? `${metric.name} needs ${lacking === 'tokens' ? 'the number of tokens' : `the ${lacking}`} of each answer, and ${who} none.`
        : `${metric.name} is measured by a model, and ${who} answers only.`,
      `Choose from ${PREDICTION_SCORERS.map(({ name }) => name).join(', ')}.`,
    );
  });
}

/** A value in its unit as people read it. */
export const predictionsInWords = (metric: AnswerScorer, value: number): string =>
  metric.format(value / inPrint(metric, 1));

function cell(
  metric: AnswerScorer,
  { scores, intervals }: Pick<PredictionScores, 'scores' | 'intervals'>,
): string {
  const [value, interval] = [scores[metric.name], intervals[metric.name]];
  if (value === null) return '–';
  const ends =
    interval && hasWidth(interval)
      ? ` (${interval.map((end) => predictionsInWords(metric, end)).join('–')})`
      : '';
  return `${predictionsInWords(metric, value)}${ends}`;
}
