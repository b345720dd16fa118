/** `graft evaluate`: methods without tuning and adapters on the same held-out rows, and what that says. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mean } from '../averages.ts';
import { GraftError } from '../errors.ts';
import { baseOf, sidesOf, type Side } from '../evaluate/sides.ts';
import type { Evaluation } from '../evaluate/record.ts';
import { reportFiles, reportOf, type ReportOf, REPORT_PAGE } from '../evaluate/report-files.ts';
import type { MadeAdapter } from '../evaluate/report-page.ts';
import { judgeRecord, type JudgedMethod } from '../evaluate/report.ts';
import { adapter as adapterMethod } from '../evaluate/methods/adapter.ts';
import { adapterFewShot, fewShot } from '../evaluate/methods/few-shot.ts';
import { successOfRecord } from '../evaluate/success.ts';
import { isAnswerScorer } from '../scorers/lists.ts';
import { isComparing, needsOf, type Scorer } from '../scorers/scorer.ts';
import { examplesInWords } from '../evaluate/with-examples.ts';
import { commandWords } from './command-words.ts';
import { askedInWords } from './evaluate-session-rows.ts';
import { openEvalSession, type PlannedEvaluation } from './evaluate-session.ts';
import { encoderFlagsOf } from './evaluate-encoder.ts';
import { evaluateLineage } from './evaluate-lineage.ts';
import {
  chosenMethods,
  chosenMetrics,
  evaluateFlags,
  ASKED_PARTS,
  taskCardOf,
  type EvaluateFlags,
} from './evaluate-flags.ts';
import { recordText, verdictText } from './evaluate-output.ts';
import { openEvaluation } from './evaluate-open.ts';
import { chosenRewards } from './evaluate-rewards.ts';
import { tunedTableText } from './evaluate-table.ts';
import { tunedTable } from '../evaluate/table-report.ts';
import { scoreFolds, scorePredictions } from './evaluate-predictions.ts';
import { EXIT, SIGNALS } from './exit.ts';
import { writeFolder } from './files.ts';
import { plural } from '../numbers.ts';
import { shellLine } from '../text/shell.ts';
import { Flags } from './flags.ts';
import { checkReading } from './file-kinds.ts';
import { lockFolder } from './folder-lock.ts';
import { readLineage } from './lineage.ts';
import { readMetrics } from './metric-flags.ts';
import { checkOutput } from './output-path.ts';
import { claimFiles } from './own-files.ts';
import type { Output } from './output.ts';
import { checkPassageFlags } from './passages.ts';
import { readPaths } from './row-flags.ts';
import { EVALUATION } from './run-folder.ts';

export async function evaluateCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(evaluateFlags, args);
  await readMetrics(flags, 'metrics');
  const predictions = flags.texts('predictions');
  if (predictions.length > 1) return scoreFolds(predictions, flags, output);
  if (predictions.length === 1) return scorePredictions(predictions[0], flags, output);
  const saved = flags.text('open');
  if (saved !== undefined) return openEvaluation(saved, flags, output);
  const lineage = flags.text('lineage');
  if (lineage !== undefined) return evaluateLineage(lineage, flags, output);
  checkPassageFlags(flags, encoderFlagsOf(flags));
  chosenMethods(flags);
  chosenMetrics(flags);
  taskCardOf(flags);
  const out = flags.text('out');
  flags.required('data');
  await checkReading(flags);
  for (const path of flags.texts('adapter')) refuseModel(path);
  if (out === undefined) {
    flags.required('model');
    return evaluate({ args, flags, out, output });
  }
  checkOutput('--out', out, [
    { what: 'the base model', path: flags.required('model') },
    { what: 'the index', path: flags.text('index') },
    { what: 'the encoder', path: flags.text('encoder') },
    ...readPaths(flags),
    ...flags.texts('adapter').map((path) => ({ what: 'the adapter', path })),
    ...flags.texts('tuned').map((path) => ({ what: 'the tuned model', path })),
  ]);
  const release = await lockFolder(out, 'graft evaluate');
  try {
    const used = EVALUATION.find((name) => existsSync(join(out, name)));
    if (used !== undefined && !flags.on('overwrite'))
      throw new GraftError(
        'folder-used',
        `${out} holds an evaluation (${used}), which would be overwritten.`,
        'Choose another folder, or replace what is there with --overwrite.',
      );
    await evaluate({ args, flags, out, output });
  } finally {
    await release();
  }
}

interface Call {
  /** The words after `graft evaluate`. */
  readonly args: readonly string[];
  readonly flags: EvaluateFlags;
  readonly out: string | undefined;
  readonly output: Output;
}

async function evaluate(call: Call): Promise<void> {
  const { flags, out, output } = call;
  const exam = await openEvalSession(flags, flags.choice('split', ASKED_PARTS), output, {
    chosenRewards: await chosenRewards(flags),
  });
  // Nothing is wanted of answers to prompts alone: what compares with a reference has no column.
  const metrics = chosenMetrics(flags).filter(
    (scorer) => !exam.isPrompts || (isAnswerScorer(scorer) && !isComparing(needsOf(scorer))),
  );
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const signal of SIGNALS) process.once(signal, stop);
  const adapters = out === undefined ? [] : await madeAdapters(flags);
  const keep = async (): Promise<void> => {
    if (out === undefined) return;
    await claimFiles(out, EVALUATION, { overwrite: flags.on('overwrite') });
    const about = aboutReport(exam, call, metrics, controller.signal.aborted, adapters);
    const files = Object.entries(reportFiles(exam.record(), about));
    const encoder = new TextEncoder();
    await writeFolder(out, Object.fromEntries(files.map(([name, text]) => [name, encoder.encode(text)])));
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
    output.result(
      `${JSON.stringify(reportOf(exam.record(), aboutReport(exam, call, metrics, controller.signal.aborted, adapters)))}\n`,
    );
  else {
    const record = exam.record();
    const { items, made } = record;
    if (made.draw) output.line(askedInWords(exam.part, items.length, made.draw));
    output.result(recordText(record, metrics));
    const table = tunedTable(record, metrics);
    if (table) output.result(tunedTableText(table));
    if (judged) output.result(verdictText(judged));
    const success = successOfRecord(record);
    if (success) output.result(`\n${success.sentence}\n`);
    for (const text of examplesTexts(record)) output.result(`\n${text}\n`);
  }
  if (out !== undefined)
    output.line(`Wrote ${EVALUATION.slice(0, -1).join(', ')} and ${REPORT_PAGE} to ${resolve(out)}`);
  if (exam.failures.length > 0) {
    const { subjects } = exam.record();
    const failed = subjects.filter((subject) => subject.failed !== undefined || subject.lacks).length;
    const measured = subjects.filter((subject) => subject.failed === undefined).length;
    output.line(
      `${plural(failed, 'method')} failed and ${measured} ${measured === 1 ? 'was' : 'were'} measured: see the list for the reasons.`,
    );
    process.exitCode = EXIT.couldNot;
  }
  if (controller.signal.aborted) {
    output.line('Stopped: what was measured until then is kept.');
    process.exitCode = EXIT.interrupted;
  }
}

/** The effect of examples on each adapter that was asked with and without them, next to their effect on the base model. */
function examplesTexts(record: Evaluation): string[] {
  const whole = (method: string): Side[] => sidesOf(record, method).filter(({ subject }) => !subject.stopped);
  const scoreOf = ({ rewards, right = [] }: Side): number => mean(rewards ?? right.map(Number));
  const baseAlone = baseOf(record);
  const [baseBehind] = whole(fewShot.name);
  if (!baseAlone || baseAlone.subject.stopped || !baseBehind || record.items.length === 0) return [];
  const measured = whole(adapterFewShot.name);
  return measured.flatMap((behind): string[] => {
    const { label, detail } = behind.subject;
    const alone = whole(adapterMethod.name).find(({ subject }) => subject.label === label);
    if (!alone) return [];
    const text = examplesInWords({
      of: behind.rewards ? 'reward' : 'right',
      alone: { base: scoreOf(baseAlone), tuned: scoreOf(alone) },
      shots: detail?.shots?.length ?? 0,
      behind: { base: scoreOf(baseBehind), tuned: scoreOf(behind) },
    });
    return [measured.length > 1 ? `${label}: ${text}` : text];
  });
}

/** How everything tuned was made, as far as its folder says it. */
async function madeAdapters(flags: EvaluateFlags): Promise<MadeAdapter[]> {
  return Promise.all(
    [...flags.texts('adapter'), ...flags.texts('tuned')].map(async (name) => {
      // A file that says nothing of use takes nothing else from the report.
      const stage = await readLineage(name).catch(() => undefined);
      const { recipe, made, steps, trainRows } = stage ?? {};
      return {
        name,
        ...(recipe && { recipe }),
        ...(made && { made }),
        ...(steps !== undefined && { steps }),
        ...(trainRows !== undefined && { trainRows }),
      };
    }),
  );
}

/** Rows of training get no verdict. */
function judgedOf({ part, record }: PlannedEvaluation): JudgedMethod | undefined {
  return part === 'train' || part === 'validation' ? undefined : judgeRecord(record());
}

/** What a report says besides the record. */
function aboutReport(
  exam: PlannedEvaluation,
  { args, flags }: Call,
  metrics: readonly Scorer[],
  stopped: boolean,
  adapters: readonly MadeAdapter[],
): ReportOf {
  const { part, files, leaks, partRows } = exam;
  return {
    inputs: {
      model: flags.required('model'),
      adapters: flags.texts('adapter'),
      ...(flags.isGiven('tuned') && { tuned: flags.texts('tuned') }),
      data: { files, split: part, rows: partRows, leaks },
    },
    ...{ metrics, part, adapters, stopped, judged: judgedOf(exam) },
    command: shellLine([...commandWords(), 'evaluate', ...args]),
  };
}

/** @throws GraftError `arguments` for the folder of a model in the place of an adapter */
function refuseModel(path: string): void {
  const has = (name: string): boolean => existsSync(join(path, name));
  if (has('config.json') && !has('adapter_config.json'))
    throw new GraftError(
      'arguments',
      `${path} is the folder of a model, but --adapter takes adapters.`,
      `If full fine-tuning of this base made it, give it as --tuned ${path}.`,
    );
}
