/** `graft evaluate --open`: the tables of a saved evaluation, whoever wrote it. Needs no model and no GPU. */
import { GraftError } from '../errors.ts';
import { squareNumbers, squaresOf } from '../evaluate/documents-weights.ts';
import { hasPassages } from '../evaluate/grounding.ts';
import { judgedInWords, judgedNames, judgedReport, judgedResult } from '../evaluate/judged.ts';
import { readEvaluation } from '../evaluate/record-file.ts';
import { judgeRecord, methodReports, seedsReport } from '../evaluate/report.ts';
import { decodeUtf8 } from '../json.ts';
import { chosenMetrics, type EvaluateFlags } from './evaluate-flags.ts';
import { addAttempts } from '../evaluate/add-attempts.ts';
import { lackOf } from '../evaluate/add-scorers.ts';
import { scorersOf } from '../evaluate/columns.ts';
import { settingsReport } from '../evaluate/report-files.ts';
import { scorerChoiceOf, scorerSpecOf } from '../scorers/chosen.ts';
import { recordText, verdictText } from './evaluate-output.ts';
import { OF_MODELS } from './evaluate-predictions.ts';
import { tunedTableText } from './evaluate-table.ts';
import { tableReport, tunedTable } from '../evaluate/table-report.ts';
import { readInput } from './files.ts';
import type { Output } from './output.ts';
import { startSandbox } from './sandbox.ts';

/** @throws GraftError `arguments`, `file-missing`, `evaluation-file`, `evaluation-newer` */
export async function openEvaluation(path: string, flags: EvaluateFlags, output: Output): Promise<void> {
  const other = OF_MODELS.find((name) => flags.isGiven(name));
  if (other !== undefined)
    throw new GraftError(
      'arguments',
      `--open prints a saved evaluation, and --${other} is for the measurement of a model.`,
      'Leave one of them out.',
    );
  const saved = readEvaluation(decodeUtf8(await readInput(path), path), path);
  const metrics = flags.isGiven('metrics')
    ? chosenMetrics(flags)
    : [...chosenMetrics(flags), ...scorersOf(saved).filter(scorerSpecOf)];
  const record = await addAttempts(saved, metrics.map(scorerChoiceOf), startSandbox);
  if (flags.isGiven('metrics'))
    for (const metric of metrics) {
      const lack = lackOf(metric, record);
      if (lack !== undefined) output.line(`${metric.name} has no score: ${lack}.`);
    }
  const table = tunedTable(record, metrics);
  const judged = judgeRecord(record);
  if (flags.on('json')) {
    const seeds = seedsReport(record, metrics);
    const report = {
      ...{
        open: path,
        rows: record.items.length,
        ...settingsReport(metrics),
        methods: methodReports(record, metrics),
      },
      ...(table && { table: tableReport(table) }),
      comparisons: judged?.comparisons ?? [],
      ...(seeds.length > 0 && { seeds }),
      ...(hasPassages(record) && { documents_or_weights: squaresOf(record).map(squareNumbers) }),
      ...(record.judged && { judged_by_model: judgedReport(record) }),
      ...(judged && { verdict: verdictText(judged).trim().replaceAll('\n\n', '\n') }),
    };
    output.result(`${JSON.stringify(report)}\n`);
    return;
  }
  output.result(recordText(record, metrics));
  if (table) output.result(tunedTableText(table));
  if (judged) output.result(verdictText(judged));
  for (const judging of record.judged ?? []) {
    const words = judgedInWords(
      judgedResult(record, judging),
      judging.model.name,
      judgedNames(record, judging),
    );
    output.result(`\n${[words.headline, ...words.evidence].join(' ')}\n`);
  }
}
