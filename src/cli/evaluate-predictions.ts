/** `graft evaluate --predictions`: scores answers of a file. Needs no model and no GPU. */
import { GraftError } from '../errors.ts';
import { METRICS } from '../evaluate/metrics/registry.ts';
import { readPredictions, type PredictedGroup } from '../evaluate/predictions.ts';
import { metricsReport, scoresOfRow } from '../evaluate/report.ts';
import { scoresOf, type Scores } from '../evaluate/metrics/scores.ts';
import type { Metric } from '../evaluate/metrics/metric.ts';
import { chosenMetrics, type EvaluateFlags } from './evaluate-flags.ts';
import { scoreCell, textTable } from './evaluate-output.ts';
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
  'loss-rows',
  'shots',
  'forgetting',
  'out',
] as const;

/** @throws GraftError `arguments`, `file-missing`, `predictions`, `predictions-empty` */
export async function scorePredictions(path: string, flags: EvaluateFlags, output: Output): Promise<void> {
  const other = OF_MODELS.find((name) => flags.text(name) !== undefined || flags.texts(name).length > 0);
  if (other !== undefined)
    throw new GraftError(
      'arguments',
      `--predictions scores a file of answers, and --${other} is for the measurement of a model.`,
      'Leave one of them out.',
    );
  const asked = chosenMetrics(flags);
  const metrics = flags.text('metrics') === undefined ? METRICS.filter(({ of }) => of === 'answers') : asked;
  const unknown = metrics.find(({ of }) => of !== 'answers');
  if (unknown)
    throw new GraftError(
      'arguments',
      `${unknown.name} is measured by a model, and --predictions has answers only.`,
      `Choose from ${METRICS.filter(({ of }) => of === 'answers')
        .map(({ name }) => name)
        .join(', ')}.`,
    );
  const groups = readPredictions(await readInput(path), path);
  const scored = groups.map((group) => ({ group, scores: scoresOfGroup(group, metrics) }));
  if (flags.on('json')) {
    const reports = scored.map(({ group, scores }) => groupReport(group, scores, metrics));
    const rows = groups.reduce((sum, group) => sum + group.rows.length, 0);
    const body = reports.length === 1 ? reports[0] : { rows, methods: reports };
    output.result(`${JSON.stringify({ predictions: path, ...body })}\n`);
    return;
  }
  output.result(
    textTable(
      ['method', 'rows', ...metrics.map(({ heading }) => heading)],
      scored.map(({ group, scores }) => [
        group.adapter ?? group.method ?? path,
        String(group.rows.length),
        ...metrics.map((metric) => scoreCell(metric, scores)),
      ]),
    ),
  );
}

function scoresOfGroup({ rows }: PredictedGroup, metrics: readonly Metric[]): Scores {
  return scoresOf(
    rows.map(({ output, expected }) => ({ answer: output, expected })),
    metrics,
  );
}

function groupReport(
  { method, adapter, rows }: PredictedGroup,
  scores: Scores,
  metrics: readonly Metric[],
): object {
  return {
    ...(method !== undefined && { method }),
    ...(adapter !== undefined && { adapter }),
    rows: rows.length,
    ...metricsReport(scores),
    // Row by row, in the order of the file.
    scores: rows.map(({ output, expected }) => scoresOfRow(output, expected, metrics)),
  };
}
