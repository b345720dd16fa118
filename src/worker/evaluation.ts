/** Base against tuned on what was held out: the same prompts answered by both, losses, exact answers. */
import { GraftError } from '../errors.ts';
import { answer } from '../evaluate/answer.ts';
import { isExactMatch, proportion } from '../evaluate/exact-match.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import { mostFrequent, nearest } from '../evaluate/rules.ts';
import { Generator } from '../model/generator.ts';
import type { Adapter } from '../model/lora.ts';
import { greedy } from '../model/sampling.ts';
import type { AdapterChoice, Evaluation, Progress, RuleReport, Share } from './api.ts';
import { rowsOf, type DataSet } from './data.ts';
import type { OpenModel } from './model.ts';
import { originOf } from './origin.ts';
import { promptIds, questionsOf, type Question } from './questions.ts';
import type { Session } from './session.ts';
import { seenRows, trainedOn } from './trained-on.ts';

/** Prompts answered at once. */
const SEQUENCES = 8;
/** Tokens of an answer: room for the longest expected one and a little more, within these. */
const ANSWER_TOKENS = { least: 64, spare: 16, most: 512 };

interface Asked extends Question {
  readonly ids: readonly number[];
}

export interface EvaluationRequest {
  readonly adapter: AdapterChoice;
  readonly rows: number;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** @throws GraftError `worker-no-model`, `worker-no-data`, `worker-no-held-out`, `worker-no-adapter`, `worker-aborted` */
export async function evaluate(
  session: Session,
  { adapter, rows, onProgress, signal }: EvaluationRequest,
): Promise<Evaluation> {
  const open = await session.model();
  const { data } = session;
  if (!data) throw new GraftError('worker-no-data', 'No data is open.', 'Open examples first.');
  const test = rowsOf(data, 'test');
  if (test.length === 0) {
    throw new GraftError(
      'worker-no-held-out',
      `${data.name} has no held-out rows.`,
      'Split a test part off, or give a file of its own.',
    );
  }
  const tuned = await session.adapter(adapter, open);
  const origin = await originOf(session, open, adapter, data);
  const { chosen, newTokens } = chooseQuestions(data.questions, rows, open);
  const asked = chosen.map((at) => ({
    ...data.questions[at],
    ids: promptIds(data.questions[at], open.tokenizer),
  }));
  const training = await trainedOn(session, adapter);
  const seen = training && (await seenRows(training, data, chosen, open, signal));
  const total = asked.length * (tuned ? 2 : 1);
  const answered = (done: number): void => onProgress({ what: 'answering', done, total });

  const known = data.base.answers;
  const missing = asked.slice(known.length);
  answered(asked.length - missing.length);
  const answerAll = (
    questions: readonly Asked[],
    by: Adapter | undefined,
    before: number,
  ): Promise<string[]> =>
    answersOf(open, questions, { by, newTokens, signal, onAnswered: (done) => answered(before + done) });
  known.push(...(await answerAll(missing, undefined, asked.length - missing.length)));
  const baseAnswers = known.slice(0, asked.length);
  const tunedAnswers = tuned ? await answerAll(asked, tuned, asked.length) : baseAnswers;

  onProgress({ what: 'evaluating', done: 0, total: tuned ? 2 : 1 });
  const baseLoss = (data.base.loss ??= await evaluateLoss(open.model, test));
  checkAborted(signal);
  onProgress({ what: 'evaluating', done: 1, total: tuned ? 2 : 1 });
  const tunedLoss = tuned ? await evaluateLoss(open.model, test, tuned) : baseLoss;
  if (tuned) onProgress({ what: 'evaluating', done: 2, total: 2 });

  return {
    origin,
    ...(seen && { seen }),
    rows: asked.map(({ prompt, expected }, i) => ({
      prompt,
      expected,
      base: baseAnswers[i],
      tuned: tunedAnswers[i],
    })),
    base: baseLoss,
    tuned: tunedLoss,
    exact: { base: exactShare(asked, baseAnswers), tuned: exactShare(asked, tunedAnswers) },
    rules: rulesOf(data, asked, open.tokenizer.chatTemplate !== undefined),
  };
}

/** The first questions whose prompt leaves room for an answer, by their index, and the room that their answers get. */
export function chooseQuestions(
  questions: readonly Question[],
  rows: number,
  { tokenizer, info: { maxPositions } }: OpenModel,
): { chosen: number[]; newTokens: number } {
  const { least, spare, most } = ANSWER_TOKENS;
  // Of all questions and not of these alone: what the base answered must not depend on how many were asked at once.
  const expected = questions.map((question) => tokenizer.encode(question.expected).length);
  const longest = expected.reduce((length, next) => Math.max(length, next), 0);
  const newTokens = Math.min(Math.max(least, longest + spare), most, Math.floor(maxPositions / 2));
  const chosen: number[] = [];
  for (let at = 0; at < questions.length && chosen.length < rows; at++)
    if (promptIds(questions[at], tokenizer).length + newTokens <= maxPositions) chosen.push(at);
  return { chosen, newTokens };
}

/** What rules without a model would have answered, from the training part. None where nothing repeats and nothing can be copied. */
function rulesOf(data: DataSet, asked: readonly Asked[], chat: boolean): RuleReport[] {
  const train = questionsOf(
    data.places.flatMap(({ part, example }) => (part === 'train' && example ? [example] : [])),
    chat,
  );
  if (train.length === 0 || asked.length === 0) return [];
  const frequent = mostFrequent(train.map(({ expected }) => expected));
  const copied = nearest(
    train.map(({ prompt }) => prompt),
    asked.map(({ prompt }) => prompt),
  ).map((at) => train[at].expected);
  return [
    ...(frequent
      ? [
          {
            rule: 'frequent' as const,
            answer: frequent.answer,
            share: frequent.count / train.length,
            exact: exactShare(
              asked,
              asked.map(() => frequent.answer),
            ),
          },
        ]
      : []),
    { rule: 'nearest' as const, exact: exactShare(asked, copied) },
  ];
}

interface AnswerSettings {
  readonly by: Adapter | undefined;
  readonly newTokens: number;
  readonly signal: AbortSignal;
  readonly onAnswered: (done: number) => void;
}

/** Greedy answers to prompts, several at once. @throws GraftError `worker-aborted` */
export async function answersOf(
  { model, tokenizer }: OpenModel,
  questions: readonly Asked[],
  { by, newTokens, signal, onAnswered }: AnswerSettings,
): Promise<string[]> {
  if (questions.length === 0) return [];
  const longest = questions.reduce((length, { ids }) => Math.max(length, ids.length), 0);
  const generator = new Generator(model, SEQUENCES, longest + newTokens);
  const texts: string[] = [];
  try {
    for (let start = 0; start < questions.length; start += SEQUENCES) {
      const prompts = questions.slice(start, start + SEQUENCES).map(({ ids }) => ids);
      const generated = await answer(generator, tokenizer, prompts, {
        maxNewTokens: newTokens,
        sampling: greedy,
        seed: 0,
        adapter: by,
        signal,
      });
      checkAborted(signal);
      texts.push(...generated.map(({ text }) => text));
      onAnswered(texts.length);
    }
    return texts;
  } finally {
    if (!model.device.failure) {
      await model.device.settle();
      generator.destroy();
    }
  }
}

function checkAborted(signal: AbortSignal): void {
  if (signal.aborted)
    throw new GraftError('worker-aborted', 'The evaluation was stopped.', 'Start it again when you like.');
}

export function exactShare(questions: readonly Question[], texts: readonly string[]): Share {
  const { count, total, interval } = proportion(
    texts.filter((text, i) => isExactMatch(text, questions[i].expected)).length,
    texts.length,
  );
  return { count, total, interval };
}
