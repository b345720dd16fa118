/** The rows and models of an evaluation, as a plan of the one runner. */
import { setImmediate } from 'node:timers/promises';
import type { HeldRows } from '../data/open-rows.ts';
import { isUsed } from '../data/parts.ts';
import { messageOf } from '../errors.ts';
import { chosenFrom, choicesFrom, withChoices } from '../evaluate/choices.ts';
import { drawAmong, DrawnFrom } from '../evaluate/draw.ts';
import { instructed } from '../evaluate/methods/instructed.ts';
import type { Evaluation, Item } from '../evaluate/record.ts';
import { runEvaluation, type EvaluationPlan, type SubjectPlan } from '../evaluate/run-evaluation.ts';
import { originOfRow } from '../data/row-columns.ts';
import { chosenScorers, openRewardScorer } from '../evaluate/score-answers.ts';
import { isHeld, itemOf } from '../lists.ts';
import { readModel } from '../model/family.ts';
import { REFUSAL } from '../retrieval/passages-template.ts';
import { plural } from '../numbers.ts';
import { defaultSpec } from '../settings/spec.ts';
import {
  askedRowCount,
  askedExamples,
  askedInstruction,
  askedShots,
  chosenMetrics,
  LOSS_ROWS,
  taskCardOf,
  type EvaluateFlags,
} from './evaluate-flags.ts';
import type { ChosenRewards } from './evaluate-rewards.ts';
import { modelOf } from './files.ts';
import {
  answeredQuestion,
  checkPrompts,
  methodLeftOutInWords,
  noRows,
  questionPairs,
  measuredPart,
  promptQuestion,
  questionsIn,
  reservedRows,
  whoInWords,
  type AskedPart,
} from './evaluate-session-rows.ts';
import { openExampleEncoder } from './evaluate-encoder.ts';
import { openPassages } from './evaluate-passages.ts';
import { openSubjects } from './evaluate-subjects.ts';
import type { Output } from './output.ts';
import { reportData } from './report-data.ts';
import { tellRewardFailures } from './reward-flags.ts';
import { startSandbox } from './sandbox.ts';
import { openSession, requiredTokenizer, type LoadedModel } from './session.ts';
import { openRows } from './open-rows.ts';
import { rowsWith } from './placed-rows.ts';
import { readAskedRows } from './row-flags.ts';
import { checkLength } from './train-flags.ts';
import { version } from './version.ts';

export interface PlannedEvaluation {
  readonly part: AskedPart;
  readonly files: readonly string[];
  /** Rows of the part, including those without a question. */
  readonly partRows: number;
  /** Rows for validation or test that are trained on, too. */
  readonly leaks: number;
  /** Whether all rows of the part are prompts alone, whose answers only rewards can score. */
  readonly isPrompts: boolean;
  /** Whether answers are scored by rewards. */
  readonly isRewarded: boolean;
  /** How many pairs of answers the measured rows have; 0 if they are of another kind. */
  readonly pairs: number;
  /** What was measured so far. */
  readonly record: () => Evaluation;
  /** Errors of methods, and of their parts, that could not be measured. They take no other method with them. */
  readonly failures: readonly Error[];
  /** Yields after each method. Ends early when the signal is aborted; the record then has the answers so far. */
  measure(signal: AbortSignal): AsyncGenerator<void>;
  /** Closes the rewards, and reports which failed. */
  close(): void;
}

/** Rows between two pauses for other work of the process. */
const ROWS_BETWEEN = 64;

/** Optional inputs of an evaluation next to its flags. */
interface More {
  /** A model that is open already. */
  readonly opened?: LoadedModel;
  readonly chosenRewards?: ChosenRewards | undefined;
  /** Whether nothing is answered if rows are pairs: they are compared by their likelihoods. */
  readonly comparesPairs?: boolean;
  /** The most that is held of a file. */
  readonly held?: HeldRows;
}

/**
 * @param askedPart the part that is measured; without one the test rows, or all if none are held out
 * @throws GraftError `evaluate-rows`, `delta-base` for a tuned model of another base, and those of reading data and opening models
 */
export async function openEvalSession(
  flags: EvaluateFlags,
  askedPart: AskedPart | undefined,
  output: Output,
  { opened, chosenRewards, comparesPairs = false, held }: More = {},
): Promise<PlannedEvaluation> {
  const { seed: usual, maxLength: limit } = defaultSpec();
  const seed = flags.integer('seed') ?? flags.integer('split-seed') ?? usual;
  const files = readAskedRows(flags, seed);
  const choices = flags.text('choices');
  const from = choices === undefined ? undefined : choicesFrom(choices);
  const metrics = chosenMetrics(flags);
  const rowCount = askedRowCount(flags);
  const lossOf = flags.choice('loss-rows', LOSS_ROWS) ?? 'asked';
  // Checked before gigabytes of weights are loaded.
  const modelFiles = await modelOf(flags.required('model'));
  const { shape } = await readModel(modelFiles);
  const tokenizer = await requiredTokenizer(modelFiles);
  const asked = flags.integer('max-length', 2);
  if (asked !== undefined) checkLength(asked, shape);
  const maxLength = Math.min(asked ?? limit, shape.maxPositions);
  const limits = { maxLength, vocabSize: shape.vocabulary, now: new Date() };
  const { all, report } = await openRows(files, tokenizer, limits, output, {
    // Rewards, metrics and choices may read columns that rows do not use, rows may name the passages that answer them, and a source is one.
    keepsColumns: true,
    ...(flags.isGiven('index') && { unanswered: REFUSAL }),
    mayTake: true,
    ...(held && { held }),
  });
  reportData(output, report);
  const chat = tokenizer.chatTemplate !== undefined;
  const template = tokenizer.chatTemplate ?? false;
  const part = measuredPart(flags, all, askedPart);
  if (part !== askedPart && part === 'all')
    output.line('No rows are held out as test rows: all of --data is measured, as with --split all.');
  const measured = rowsWith(all, (fate) =>
    part === 'all' ? isUsed(fate) || fate === 'capped' : fate === part,
  );
  if (measured.length === 0) throw noRows(part);
  // Rows of a large file are of kinds that go together.
  const isPrompts = (isHeld(measured) ? measured : [itemOf(measured, 0)]).every(
    ({ example }) => example?.kind === 'prompt',
  );
  if (isPrompts) checkPrompts(chosenRewards);
  const training = rowsWith(all, (fate) => (part === 'test' || part === 'validation') && fate === 'train');
  output.progress('Reading the questions', true);
  const train = questionPairs(training, answeredQuestion(template));
  const reserve = isPrompts ? undefined : reservedRows(flags, part, chosenRewards?.learned);
  const drawnFrom = new DrawnFrom(tokenizer, { mayReserve: reserve !== undefined });
  const test = questionPairs(
    measured,
    isPrompts ? promptQuestion(chat) : answeredQuestion(template),
    (question) => drawnFrom.add(question),
  );
  output.clear();
  const drawn = drawAmong(
    drawnFrom,
    (at) => itemOf(test, at).question,
    { rows: rowCount, seed, reserve: reserve?.of(test.length) },
    tokenizer,
    shape.maxPositions,
  );
  const reserved = drawn.reserved?.examples.map((at) => itemOf(test, at));
  const kept = new Set(Array.from(drawn.reserved?.kept ?? [], (at) => itemOf(test, at).row));
  const left = kept.size === 0 ? measured : rowsWith(measured, (_, row) => !kept.has(row));
  const rows = withChoices(
    drawn.chosen.map((at) => itemOf(test, at)),
    questionsIn(train, test),
    from,
  );
  const session = opened ?? (await openSession(flags, output, { files: modelFiles }));
  const passages = await openPassages(flags, output, session);
  const encoder = await openExampleEncoder(flags, output, session.device);
  let label = '';
  const { subjects, pairs } = await openSubjects(
    {
      ...{
        flags,
        part,
        session,
        tokenizer,
        files,
        limits,
        all,
        measured,
        left,
        test,
        drawn,
        lossOf,
      },
      ...{ rowCount, seed, chosenRewards, isPrompts, trainRows: train.length, reserved },
      report: (text) => output.progress(`${label}: ${text}`),
    },
    output,
  );
  const groupedBy = files.options.fair?.group;
  const chosenAs = from && chosenFrom(from, rows);
  const items = rows.map(({ question, example, row }): Item => {
    const { prompt, expected, task, choices: own } = question;
    return {
      ...{ row, line: example.line, prompt, expected },
      ...(task !== undefined && { task }),
      ...originOfRow(example, groupedBy),
      ...(own && !chosenAs?.texts && { choices: own.texts }),
    };
  });
  const rewards =
    chosenRewards &&
    (await openRewardScorer(chosenRewards.specs, tokenizer, { where: '--reward', startSandbox }));
  const chosen = chosenScorers(metrics, tokenizer, { isPrompts, startSandbox });
  const isSilent = comparesPairs && pairs > 0;
  const start = Date.now();
  const task = taskCardOf(flags);
  const made = {
    ...{ time: start, graft: version(), ...(task && { task }) },
    model: { name: modelFiles.name, bundled: false },
    data: { name: report.files.map((file) => file.name).join(', ') },
    draw: {
      ...{ ...drawn.draw, test: left.length },
      ...(reserved && {
        reserved: {
          examples: reserved.map(({ row, example }) => ({ row, line: example.line })),
          copies: kept.size - reserved.length,
        },
      }),
    },
    newTokens: drawn.newTokens,
    ...(groupedBy !== undefined && { groupedBy }),
    ...(chosenAs && { choices: chosenAs }),
    ...(chosenRewards?.given && { rewards: chosenRewards.specs }),
  };
  const failures: Error[] = [];
  let record: Evaluation | undefined;

  async function* measure(signal: AbortSignal): AsyncGenerator<void> {
    const plan: EvaluationPlan = {
      ...{ made, items, train, reserved, subjects, rewards, chosen, isPrompts, seed, passages },
      asked: rows,
      shots: askedShots(flags)[0],
      examples: askedExamples(flags),
      encoder,
      instruction: askedInstruction(flags, train, [...rows, ...(reserved ?? [])]),
      measures: { answers: !isSilent },
      async each(rows, work) {
        for (const [at, row] of rows.entries()) {
          work(row);
          if (at % ROWS_BETWEEN !== 0) continue;
          output.progress(`${label}: ${at} of ${rows.length} rows`);
          await setImmediate();
          signal.throwIfAborted();
        }
      },
    };
    const nameOf = ({ method, subject }: SubjectPlan): string => whoInWords(method.name, subject.label);
    const run = runEvaluation(plan, {
      signal,
      begins(one) {
        label = nameOf(one);
        output.progress(`${label}: ${plural(items.length, 'row')}`, true);
      },
      leftOut: ({ method }, why) =>
        output.line(
          why !== undefined
            ? `${method.title}: left out. ${why}`
            : method.term === instructed.term
              ? `${method.title}: left out, since nothing is known of the task. Give --task or --instruction.`
              : methodLeftOutInWords(method.title, part, train.length),
        ),
      failed(one, error, failedPart) {
        failures.push(error instanceof Error ? error : new Error(messageOf(error)));
        output.line(
          `${nameOf(one)}: ${failedPart === undefined ? 'failed' : `${failedPart} failed`}. ${messageOf(error)}`,
        );
      },
    });
    for await (const now of run) {
      record = { ...now, made: { ...made, seconds: (Date.now() - start) / 1000 } };
      yield;
    }
  }
  return {
    part,
    files: report.files.map((file) => file.name),
    partRows: measured.length,
    leaks: report.leaks.length,
    isPrompts,
    isRewarded: rewards !== undefined,
    pairs,
    record: () => record!,
    failures,
    measure,
    close() {
      passages?.close();
      encoder?.close();
      if (!rewards) return;
      tellRewardFailures(rewards.rewards, output);
      rewards.rewards.close();
    },
  };
}
