/** `graft evaluate`: methods without tuning and adapters on the same held-out rows, and what that says. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import {
  failureReport,
  judgeResults,
  meanOf,
  methodReport,
  predictionsOf,
  type Judged,
  type MethodResult,
} from '../evaluate/report.ts';
import { adapter as adapterMethod } from '../evaluate/methods/adapter.ts';
import { base } from '../evaluate/methods/base.ts';
import { adapterFewShot, fewShot } from '../evaluate/methods/few-shot.ts';
import type { Method } from '../evaluate/methods/method.ts';
import { isExactMatch } from '../evaluate/metrics/exact-match.ts';
import type { Metric } from '../evaluate/metrics/metric.ts';
import { examplesInWords } from '../evaluate/with-examples.ts';
import { openExam, type OpenExam } from './evaluate-exam.ts';
import { askedInWords } from './evaluate-exam-rows.ts';
import { evaluateLineage } from './evaluate-lineage.ts';
import { chosenMethods, chosenMetrics, evaluateFlags, PARTS, type EvaluateFlags } from './evaluate-flags.ts';
import { failureLines, resultTable, rewardTable, taskTables, verdictText } from './evaluate-output.ts';
import { chosenRewards } from './evaluate-rewards.ts';
import { tableReport, tunedTable, tunedTableText } from './evaluate-table.ts';
import { scorePredictions } from './evaluate-predictions.ts';
import { EXIT } from './exit.ts';
import { writeFolder } from './files.ts';
import { plural } from '../numbers.ts';
import { Flags } from './flags.ts';
import { checkReading } from './file-kinds.ts';
import { lockFolder } from './folder-lock.ts';
import { checkOutput } from './output-path.ts';
import { claimFiles } from './own-files.ts';
import type { Output } from './output.ts';
import { readPaths } from './row-flags.ts';
import { PREDICTIONS, REPORT } from './run-folder.ts';

/** Ctrl-C, a polite kill, and a terminal that was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export async function evaluateCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(evaluateFlags, args);
  const predictions = flags.text('predictions');
  if (predictions !== undefined) return scorePredictions(predictions, flags, output);
  const lineage = flags.text('lineage');
  if (lineage !== undefined) return evaluateLineage(lineage, flags, output);
  chosenMethods(flags);
  chosenMetrics(flags);
  const out = flags.text('out');
  flags.required('data');
  await checkReading(flags);
  for (const path of flags.texts('adapter')) refuseModel(path);
  if (out === undefined) {
    flags.required('model');
    return evaluate(flags, undefined, output);
  }
  checkOutput('--out', out, [
    { what: 'the base model', path: flags.required('model') },
    ...readPaths(flags),
    ...flags.texts('adapter').map((path) => ({ what: 'the adapter', path })),
    ...flags.texts('tuned').map((path) => ({ what: 'the tuned model', path })),
  ]);
  const release = await lockFolder(out, 'graft evaluate');
  try {
    const used = [PREDICTIONS, REPORT].find((name) => existsSync(join(out, name)));
    if (used !== undefined && !flags.on('overwrite'))
      throw new GraftError(
        'folder-used',
        `${out} holds an evaluation (${used}), which would be overwritten.`,
        'Choose another folder, or replace what is there with --overwrite.',
      );
    await evaluate(flags, out, output);
  } finally {
    await release();
  }
}

async function evaluate(flags: EvaluateFlags, out: string | undefined, output: Output): Promise<void> {
  const part = flags.choice('split', PARTS) ?? 'test';
  const exam = await openExam(flags, part, output, { chosenRewards: await chosenRewards(flags) });
  // Nothing is wanted of answers to prompts alone: rewards score them.
  const metrics = exam.isPrompts ? [] : chosenMetrics(flags);
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const signal of SIGNALS) process.once(signal, stop);
  const keep = async (): Promise<void> => {
    if (out === undefined) return;
    await claimFiles(out, [PREDICTIONS, REPORT], { overwrite: flags.on('overwrite') });
    await writeFolder(out, filesOf(exam, flags, metrics, controller.signal.aborted));
  };
  try {
    for await (const _ of exam.measure(controller.signal)) await keep();
    await keep();
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    output.clear();
    exam.close();
  }
  const judged = judgedOf(exam);
  if (flags.on('json'))
    output.result(`${JSON.stringify(reportOf(exam, flags, metrics, controller.signal.aborted))}\n`);
  else {
    const { rows, results, failures, draw } = exam;
    output.line(askedInWords(part, rows.length, draw));
    output.result(
      resultTable(results, rows, metrics) +
        failureLines(failures) +
        rewardTable(results) +
        taskTables(results, rows, metrics),
    );
    const table = tunedTable(results, rows, draw, metrics);
    if (table) output.result(tunedTableText(table));
    if (judged) output.result(verdictText(judged));
    for (const text of examplesTexts(exam)) output.result(`\n${text}\n`);
  }
  if (out !== undefined) output.line(`Wrote ${PREDICTIONS} and ${REPORT} to ${resolve(out)}`);
  if (exam.failures.length > 0) {
    output.line(
      `${plural(exam.failures.length, 'method')} failed and ${exam.results.length} ${exam.results.length === 1 ? 'was' : 'were'} measured: see the list for the reasons.`,
    );
    process.exitCode = EXIT.couldNot;
  }
  if (controller.signal.aborted) {
    output.line('Stopped: what was measured until then is kept.');
    process.exitCode = EXIT.interrupted;
  }
}

/** The effect of examples on each adapter that was asked with and without them, beside their effect on the base model. */
function examplesTexts({ results, rows }: OpenExam): string[] {
  const whole = results.filter(({ stopped }) => !stopped);
  const of = (method: Method, adapter?: string): MethodResult | undefined =>
    whole.find((result) => result.method === method && result.adapter === adapter);
  const scoreOf = ({ rewards, answers }: MethodResult): number =>
    meanOf(rewards ?? rows.map(({ expected }, at) => Number(isExactMatch(answers[at], expected))));
  const [baseAlone, baseBehind] = [of(base), of(fewShot)];
  if (!baseAlone || !baseBehind || rows.length === 0) return [];
  const measured = whole.filter(({ method }) => method === adapterFewShot);
  return measured.flatMap((behind): string[] => {
    const { adapter, detail, rewards } = behind;
    const alone = of(adapterMethod, adapter);
    if (!alone) return [];
    const text = examplesInWords({
      of: rewards ? 'reward' : 'right',
      alone: { base: scoreOf(baseAlone), tuned: scoreOf(alone) },
      shots: detail?.shots?.length ?? 0,
      behind: { base: scoreOf(baseBehind), tuned: scoreOf(behind) },
    });
    return [measured.length > 1 ? `${adapter}: ${text}` : text];
  });
}

/** Rows of training get no verdict. */
function judgedOf({ part, rows, results, draw }: OpenExam): Judged | undefined {
  return part === 'train' || part === 'validation' ? undefined : judgeResults(rows, results, draw);
}

function reportOf(
  exam: OpenExam,
  flags: EvaluateFlags,
  metrics: readonly Metric[],
  stopped: boolean,
): object {
  const { part, rows, results, failures, draw, files, leaks, partRows } = exam;
  const judged = judgedOf(exam);
  const table = tunedTable(results, rows, draw, metrics);
  return {
    model: flags.required('model'),
    adapters: flags.texts('adapter'),
    ...(flags.isGiven('tuned') && { tuned: flags.texts('tuned') }),
    data: { files, split: part, rows: partRows, leaks },
    draw: { seed: draw.seed, asked: rows.length, of: draw.of, too_long: draw.tooLong, labels: draw.labels },
    methods: [
      ...results.map((result) => methodReport(result, rows, metrics)),
      ...failures.map(failureReport),
    ],
    ...(table && { table: tableReport(table) }),
    comparisons: judged?.comparisons ?? [],
    ...(judged && { verdict: verdictText(judged).trim().replaceAll('\n\n', '\n') }),
    stopped,
  };
}

function filesOf(
  exam: OpenExam,
  flags: EvaluateFlags,
  metrics: readonly Metric[],
  stopped: boolean,
): Record<string, Uint8Array> {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const lines = predictionsOf(exam.rows, exam.results, metrics).map((line) => `${JSON.stringify(line)}\n`);
  return {
    [PREDICTIONS]: encode(lines.join('')),
    [REPORT]: encode(`${JSON.stringify(reportOf(exam, flags, metrics, stopped), null, 2)}\n`),
  };
}

/** @throws GraftError `arguments` for the folder of a model in the place of an adapter */
function refuseModel(path: string): void {
  const has = (name: string): boolean => existsSync(join(path, name));
  if (has('config.json') && !has('adapter_config.json'))
    throw new GraftError(
      'arguments',
      `${path} is the folder of a model, and --adapter takes adapters.`,
      `Give it as --tuned ${path} if a run of all weights of this base left it.`,
    );
}
