/** `graft evaluate --lineage DIR`: every stage that led to an adapter, on the test rows of every stage. */
import { basename } from 'node:path';
import {
  forgottenAt,
  pairsNote,
  type LineageReport,
  type StageRow,
  type StageScore,
} from '../evaluate/lineage.ts';
import { base } from '../evaluate/methods/base.ts';
import { exactMatch } from '../evaluate/metrics/exact-match.ts';
import { answerScores } from '../evaluate/metrics/scores.ts';
import type { MethodResult } from '../evaluate/report.ts';
import { GraftError } from '../errors.ts';
import { threeDigits } from '../numbers.ts';
import { openExam } from './evaluate-exam.ts';
import { evaluateFlags, type EvaluateFlags } from './evaluate-flags.ts';
import { textTable } from './evaluate-output.ts';
import { modelOf } from './files.ts';
import { Flags } from './flags.ts';
import { lineOf, rowFlagsOf } from './lineage.ts';
import type { Output } from './output.ts';
import { openSession } from './session.ts';

/** Flags that hold for every stage alike. */
const PASSED = ['rows', 'seed', 'loss-rows', 'device', 'threads', 'precision', 'base-weights'] as const;

/** @throws GraftError `arguments`, `lineage`, and those of an evaluation */
export async function evaluateLineage(folder: string, flags: EvaluateFlags, output: Output): Promise<void> {
  const odd = (['data', 'adapter', 'out', 'methods'] as const).find((name) => flags.isGiven(name));
  if (odd)
    throw new GraftError(
      'arguments',
      `--lineage finds adapters and rows by itself, and --${odd} is given.`,
      'Leave one of them out; --json prints the report.',
    );
  const model = flags.required('model');
  const line = await lineOf(folder);
  const session = await openSession(flags, output, { files: await modelOf(model) });
  const rows: StageRow[] = [];
  for (const [stage, one] of line.entries()) {
    const own = one.folder;
    output.line(`Stage ${stage + 1} of ${line.length}: ${own}`);
    const args = [
      `--model=${model}`,
      ...rowFlagsOf(one),
      ...line.flatMap((other) => ['--adapter', other.folder]),
      '--methods=base,adapter',
      ...PASSED.flatMap((name) => (flags.text(name) === undefined ? [] : [`--${name}=${flags.text(name)}`])),
    ];
    const exam = await openExam(new Flags(evaluateFlags, args), 'test', output, { opened: session }).catch(
      (error: unknown) => {
        if (error instanceof GraftError && error.code === 'evaluate-rows') return undefined;
        throw error;
      },
    );
    if (!exam) {
      output.line('  It held no rows out, so it has no test of its own');
      continue;
    }
    for await (const _ of exam.measure(new AbortController().signal)) output.clear();
    const expected = exam.rows.map((row) => row.expected);
    const scoreOf = ({ answers, loss }: MethodResult): StageScore => ({
      ...(expected.length > 0 && {
        right: answerScores(exactMatch, expected, answers).filter((score) => score === 1).length,
      }),
      ...(loss && { loss }),
    });
    const untuned = exam.results.find(({ method }) => method === base);
    rows.push({
      name: basename(own),
      stage,
      rows: expected.length,
      ...(exam.isPairs && { pairs: true }),
      base: untuned ? scoreOf(untuned) : {},
      scores: exam.results.filter(({ adapter }) => adapter !== undefined).map(scoreOf),
    });
  }
  const report: LineageReport = { stages: line.map((stage) => basename(stage.folder)), rows };
  output.result(flags.on('json') ? `${JSON.stringify(report)}\n` : matrix(report));
}

function matrix(report: LineageReport): string {
  const { stages, rows } = report;
  const note = pairsNote(report);
  const last = stages.length - 1;
  const cell = ({ right, loss }: StageScore, of: number): string =>
    [right === undefined ? '' : `${right} of ${of}`, loss ? `perplexity ${threeDigits(loss.perplexity)}` : '']
      .filter((part) => part !== '')
      .join(', ') || '–';
  const table = textTable(
    ['test rows of', 'base', ...stages, 'forgotten'],
    rows.map((row) => {
      const forgotten = forgottenAt(row, last);
      const lost = [
        (forgotten?.right ?? 0) > 0 ? `${forgotten?.right} answers` : '',
        (forgotten?.loss ?? 0) > 0 ? `${(forgotten?.loss ?? 0).toFixed(3)} nats` : '',
      ].filter((part) => part !== '');
      return [
        row.name,
        cell(row.base, row.rows),
        ...row.scores.map((score) => cell(score, row.rows)),
        row.stage === last ? '–' : lost.join(', ') || 'nothing',
      ];
    }),
  );
  return note ? `${table}${note}\n` : table;
}
