/** `graft evaluate --lineage DIR`: every stage that led to an adapter, on the test rows of every stage. */
import { basename } from 'node:path';
import {
  fallInWords,
  forgottenAt,
  isReference,
  measureInWords,
  scoreValue,
  type LineageReport,
  type StageMeasure,
  type StageRow,
  type StageScore,
} from '../evaluate/lineage.ts';
import { stageRows } from '../evaluate/stage-rows.ts';
import { GraftError } from '../errors.ts';
import { threeDigits } from '../numbers.ts';
import { openEvalSession } from './evaluate-session.ts';
import { evaluateFlags, type EvaluateFlags } from './evaluate-flags.ts';
import { textTable } from './evaluate-output.ts';
import { modelOf } from './files.ts';
import { Flags } from './flags.ts';
import { lineOf, rewardsOfAdapter, rowFlagsOf, type StageOfCall } from './lineage.ts';
import type { Output } from './output.ts';
import { modelFlags, openSession } from './session.ts';

/** Flags that hold for every stage alike. */
const PASSED = [
  'rows',
  'seed',
  'loss-rows',
  'device',
  'threads',
  'kernels',
  'precision',
  'base-weights',
] as const;

/** All that a call with `--lineage` may have. */
const KNOWN: ReadonlySet<string> = new Set([...PASSED, ...Object.keys(modelFlags), 'lineage', 'json']);
const FLAGS = Object.keys(evaluateFlags) as readonly (keyof typeof evaluateFlags)[];

/** @throws GraftError `arguments`, `lineage`, and those of an evaluation */
export async function evaluateLineage(folder: string, flags: EvaluateFlags, output: Output): Promise<void> {
  const odd = FLAGS.find((name) => flags.isGiven(name) && !KNOWN.has(name));
  if (odd)
    throw new GraftError(
      'arguments',
      `--lineage finds adapters, rows and how they are measured by itself, and --${odd} is given.`,
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
    const specs = await rewardsOfAdapter(own);
    const exam = await openEvalSession(new Flags(evaluateFlags, args), 'test', output, {
      opened: session,
      comparesPairs: true,
      ...(specs && { chosenRewards: { specs, learned: false, given: false } }),
    }).catch((error: unknown) => {
      if (error instanceof GraftError && error.code === 'evaluate-rows') return undefined;
      throw error;
    });
    if (!exam) {
      output.line('  It held no rows out, so it has no test of its own');
      continue;
    }
    for await (const _ of exam.measure(new AbortController().signal)) output.clear();
    exam.close();
    // A matrix compares stages: one without a number would be read as none.
    const [failed] = exam.failures;
    if (failed) throw failed;
    const measure: StageMeasure = exam.isRewarded ? 'rewards' : exam.pairs > 0 ? 'pairs' : 'answers';
    const reference = measure === 'pairs' ? referenceAt(line, stage) : undefined;
    rows.push(...stageRows(exam.record(), { name: basename(own), stage, measure, reference }));
  }
  const report: LineageReport = { stages: line.map((stage) => basename(stage.folder)), rows };
  output.result(flags.on('json') ? `${JSON.stringify(report)}\n` : matrix(report));
}

/** The index of the stage that pairs of a stage are compared with, −1 for the base; undefined if the objective has no reference, or it is gone. */
function referenceAt(line: readonly StageOfCall[], stage: number): number | undefined {
  const { reference } = line[stage];
  if (reference === 'base') return -1;
  return reference === 'start' && stage > 0 ? stage - 1 : undefined;
}

function matrix(report: LineageReport): string {
  const { stages, rows } = report;
  const last = stages.length - 1;
  const cell = (row: StageRow, score: StageScore, at: number): string => {
    const value = scoreValue(row, score);
    const shown =
      value === undefined
        ? isReference(row, at)
          ? 'the reference'
          : ''
        : row.measure === 'rewards'
          ? threeDigits(value)
          : `${score.right} of ${row.rows}`;
    return (
      [shown, score.loss ? `perplexity ${threeDigits(score.loss.perplexity)}` : '']
        .filter((part) => part !== '')
        .join(', ') || '–'
    );
  };
  return textTable(
    ['test rows of', 'measured by', 'base', ...stages, 'forgotten'],
    rows.map((row) => {
      const forgotten = forgottenAt(row, last);
      return [
        row.name,
        measureInWords(row, stages),
        cell(row, row.base, -1),
        ...row.scores.map((score, at) => cell(row, score, at)),
        forgotten ? fallInWords(row, forgotten).words || 'nothing' : '–',
      ];
    }),
  );
}
