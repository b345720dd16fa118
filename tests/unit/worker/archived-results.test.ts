/** Results in an archive: they include how their rows were drawn, and older results without that are still read. */
import { parse } from 'valibot';
import { expect, test } from 'vitest';
import { baseOf, eachReward, sidesOf } from '../../../src/evaluate/sides.ts';
import type { Evaluation } from '../../../src/evaluate/record.ts';
import { FeedbackFile, ResultFile } from '../../../src/worker/archive/layout.ts';

const ORIGIN = { time: 1, model: { name: 'sprig', bundled: true, fingerprint: 'f' } };
const SHARE = { count: 1, total: 2, interval: [0.1, 0.9] };
const LOSS = { loss: 1, perplexity: 2.7, supervisedTokens: 9 };
const ROWS = [
  { prompt: 'Say 1', expected: 'yes', base: 'yes', tuned: 'no' },
  { prompt: 'Say 2', expected: 'no', base: 'yes', tuned: 'no' },
];
const DRAW = { seed: 42, of: 60, tooLong: 1, labels: { drawn: 2, of: 2, least: 1, most: 1 } };

const measured = (more: object, loss: object, rule: object): object => ({
  kind: 'evaluation',
  changed: 1,
  value: {
    evaluations: [
      {
        origin: ORIGIN,
        rows: ROWS,
        base: loss,
        tuned: loss,
        exact: { base: SHARE, tuned: SHARE },
        rules: [{ rule: 'nearest', exact: SHARE, ...rule }],
        ...more,
      },
    ],
    seconds: 2,
  },
});
const examples = (more: object): object => ({
  kind: 'fewShot',
  changed: 1,
  value: {
    origin: ORIGIN,
    shots: [{ prompt: 'Say 3', answer: 'yes' }],
    rows: [{ prompt: 'Say 1', expected: 'yes', answer: 'yes' }],
    exact: SHARE,
    promptTokens: 9,
    seconds: 1,
    ...more,
  },
});

/** How the rows of a result in its earlier shape were drawn. */
const drawIn = (result: object): unknown => {
  const { value } = result as { value: { draw?: object; evaluations?: { draw?: object }[] } };
  return value.evaluations?.[0].draw ?? value.draw;
};

test.each([
  measured({ draw: DRAW }, { ...LOSS, rows: 60 }, { answers: ['yes', 'no'] }),
  measured({ draw: { seed: 42, of: 60, tooLong: 0 } }, LOSS, {}),
  examples({ draw: DRAW, loss: { ...LOSS, rows: 60 } }),
])('a result of an earlier version becomes a record, and keeps how its rows were drawn: %#', (result) => {
  const { value } = parse(ResultFile, result) as { value: Evaluation };
  expect(value).toMatchObject({ format: 'graft-evaluation', version: 1 });
  expect(value.made.draw).toEqual(drawIn(result));
  expect(parse(ResultFile, { ...result, value })).toEqual({ ...result, value });
});

const ADAPTER = { name: 'voice 1', id: 'a' };
const recordIn = (result: object): Evaluation => (parse(ResultFile, result) as { value: Evaluation }).value;

const GIVEN = { base: [0, 1], tuned: [1, 1], passMark: 1 };
const EXACT = { name: 'exact-match', weight: 1, passMark: 1, base: [0, 1], tuned: [1, 1] };

test('the scores of rewards are kept with the evaluation, and so are the chosen rewards; an unknown reward is refused', () => {
  const chosen = [{ name: 'exact-match', weight: 1 }];
  for (const rewards of [GIVEN, { ...GIVEN, chosen, each: [EXACT] }]) {
    const record = recordIn(measured({ rewards, origin: { ...ORIGIN, adapter: ADAPTER } }, LOSS, {}));
    expect(baseOf(record)?.rewards).toEqual(GIVEN.base);
    expect(sidesOf(record, 'adapter')[0].rewards).toEqual(GIVEN.tuned);
    expect(record.made.rewards).toEqual('chosen' in rewards ? chosen : undefined);
    expect(eachReward(baseOf(record)!).map(({ name, scores }) => [name, scores])).toEqual(
      'each' in rewards ? [['exact-match', [0, 1]]] : [],
    );
  }
  const behind = recordIn(examples({ rewards: [1], chosen }));
  expect(sidesOf(behind, 'few-shot')[0].rewards).toEqual([1]);
  expect(behind.made.rewards).toEqual(chosen);
  const strange = measured({ rewards: { ...GIVEN, chosen: [{ name: 'none-such' }] } }, LOSS, {});
  expect(() => parse(ResultFile, strange)).toThrow();
});

test('a matrix of stages keeps how each was measured', () => {
  const row = { name: 'a', stage: 0, rows: 2, base: { loss: LOSS }, scores: [{ right: 1, byRow: [1, 0] }] };
  const report = { stages: ['a'], rows: [{ ...row, measure: 'pairs', reference: -1 }] };
  const lineage = { kind: 'lineage', changed: 1, value: { id: 'x', time: 1, asked: 2, seconds: 3, report } };
  expect(parse(ResultFile, lineage)).toEqual(lineage);
});

test('questions about documents are kept as a person left them, and one in no known state is refused', () => {
  const question = {
    ...{ id: 'a-1', question: 'When are beans sown?', answer: 'In May.', file: 'beans.md' },
    ...{ passage: 'beans.md#0', by: 'a model, edited', state: 'approved' },
    quote: { start: 3, end: 19, text: 'Sow beans in May' },
  };
  const draft = { ...question, id: 'a-2', quote: undefined, quoted: 'other words', state: 'draft' };
  const result = { kind: 'questions', changed: 1, value: { questions: [question, draft] } };
  expect(parse(ResultFile, result)).toEqual(result);
  const strange = { ...result, value: { questions: [{ ...question, state: 'lost' }] } };
  expect(() => parse(ResultFile, strange)).toThrow();
});

test('what tuned encoders find is kept with the sides of the questions', () => {
  const value = {
    ...{ trained: ['a.md\nWhy?'], held: ['b.md\nWhen?'], on: '0f' },
    measures: [
      { scores: { 'b.md\nWhen?': [0, 1, 1, 0.5] } },
      { adapter: 'a-1', scores: { 'b.md\nWhen?': [1, 1, 1, 1] } },
    ],
  };
  const result = { kind: 'retrievers', changed: 1, value };
  expect(parse(ResultFile, result)).toEqual(result);
  expect(() => parse(ResultFile, { ...result, value: { ...value, held: 3 } })).toThrow();
});

test('the answers, losses and exact counts of an earlier version are those of its record', () => {
  const record = recordIn(measured({ origin: { ...ORIGIN, adapter: ADAPTER } }, LOSS, {}));
  expect(record.items).toEqual(ROWS.map(({ prompt, expected }) => ({ prompt, expected })));
  expect(baseOf(record)).toMatchObject({
    answers: ['yes', 'yes'],
    right: [true, false],
    subject: { loss: LOSS },
  });
  expect(sidesOf(record, 'adapter')[0]).toMatchObject({
    answers: ['no', 'no'],
    right: [false, true],
    subject: { loss: LOSS, adapter: ADAPTER },
  });
  // Its answers were not kept, only how many are right.
  const [rule] = sidesOf(record, 'nearest');
  expect([rule.answers, rule.right, rule.exact]).toEqual([[], undefined, SHARE]);
  const few = recordIn(examples({}));
  expect(sidesOf(few, 'few-shot')[0]).toMatchObject({
    answers: ['yes'],
    subject: { detail: { shots: [{ prompt: 'Say 3', answer: 'yes' }], promptTokens: 9 } },
  });
});

test.each([
  measured({ draw: { seed: 42 } }, LOSS, {}),
  measured({ draw: { ...DRAW, of: -1 } }, LOSS, {}),
  measured({}, LOSS, { answers: [1] }),
  examples({ draw: { ...DRAW, seed: '42' } }),
])('a value that is not such a record is refused: %#', (result) => {
  expect(() => parse(ResultFile, result)).toThrow();
});

const FURTHER = {
  kind: 'further',
  changed: 1,
  value: {
    time: 1,
    from: { id: 'a', name: 'voice 1' },
    rows: '0'.repeat(64),
    entries: ['e1', 'e2'],
    adapter: { id: 'b', name: 'feedback 1' },
    kept: 'old',
  },
};
const SAID = {
  id: 'e1',
  time: 1,
  entry: {
    id: 'e1',
    time: 1,
    prompt: [{ role: 'user', content: 'Where?' }],
    plain: 'Where?\n',
    answer: 'Here.',
    origin: { ...ORIGIN, adapter: { id: 'a', name: 'voice 1' } },
    verdict: 'bad',
    correction: 'There.',
    state: 'accepted',
    taught: { runId: 'r', name: 'feedback 1', time: 2 },
  },
};

test('a further run and the judgement of an answer are kept unchanged', () => {
  expect(parse(ResultFile, FURTHER)).toEqual(FURTHER);
  expect(parse(FeedbackFile, SAID)).toEqual(SAID);
});

test.each([
  { ...SAID, entry: { ...SAID.entry, verdict: 'fine' } },
  { ...SAID, entry: { ...SAID.entry, prompt: [] } },
  { ...SAID, entry: { ...SAID.entry, state: 'taught' } },
])('feedback that is none is refused: %#', (said) => {
  expect(() => parse(FeedbackFile, said)).toThrow();
});

const tuned = (forgetting: object): object => ({
  kind: 'tuned',
  changed: 1,
  value: {
    entries: [
      {
        sample: { rows: 2 },
        evaluation: {
          origin: { ...ORIGIN, adapter: { name: 'voice 1', runId: 'r', step: 3 } },
          draw: DRAW,
          rows: ROWS,
          base: LOSS,
          tuned: LOSS,
          exact: { base: SHARE, tuned: SHARE },
          rules: [],
        },
        forgetting: { before: 0.7, after: 0.8, kl: { before: 0, after: 0.5 }, ...forgetting },
        seconds: 3,
      },
    ],
  },
});
const PROMPT = { prompt: '?', before: 'a', rightBefore: true, after: 'b', rightAfter: false };

test('a row of the table of everything tuned is kept unchanged', () => {
  const result = tuned({ prompts: [PROMPT] });
  const read = parse(ResultFile, result) as { value: { entries: { evaluation: Evaluation }[] } };
  const [{ evaluation }] = read.value.entries;
  expect(sidesOf(evaluation, 'adapter')[0].subject.forgetting).toEqual({
    before: 0.7,
    after: 0.8,
    kl: { before: 0, after: 0.5 },
    prompts: [PROMPT],
  });
  // The base knows what it knew before.
  expect(baseOf(evaluation)?.subject.forgetting).toEqual({
    before: 0.7,
    prompts: [{ prompt: '?', before: 'a', rightBefore: true }],
  });
  expect(parse(ResultFile, { ...result, value: read.value })).toEqual({ ...result, value: read.value });
});

test.each([tuned({ before: 'little' }), tuned({ prompts: [{ ...PROMPT, rightBefore: 1 }] })])(
  'a row that is none is refused: %#',
  (result) => {
    expect(() => parse(ResultFile, result)).toThrow();
  },
);

const stages = (score: object): object => ({
  kind: 'lineage',
  changed: 1,
  value: {
    id: 'a',
    time: 2,
    report: {
      stages: ['general', 'medicine'],
      rows: [{ name: 'rows.jsonl', stage: 0, rows: 8, base: {}, scores: [{ right: 8, loss: LOSS }, score] }],
    },
  },
});

test('stages on their tests are kept, and an invalid score is refused', () => {
  const result = stages({ right: 5 });
  expect(parse(ResultFile, result)).toEqual(result);
  expect(() => parse(ResultFile, stages({ right: -1 }))).toThrow();
});
