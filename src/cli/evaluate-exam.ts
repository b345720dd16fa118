/** The rows and models of an evaluation, and the methods that answer one after the other. */
import { setImmediate } from 'node:timers/promises';
import { isUsed } from '../data/parts.ts';
import { prepareRows, type PreparedRow } from '../data/prepare.ts';
import { GraftError, messageOf } from '../errors.ts';
import type { Draw, Seen } from '../evaluate/comparison.ts';
import { drawQuestions, drawRows } from '../evaluate/draw.ts';
import { ModelExaminee } from '../evaluate/examinee.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import { base } from '../evaluate/methods/base.ts';
import { adapter as adapterMethod } from '../evaluate/methods/adapter.ts';
import { adapterFewShot, fewShot } from '../evaluate/methods/few-shot.ts';
import type { AskedQuestion, Exam, Method } from '../evaluate/methods/method.ts';
import { drawPairs, pairLikelihoods, pairRowsOf } from '../evaluate/pairs.ts';
import type { Forgetting } from '../evaluate/forgetting.ts';
import type { AskedRow, MethodFailure, MethodResult } from '../evaluate/report.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { readModel } from '../model/family.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { plural } from '../numbers.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { openAdapterWithFacts, type OpenedAdapter } from './adapter-facts.ts';
import { askedRows, askedShots, chosenMethods, LOSS_ROWS, type EvaluateFlags } from './evaluate-flags.ts';
import { openAnswerRewards, type ChosenRewards } from './evaluate-rewards.ts';
import { seenByFolder } from './evaluate-seen.ts';
import { modelOf } from './files.ts';
import { otherBase } from './lineage.ts';
import {
  checkPrompts,
  leftOutInWords,
  noRows,
  ownRows,
  pairsOf,
  promptPairsOf,
  wholeExamples,
  type Part,
} from './evaluate-exam-rows.ts';
import { ForgettingWatch, openCheck, type GeneralCheck } from './forgetting.ts';
import { readGeneral } from './general-text.ts';
import type { Output } from './output.ts';
import { reportData } from './report-data.ts';
import { openSession, requiredTokenizer, tokenizerOfAdapter, type Session } from './session.ts';
import { openRows, type PlacedRow } from './open-rows.ts';
import { readAskedRows } from './row-flags.ts';
import { checkLength } from './train-flags.ts';
import { tunedModel, type TunedModel } from './tuned-model.ts';
import { defaultSpec } from '../settings/spec.ts';

export interface OpenExam {
  readonly part: Part;
  readonly files: readonly string[];
  /** Rows of the part, including those without a question. */
  readonly partRows: number;
  /** Rows for validation or test that are trained on, too. */
  readonly leaks: number;
  /** Whether all rows of the part are prompts alone, whose answers only rewards can score. */
  readonly isPrompts: boolean;
  /** The sum of rewards from which an answer passes, where answers are scored by them. */
  readonly passMark?: number;
  /** How many pairs of answers the measured rows have; 0 where they are of another kind. */
  readonly pairs: number;
  readonly draw: Draw;
  readonly rows: readonly AskedRow[];
  /** Grows while it is measured. */
  readonly results: readonly MethodResult[];
  /** Methods that could not be measured. They take no other method with them. */
  readonly failures: readonly MethodFailure[];
  /** Yields after each method. Ends early when the signal is aborted; the results then include the answers so far. */
  measure(signal: AbortSignal): AsyncGenerator<void>;
  /** Closes the rewards, and reports which failed. */
  close(): void;
}

/** Rows between two pauses for other work of the process. */
const ROWS_BETWEEN = 64;

/** Optional inputs of an evaluation beside its flags. */
interface More {
  /** A model that is open already. */
  readonly opened?: Session;
  readonly chosenRewards?: ChosenRewards | undefined;
  /** Whether nothing is answered where rows are pairs: they are compared by their likelihoods. */
  readonly comparesPairs?: boolean;
}

/** A method, and what it asks beside the base. */
type Turn = {
  readonly method: Method;
  readonly own?: Tokenizer;
  readonly seen?: Seen;
} & Partial<OpenedAdapter> &
  Partial<Pick<TunedModel, 'open' | 'objective'>>;

/** @throws GraftError `evaluate-rows`, `delta-base` for a tuned model of another base, and those of reading data and opening models */
export async function openExam(
  flags: EvaluateFlags,
  part: Part,
  output: Output,
  { opened, chosenRewards, comparesPairs = false }: More = {},
): Promise<OpenExam> {
  const { seed: usual, maxLength: limit } = defaultSpec();
  const seed = flags.whole('seed') ?? flags.whole('split-seed') ?? usual;
  const files = readAskedRows(flags, seed);
  const { options } = files;
  // Rewards may read columns that rows do not use.
  const keepsColumns = chosenRewards !== undefined;
  const rowCount = askedRows(flags);
  const lossOf = flags.choice('loss-rows', LOSS_ROWS);
  // Checked before gigabytes of weights are loaded.
  const modelFiles = await modelOf(flags.required('model'));
  const { shape } = await readModel(modelFiles);
  const tokenizer = await requiredTokenizer(modelFiles);
  const asked = flags.whole('max-length', 2);
  if (asked !== undefined) checkLength(asked, shape);
  const maxLength = Math.min(asked ?? limit, shape.maxPositions);
  const limits = { maxLength, vocabSize: shape.vocabulary, now: new Date() };
  const { placed, told } = await openRows(files, tokenizer, limits, output, { keepsColumns });
  reportData(output, told);
  const chat = tokenizer.chatTemplate !== undefined;
  const measured = placed.filter(({ fate }) =>
    part === 'all' ? isUsed(fate) || fate === 'capped' : fate === part,
  );
  if (measured.length === 0) throw noRows(part);
  const isPrompts = measured.every(({ example }) => example?.kind === 'prompt');
  if (isPrompts) checkPrompts(chosenRewards);
  const training =
    part === 'test' || part === 'validation' ? placed.filter(({ fate }) => fate === 'train') : [];
  const train = pairsOf(training, chat);
  const test = isPrompts ? promptPairsOf(measured, chat) : pairsOf(measured, chat);
  const drawn = drawQuestions(
    test.map(({ question }) => question),
    { rows: rowCount, seed },
    tokenizer,
    shape.maxPositions,
  );
  const session = opened ?? (await openSession(flags, output, { files: modelFiles }));
  const general = flags.text('general');
  const generalText = general === undefined ? undefined : await readGeneral(general, session);
  const askedOf = drawn.chosen.map((at) => measured[test[at].row]);
  /** Rows of training are known to be seen. */
  const seenBy = async (path: string, own: Tokenizer): Promise<{ readonly seen?: Seen }> =>
    part === 'train' || part === 'validation'
      ? {}
      : {
          seen: await seenByFolder(path, own, {
            files,
            keepsColumns,
            limits,
            tokenizer,
            measured,
            asked: askedOf,
          }),
        };
  const adapters: (OpenedAdapter & { readonly own: Tokenizer; readonly seen?: Seen })[] = [];
  for (const path of flags.texts('adapter')) {
    const opened = await openAdapterWithFacts(path, session.model);
    const other = await otherBase(path, session.model.weightChoices);
    if (other !== undefined) output.line(other);
    const own = await tokenizerOfAdapter(path, opened.adapter, session.files, tokenizer);
    adapters.push({ ...opened, own, ...(await seenBy(path, own)) });
  }
  const tunedModels: (TunedModel & { readonly seen?: Seen })[] = [];
  for (const path of flags.texts('tuned'))
    tunedModels.push({ ...(await tunedModel(path, flags, session)), ...(await seenBy(path, tokenizer)) });
  const forgetting = flags.text('forgetting');
  const check =
    forgetting === undefined ? undefined : await openCheck(forgetting, session, ownRows(placed, measured));

  const rows = drawn.chosen.map((at): AskedRow => {
    const { question, example, row } = test[at];
    const { prompt: input, expected, task } = question;
    return { row, line: example.line, input, expected, ...(task !== undefined && { task }) };
  });
  // Rows without a question have a loss, too.
  const some =
    drawn.chosen.length > 0
      ? drawn.chosen.map((at) => test[at].row)
      : drawRows(measured.length, { rows: rowCount, seed });
  const lossRows = lossOf === 'all' ? measured : some.map((at) => measured[at]);
  const examples = wholeExamples(lossRows, chat);
  /** An adapter with new tokens reads the rows differently; parts of documents stay unchanged. */
  const rowsAgain = (of: readonly PlacedRow[], own: Tokenizer, adapter: Adapter | undefined): PreparedRow[] =>
    of.flatMap(({ row, example }) =>
      own === tokenizer || !example
        ? [row]
        : prepareRows([example], own, {
            ...{ maxLength, overlong: options.overlong },
            vocabSize: session.model.vocabularyWith(adapter),
          }).rows.map((made) => ({
            ...made,
            ...(row.task !== undefined && { task: row.task }),
            ...(row.desirable !== undefined && { desirable: row.desirable }),
          })),
    );
  const rowsBy = (own: Tokenizer, adapter: Adapter | undefined): PreparedRow[] =>
    rowsAgain(lossRows, own, adapter);
  /** Pairs among the measured rows; answers with labels find each other among all of the part. */
  const pairsBy = (own: Tokenizer, adapter: Adapter | undefined): readonly LabelledTokens[] =>
    measured.some(({ row }) => row.desirable !== undefined)
      ? drawPairs(pairRowsOf(measured.flatMap((one) => rowsAgain([one], own, adapter))), {
          rows: rowCount,
          seed,
        })
      : pairRowsOf(rowsBy(own, adapter));
  const pairs = isPrompts ? 0 : pairsBy(tokenizer, undefined).length;
  const isSilent = comparesPairs && pairs > 0;
  const results: MethodResult[] = [];
  const failures: MethodFailure[] = [];
  const rewards = chosenRewards && (await openAnswerRewards(chosenRewards, tokenizer, output));
  const turns = chosenMethods(flags, chosenRewards?.learned).flatMap((method): Turn[] =>
    method.kind === 'adapter'
      ? [...adapters, ...tunedModels].map((one) => ({ method, ...one }))
      : [{ method }],
  );
  /** A default method that cannot be measured is left out; one that was asked for is an error. */
  const isOptional = flags.text('methods') === undefined;

  let watch: ForgettingWatch | undefined;
  /** The base is measured once. */
  const forgottenBy = async (
    asked: GeneralCheck,
    adapter: Adapter | undefined,
    beside: LanguageModel | undefined,
  ): Promise<Forgetting> => {
    watch ??= await ForgettingWatch.begin(asked, session, output, undefined);
    return adapter || beside ? watch.end(adapter, beside) : watch.start;
  };

  async function* measure(signal: AbortSignal): AsyncGenerator<void> {
    for (const { method, name, adapter, kind, objective, took, seen, open, own = tokenizer } of turns) {
      if (signal.aborted) return;
      const hasExamples = method === fewShot || method === adapterFewShot;
      if (isOptional && hasExamples && train.length < askedShots(flags)) {
        output.line(leftOutInWords(method.title, part, train.length));
        continue;
      }
      const title =
        name === undefined ? method.title : method === adapterFewShot ? `${name}, with examples` : name;
      output.progress(`${title}: ${plural(rows.length, 'row')}`, true);
      const start = performance.now();
      const named = {
        method,
        ...(name !== undefined && { adapter: name }),
        ...(kind !== undefined && { kind }),
        ...(objective !== undefined && { objective }),
        ...(took && { took }),
        ...(seen !== undefined && { seen }),
      };
      const seconds = (): number => (performance.now() - start) / 1000;
      let beside: LanguageModel | undefined;
      try {
        // One tuned model at a time is on the device.
        beside = await open?.();
        const model = new ModelExaminee(
          { name: modelFiles.name, model: beside ?? session.model, tokenizer: own },
          {
            ...(adapter && { adapter }),
            newTokens: drawn.newTokens,
            // No token of a prompt alone is to be learned.
            ...(!isPrompts && { test: { rows: rowsBy(own, adapter), examples } }),
            signal,
            onProgress: ({ what, done, total }) =>
              output.progress(
                `${title}: ${what === 'answering' ? 'answered' : what === 'evaluating' ? 'loss of' : 'prepared'} ${Math.floor(done)} of ${total} rows`,
              ),
          },
        );
        const exam: Exam = {
          train,
          asked: isSilent ? [] : drawn.chosen.map((at): AskedQuestion => test[at]),
          model,
          shots: askedShots(flags),
          seed,
          async each(items, work) {
            for (const [at, item] of items.entries()) {
              work(item);
              if (at % ROWS_BETWEEN !== 0) continue;
              output.progress(`${title}: ${at} of ${items.length} rows`);
              await setImmediate();
              signal.throwIfAborted();
            }
          },
        };
        const answered = await method.answer(exam);
        // Few-shot prompting uses the base model, so the loss is the base's.
        const asksModel = method === base || method === adapterMethod;
        const onGeneral =
          answered && generalText && asksModel && !signal.aborted
            ? await evaluateLoss(beside ?? session.model, generalText, adapter)
            : undefined;
        const forgotten =
          answered && check && asksModel && !signal.aborted
            ? await forgottenBy(check, adapter, beside)
            : undefined;
        const compared =
          answered && asksModel && pairs > 0 && !signal.aborted
            ? await pairLikelihoods(beside ?? session.model, pairsBy(own, adapter), adapter, (done) => {
                output.progress(`${title}: compared ${done} of ${plural(pairs, 'pair')}`);
                signal.throwIfAborted();
              })
            : undefined;
        if (answered) {
          const stopped = answered.answers.length < exam.asked.length;
          const scored = await rewards?.score(exam.asked, answered.answers);
          results.push({
            ...{ ...named, ...answered },
            ...(onGeneral && { general: onGeneral }),
            ...(scored && {
              ...{ rewards: scored.totals, eachReward: scored.each, passMark: rewards!.passMark },
              ...(chosenRewards!.given && { chosenRewards: chosenRewards!.specs }),
            }),
            ...(forgotten && { forgetting: forgotten }),
            ...(compared && { likelihoods: compared }),
            ...(stopped && { stopped }),
            seconds: seconds(),
          });
        } else output.line(leftOutInWords(method.title, part, train.length));
      } catch (error) {
        // A stopped model returns its answers without an error; a rule always answers every row.
        if (signal.aborted && !session.device.failure)
          results.push({ ...named, answers: [], stopped: true, seconds: seconds() });
        else if (isOptional && hasExamples && error instanceof GraftError && error.code === 'evaluate-shots')
          output.line(`${method.title}: left out. ${messageOf(error)}`);
        else {
          failures.push({ ...named, error });
          output.line(`${title}: failed. ${messageOf(error)}`);
        }
      } finally {
        if (beside && !session.device.failure) {
          await session.device.settle();
          await beside.destroy();
        }
      }
      yield;
    }
  }
  return {
    part,
    files: told.files.map((file) => file.name),
    partRows: measured.length,
    leaks: told.leaks.length,
    isPrompts,
    pairs,
    ...(rewards && { passMark: rewards.passMark }),
    draw: drawn.draw,
    rows,
    results,
    failures,
    measure,
    close: () => rewards?.close(),
  };
}
