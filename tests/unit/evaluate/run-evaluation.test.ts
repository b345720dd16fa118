/** The one runner: every method on the same items into one record, whatever fails or is stopped. */
import { describe, expect, test } from 'vitest';
import type { Question } from '../../../src/data/questions.ts';
import { metricsOf } from '../../../src/evaluate/columns.ts';
import { baseOf, eachReward, notMeasured, sideOf } from '../../../src/evaluate/sides.ts';
import { adapter } from '../../../src/evaluate/methods/adapter.ts';
import { base } from '../../../src/evaluate/methods/base.ts';
import { fewShot } from '../../../src/evaluate/methods/few-shot.ts';
import type { EvalModel, Method } from '../../../src/evaluate/methods/method.ts';
import { frequent } from '../../../src/evaluate/methods/frequent.ts';
import { firstItems, someSubjects, type Evaluation } from '../../../src/evaluate/record.ts';
import {
  evaluateWhole,
  runEvaluation,
  type EvaluationPlan,
  type OpenSubject,
  type SubjectPlan,
} from '../../../src/evaluate/run-evaluation.ts';

const ASKED = ['one', 'two', 'three', 'four'];
const questions = ASKED.map((text): Question => ({ prompt: text, ask: text, expected: text }));

const never = (): Promise<never> => Promise.reject(new Error('it was not to be asked'));

/** A model that repeats what it is asked in capitals, or as it is. */
function modelThat(changes: Partial<EvalModel> = {}, say = (text: string) => text): EvalModel {
  return {
    ...{ name: 'echo', chat: false, maxPositions: 100, newTokens: 10 },
    tokensOf: ({ prompt }) => prompt.length,
    answer: (asked) =>
      Promise.resolve(asked.map(({ prompt }) => ({ text: say(prompt), tokens: 1, seconds: 0.5 }))),
    loss: () => Promise.resolve({ loss: 1, perplexity: Math.E, supervisedTokens: 4, rows: 4 }),
    lossWith: never,
    likelihoods: () => Promise.resolve(undefined),
    ...changes,
  };
}

const subjectOf = (
  method: Method,
  model: EvalModel,
  more: Partial<OpenSubject> = {},
  label = method.title,
): SubjectPlan => ({
  method,
  subject: { method: method.name, label },
  open: () => Promise.resolve({ model, isLost: () => false, ...more }),
});

const planWith = (subjects: readonly SubjectPlan[], more: Partial<EvaluationPlan> = {}): EvaluationPlan => ({
  made: { time: 0, model: { name: 'echo', bundled: false } },
  items: questions.map(({ prompt, expected }, row) => ({ row, prompt, expected })),
  asked: questions.map((question) => ({ question })),
  train: [],
  ...{ shots: 0, seed: 42, isPrompts: false, subjects },
  each: (items, work) => Promise.resolve(items.forEach(work)),
  ...more,
});
const signal = new AbortController().signal;
const run = (plan: EvaluationPlan): Promise<Evaluation> => evaluateWhole(plan, { signal });

test('every answer is scored by every metric, and has its evidence', async () => {
  const shouting = modelThat({}, (text) => text.toUpperCase());
  const record = await run(planWith([subjectOf(base, shouting), subjectOf(adapter, modelThat())]));
  expect(record.subjects.map(({ method, stopped, failed }) => [method, stopped, failed])).toEqual([
    ['base', undefined, undefined],
    ['adapter', undefined, undefined],
  ]);
  const exact = record.scorers.findIndex(({ name }) => name === 'exact-match');
  expect(record.scores.map((row) => row.map((one) => one[exact]))).toEqual(ASKED.map(() => [0, 1]));
  expect(record.evidence[2]).toEqual([
    { text: 'THREE', tokens: 1, seconds: 0.5 },
    { text: 'three', tokens: 1, seconds: 0.5 },
  ]);
  expect(metricsOf(sideOf(record, 1))['exact-match']?.share).toMatchObject({ count: 4, total: 4 });
  expect(baseOf(record)?.subject.loss?.loss).toBe(1);
});

test('answers that are none of the labels are counted, and none where answers are no labels', async () => {
  const train = ['one', 'two', 'one', 'two'].map((expected, at) => ({
    example: { kind: 'text' as const, text: '', line: at },
    question: { prompt: '', ask: '', expected },
  }));
  const labelled = await run(
    planWith(
      [
        subjectOf(
          base,
          modelThat({}, (text) => `${text}!`),
        ),
      ],
      { train },
    ),
  );
  expect(labelled.subjects[0].noLabel).toBe(ASKED.length);
  const right = await run(planWith([subjectOf(base, modelThat())], { train }));
  expect(right.subjects[0].noLabel).toBe(0);
  const free = await run(planWith([subjectOf(base, modelThat())]));
  expect(free.subjects[0].noLabel).toBeUndefined();
});

test('a method that fails is recorded with its reason, and takes no other with it', async () => {
  const broken = modelThat({ answer: () => Promise.reject(new Error('the device is full')) });
  const closed: string[] = [];
  const close = () => Promise.resolve(void closed.push('closed'));
  const told: unknown[] = [];
  const plan = planWith([subjectOf(base, broken, { close }), subjectOf(adapter, modelThat())]);
  const record = await evaluateWhole(plan, {
    signal,
    failed: ({ method }, error, part) => told.push([method.name, (error as Error).message, part]),
  });
  expect(record.subjects.map(({ failed }) => failed)).toEqual(['the device is full', undefined]);
  expect(record.evidence.map(([first]) => first)).toEqual(ASKED.map(() => null));
  expect(sideOf(record, 1).right).toEqual([true, true, true, true]);
  expect([told, closed]).toEqual([[['base', 'the device is full', undefined]], ['closed']]);
});

test('a part that fails loses neither the answers nor the other parts', async () => {
  const lossless = modelThat({ loss: () => Promise.reject(new Error('no loss')) });
  const general = () => Promise.resolve({ loss: 2, perplexity: 7, supervisedTokens: 9 });
  const record = await run(planWith([subjectOf(base, lossless, { general })]));
  const [{ subject, answers }] = [baseOf(record)!];
  expect(answers).toEqual(ASKED);
  expect([subject.loss, subject.general?.loss]).toEqual([undefined, 2]);
  expect(notMeasured(record)).toEqual([{ name: 'Losses of “Base model”', reason: 'no loss' }]);
});

test('a device that is lost fails the whole method, answers and all', async () => {
  const lossless = modelThat({ loss: () => Promise.reject(new Error('the device is lost')) });
  const record = await run(planWith([subjectOf(base, lossless, { isLost: () => true })]));
  expect(record.subjects[0].failed).toBe('the device is lost');
});

test('a method without anything to answer with is left out, and so is an optional one that cannot be', async () => {
  const left: unknown[] = [];
  const optional = { ...subjectOf(fewShot, modelThat()), isOptional: () => true };
  const plan = planWith([subjectOf(frequent, modelThat()), optional, subjectOf(base, modelThat())]);
  const record = await evaluateWhole(plan, { signal, leftOut: ({ method }) => left.push(method.name) });
  expect(left).toEqual(['frequent', 'few-shot']);
  expect(record.subjects.map(({ method }) => method)).toEqual(['base']);
});

describe('stopped', () => {
  test('the first answers are kept and marked, and no other method starts', async () => {
    const controller = new AbortController();
    const slow = modelThat({
      answer(asked) {
        controller.abort();
        return Promise.resolve(asked.slice(0, 2).map(({ prompt }) => ({ text: prompt })));
      },
      loss: never,
    });
    const plan = planWith([subjectOf(base, slow), subjectOf(adapter, modelThat({ answer: never }))]);
    const record = await evaluateWhole(plan, { signal: controller.signal });
    expect(record.subjects).toMatchObject([{ method: 'base', stopped: true }]);
    expect(sideOf(record, 0).answers).toEqual(['one', 'two']);
    expect(record.scores[3]).toEqual([record.scorers.map(() => null)]);
  });

  test('the signal goes along with each call of a model', async () => {
    const heard: AbortSignal[] = [];
    const listening = modelThat({
      answer: (_, given) => (heard.push(given), Promise.resolve([])),
      loss: (given) => (heard.push(given), Promise.resolve(undefined)),
      likelihoods: (given) => (heard.push(given), Promise.resolve(undefined)),
    });
    await run(planWith([subjectOf(base, listening)], { items: [], asked: [] }));
    expect(heard).toEqual([signal, signal, signal]);
  });
});

test('a record comes after each method, so that what was measured is there at any time', async () => {
  const plan = planWith([subjectOf(base, modelThat()), subjectOf(adapter, modelThat())]);
  const sizes: number[] = [];
  for await (const record of runEvaluation(plan, { signal })) sizes.push(record.subjects.length);
  expect(sizes).toEqual([1, 2]);
});

test('rewards are scorers of the record: their sum, and each with its weight', async () => {
  const rewards = {
    passMark: 2,
    parts: [{ name: 'length', weight: 2, passMark: 1 }],
    score: (_: unknown, answers: readonly unknown[]) =>
      Promise.resolve({ totals: answers.map((_, at) => 2 * at), each: [answers.map((_, at) => at)] }),
  };
  const record = await run(planWith([subjectOf(base, modelThat())], { rewards, isPrompts: true }));
  expect(record.scorers).toEqual([
    { name: 'reward', passMark: 2 },
    { name: 'reward/length', weight: 2, passMark: 1 },
  ]);
  const side = baseOf(record)!;
  expect(side.rewards).toEqual([0, 2, 4, 6]);
  expect(eachReward(side)).toEqual([{ name: 'length', weight: 2, passMark: 1, scores: [0, 1, 2, 3] }]);
  // Answers to prompts alone are neither right nor wrong.
  expect(side.exact.total).toBe(0);
});

test('some of the subjects are without what was judged of them by their places', async () => {
  const all = await run(planWith([subjectOf(base, modelThat()), subjectOf(adapter, modelThat())]));
  const model = { name: 'echo' };
  const record: Evaluation = {
    ...all,
    blind: [{ subjects: [0, 1], seed: 1, turns: [] }],
    judged: [{ subjects: [0, 1], model, prompt: '', turns: [], tooLong: [] }],
  };
  const tuned = someSubjects(record, ({ method }) => method === 'adapter');
  expect(tuned.subjects.map(({ method }) => method)).toEqual(['adapter']);
  expect(tuned.evidence).toEqual(all.evidence.map(([, own]) => [own]));
  expect(tuned).not.toHaveProperty('blind');
  expect(tuned).not.toHaveProperty('judged');
});

test('the first items of a record are a smaller sample, without what was measured over all', async () => {
  const draw = { seed: 1, of: 9, tooLong: 0 };
  const made = { time: 0, model: { name: 'echo', bundled: false }, draw };
  const record = await run(
    planWith([subjectOf(base, modelThat()), subjectOf(adapter, modelThat())], { made }),
  );
  const part = firstItems(
    someSubjects(record, ({ method }) => method === 'adapter'),
    3,
  );
  expect([part.items.length, part.scores.length, part.evidence.length]).toEqual([3, 3, 3]);
  expect(part.subjects).toMatchObject([{ method: 'adapter' }]);
  expect(part.subjects[0].loss).toBeUndefined();
  expect(part.made.draw).toEqual({ ...draw, planned: 4 });
});
