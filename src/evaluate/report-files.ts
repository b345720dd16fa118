/** The files of an evaluation: predictions, the report for other tools and as a page, and the record itself. The command writes them to a folder, the page into a zip. */
import { blindReport } from './blind.ts';
import { clustersOf } from './clusters.ts';
import { judgedReport } from './judged.ts';
import { scorerSpecOf } from '../scorers/chosen.ts';
import { isAnswerScorer } from '../scorers/lists.ts';
import { isComparing, needsOf, type Scorer } from '../scorers/scorer.ts';
import { scorersOf } from './columns.ts';
import { squareNumbers, squaresOf } from './documents-weights.ts';
import { hasPassages } from './grounding.ts';
import type { Evaluation, ReservedExamples } from './record.ts';
import { EVALUATION_FILE, evaluationFile } from './record-file.ts';
import { judgeRecord, methodReports, predictionsOf, seedsReport, type JudgedMethod } from './report.ts';
import { reportPage, type AboutReport } from './report-page.ts';
import { reservedInWords } from './rows-in-words.ts';
import { successOfRecord } from './success.ts';
import { tableReport, tunedTable } from './table-report.ts';

export const PREDICTIONS = 'predictions.jsonl';
export const REPORT = 'report.json';
export const REPORT_PAGE = 'report.html';

/** What a report says besides the record. */
export interface ReportOf extends AboutReport {
  /** The model, the adapters and the files, as the caller names them. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly stopped: boolean;
}

/** A verdict as plain text: its sentences, with an empty line between them. */
export const verdictTexts = ({ verdict: { before, number, after, how, caution } }: JudgedMethod): string[] =>
  [`${before}${number}${after}`, how, caution].filter((text) => text !== '');

/** Several seeds of one recipe as one method; nothing if there are none. */
function seedsPart(record: Evaluation, metrics: readonly Scorer[]): { readonly seeds?: object[] } {
  const seeds = seedsReport(record, metrics);
  return seeds.length > 0 ? { seeds } : {};
}

/** The metrics with settings; nothing without any. */
export function settingsReport(metrics: readonly Scorer[]): { readonly metrics?: readonly object[] } {
  const own = metrics.flatMap((metric) => {
    const spec = scorerSpecOf(metric);
    return spec ? [{ name: metric.name, scorer: spec }] : [];
  });
  return own.length > 0 ? { metrics: own } : {};
}

const groupsOf = (record: Evaluation): number =>
  clustersOf(record, record.items.length)?.length ?? record.items.length;

const reservedReport = (reserved: ReservedExamples): object => ({
  rows: reserved.examples.length,
  lines: reserved.examples.map(({ line }) => line),
  same_prompt: reserved.copies,
  why: reservedInWords(reserved),
});

/** The content of report.json, without the record. */
export function reportOf(record: Evaluation, { inputs, metrics, judged, stopped }: ReportOf): object {
  const { items, made } = record;
  const table = tunedTable(record, metrics);
  const success = successOfRecord(record);
  const blind = blindReport(record);
  const byModel = judgedReport(record);
  return {
    ...inputs,
    draw: {
      seed: made.draw?.seed,
      asked: items.length,
      of: made.draw?.of,
      too_long: made.draw?.tooLong,
      labels: made.draw?.labels,
      ...(made.draw?.reserved && { reserved: reservedReport(made.draw.reserved) }),
    },
    ...(made.choices && { choices: made.choices }),
    ...settingsReport(metrics),
    methods: methodReports(record, metrics),
    ...(table && { table: tableReport(table) }),
    comparisons: judged?.comparisons ?? [],
    ...seedsPart(record, metrics),
    ...(made.groupedBy !== undefined && { grouped_by: made.groupedBy, groups: groupsOf(record) }),
    ...(hasPassages(record) && { documents_or_weights: squaresOf(record).map(squareNumbers) }),
    ...(judged && { verdict: verdictTexts(judged).join('\n') }),
    ...(success && { success }),
    ...(blind.length > 0 && { blind }),
    ...(byModel.length > 0 && { judged_by_model: byModel }),
    stopped,
  };
}

/** The four files by their names. report.json holds the record as well, so that it opens without the others. */
export function reportFiles(record: Evaluation, of: ReportOf): Readonly<Record<string, string>> {
  const lines = predictionsOf(record, of.metrics).map((line) => `${JSON.stringify(line)}\n`);
  return {
    [PREDICTIONS]: lines.join(''),
    [REPORT]: `${JSON.stringify({ ...reportOf(record, of), evaluation: record }, null, 2)}\n`,
    [EVALUATION_FILE]: evaluationFile(record),
    [REPORT_PAGE]: reportPage(record, of),
  };
}

/** The same of what the page measured or opened: with the metrics of its table. @param adapters how they were made, as far as the page knows */
export function pageReportFiles(
  record: Evaluation,
  adapters: AboutReport['adapters'],
): Readonly<Record<string, string>> {
  const isPrompts = record.items.length > 0 && record.items.every(({ expected }) => expected === '');
  const metrics = scorersOf(record).filter(
    (scorer: Scorer) => !isPrompts || (isAnswerScorer(scorer) && !isComparing(needsOf(scorer))),
  );
  return reportFiles(record, {
    inputs: {
      model: record.made.model.name,
      adapters: record.subjects.flatMap(({ adapter }) => (adapter ? [adapter.name] : [])),
      data: {
        files: record.made.data ? [record.made.data.name] : [],
        split: record.made.folds === undefined ? 'test' : 'folds',
      },
    },
    ...{ metrics, judged: judgeRecord(record), part: 'test', adapters, stopped: false },
    command: 'measured in the page',
  });
}
