/** `graft evaluate --predictions`: scores answers of a file. Needs no model and no GPU. */
import { GraftError } from '../errors.ts';
import { inPrint, type AnswerScorer, type Need } from '../scorers/scorer.ts';
import { isAnswerScorer, scorersFor, USUAL_TEXT_SCORERS } from '../scorers/lists.ts';
import { readPredictions, type PredictedGroup } from '../evaluate/predictions.ts';
import { scorePredictionFile, type PredictionScores } from '../evaluate/score-predictions.ts';
import { chosenMetrics, type EvaluateFlags } from './evaluate-flags.ts';
import { textTable } from './evaluate-output.ts';
import { readInput } from './files.ts';
import type { Output } from './output.ts';

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

/** @throws GraftError `arguments`, `file-missing`, `predictions`, `predictions-empty` */
export async function scorePredictions(path: string, flags: EvaluateFlags, output: Output): Promise<void> {
  const other = OF_MODELS.find((name) => flags.text(name) !== undefined || flags.texts(name).length > 0);
  if (other !== undefined)
    throw new GraftError(
      'arguments',
      `--predictions scores a file of answers, and --${other} is for the measurement of a model.`,
      'Leave one of them out.',
    );
  const metrics = answerMetrics(flags);
  const seed = flags.integer('seed') ?? DEFAULT_SEED;
  const groups = readPredictions(await readInput(path), path);
  const scored: { group: PredictedGroup; found: PredictionScores }[] = [];
  for (const group of groups)
    scored.push({ group, found: await scorePredictionFile({ name: path, rows: group.rows }, metrics, seed) });
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
    output.result(`${JSON.stringify({ predictions: path, ...body })}\n`);
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
    ),
  );
}

/** What a line of a file of predictions has. */
const HAS: ReadonlySet<Need> = new Set<Need>(['reference', 'label']);

/** The scorers that a file of predictions can be scored by. */
export const PREDICTION_SCORERS: readonly AnswerScorer[] = scorersFor(HAS).filter(isAnswerScorer);

/** @throws GraftError `arguments` for a scorer that needs more than answers and references */
function answerMetrics(flags: EvaluateFlags): readonly AnswerScorer[] {
  if (flags.text('metrics') === undefined) return USUAL_TEXT_SCORERS;
  return chosenMetrics(flags).map((metric) => {
    const scorer = PREDICTION_SCORERS.find(({ name }) => name === metric.name);
    if (scorer) return scorer;
    throw new GraftError(
      'arguments',
      metric.of === 'likelihood'
        ? `${metric.name} is measured by a model, and --predictions has answers only.`
        : `${metric.name} needs more than an answer and its reference, and --predictions has nothing else.`,
      `Choose from ${PREDICTION_SCORERS.map(({ name }) => name).join(', ')}.`,
    );
  });
}

/** A value in its unit as people read it. */
export const shown = (metric: AnswerScorer, value: number): string =>
  metric.format(value / inPrint(metric, 1));

function cell(metric: AnswerScorer, { scores, intervals }: PredictionScores): string {
  const [value, interval] = [scores[metric.name], intervals[metric.name]];
  if (value === null || !interval) return '–';
  return `${shown(metric, value)} (${interval.map((end) => shown(metric, end)).join('–')})`;
}
