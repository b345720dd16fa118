/** Prompts without answers: how their files are recognised, their rows, and the errors if an answer is needed. */
import { beforeAll, expect, test } from 'vitest';
import { readExamples } from '../../../src/data/formats.ts';
import { prepareRows } from '../../../src/data/prepare.ts';
import { objectiveOf } from '../../../src/objectives/registry.ts';
import { answerProblem } from '../../../src/scorers/rewards/specs.ts';
import { rowsFor } from '../../../src/runs/asked-rows.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { checkKind, kindOfRow } from '../../../src/train/learning.ts';
import { sampledPrompt } from '../../../src/train/policy/prompts.ts';
import { sprigFolder } from '../../engine/sprig.ts';
import { graftError } from '../expect-graft-error.ts';

const lines = (...rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');
const read = (text: string, fileName = 'rows.jsonl', keepsColumns = false) =>
  readExamples(text, { fileName, keepsColumns });
const TURNS = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Name a fruit.' },
];

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer(sprigFolder());
});

test('a bare prompt, one column of a usual name, and turns that end with the user’s are prompts', () => {
  const { examples, format, problemCount } = read(
    lines({ prompt: 'Name a tree.' }, { prompt: TURNS }, { messages: TURNS }, { id: 4, question: 'Why?' }),
  );
  expect(problemCount).toBe(0);
  expect(format).toBe('prompts');
  expect(examples.map(({ kind }) => kind)).toEqual(['prompt', 'prompt', 'prompt', 'prompt']);
  expect(examples[2]).toMatchObject({ prompt: TURNS });
  const table = read('prompt\nName a tree.\nName a bird.', 'rows.csv');
  expect(table).toMatchObject({
    format: 'prompts',
    examples: [{ prompt: 'Name a tree.' }, { prompt: 'Name a bird.' }],
  });
});

test('an assistant’s turn of weight 0 is context of a prompt; one that can be learned makes it an answer', () => {
  const before = [
    { role: 'user', content: 'Hi.' },
    { role: 'assistant', content: 'Hello!', weight: 0 },
  ];
  const [asked] = read(lines({ messages: [...before, ...TURNS.slice(1)] })).examples;
  expect(asked.kind).toBe('prompt');
  const learned = before.map(({ role, content }) => ({ role, content }));
  expect(read(lines({ messages: [...learned, ...TURNS.slice(1)] })).examples[0].kind).toBe('messages');
});

/** A longer conversation: earlier answers are context. */
const SEVERAL = [
  ...TURNS,
  { role: 'assistant', content: 'Apple.' },
  { role: 'user', content: 'And a yellow one?' },
];

test('a conversation of several turns is asked whole, like the prompt before an answer', () => {
  const { examples, problemCount, format } = read(
    lines({ prompt: SEVERAL, source: 'orchard', most: 3 }),
    'rows.jsonl',
    true,
  );
  expect([problemCount, format]).toEqual([0, 'prompts']);
  const { rows, report } = prepareRows(examples, tokenizer, { maxLength: 96 });
  expect(report).toMatchObject({ rows: 1, supervisedTokens: 0, cut: [] });
  const [asked] = rowsFor('grpo', rows, [{ row: rows[0], example: examples[0] }]);
  const { ids, ...texts } = sampledPrompt(asked, tokenizer, 'Row 1');
  expect(texts).toEqual({
    prompt: 'system: Be brief.\nuser: Name a fruit.\nassistant: Apple.\nuser: And a yellow one?',
    columns: { source: 'orchard', most: 3 },
  });
  const completion = [{ role: 'assistant', content: 'Banana.' }];
  const [whole] = prepareRows(read(lines({ prompt: SEVERAL, completion })).examples, tokenizer, {
    maxLength: 96,
  }).rows;
  expect(whole.ids.slice(0, ids.length)).toEqual(ids);
  expect(whole.labels.slice(0, ids.length).every((label) => label < 0)).toBe(true);
  expect(tokenizer.decode(whole.labels.slice(ids.length, ids.length + 2))).toMatch(/^Ban/);
});

test('a text of a usual name next to a conversation is the wanted answer, and nothing else learns from it', () => {
  const { examples, problemCount, format, unused } = read(
    lines({ prompt: SEVERAL, answer: 'Banana.', source: 'orchard' }, { prompt: TURNS, answer: 3 }),
  );
  expect([problemCount, format]).toEqual([0, 'completion']);
  expect(unused.map(({ name }) => name)).toEqual(['source']);
  const { rows } = prepareRows(examples, tokenizer, { maxLength: 96 });
  const made = rows.map((row, at) => ({ row, example: examples[at] }));
  const answers = rowsFor('grpo', rows, made).map((row) => sampledPrompt(row, tokenizer, 'A row').answer);
  expect(answers).toEqual(['Banana.', '3']);
});

test('a conversation that ends with the assistant’s turn asks nothing', () => {
  const { problems } = read(lines({ prompt: SEVERAL.slice(0, 3) }));
  expect(problems[0].reason).toContain('prompt ends with the assistant’s turn');
});

test('a text next to the prompt may be its answer, so the row is not a prompt until a person says so', () => {
  const { examples, problems } = read(lines({ prompt: 'Name a tree.', note: 'Oak.' }));
  expect(examples).toEqual([]);
  expect(problems[0].reason).toContain('no known fields (it has prompt, note)');
});

test('a bare prompt among rows with answers is a mistake that drops its row', () => {
  const { examples, problems, format } = read(
    lines({ prompt: 'Name a tree.', completion: 'Oak.' }, { prompt: 'Name a bird.' }),
  );
  expect(examples).toHaveLength(1);
  expect(problems).toEqual([
    {
      line: 2,
      reason: 'it has a prompt and no answer, but other rows have answers',
      fault: 'no-answer',
    },
  ]);
  expect(format).toBe('completion');
});

test('its row is the question up to the start of the answer, and has numbers for rewards', () => {
  const { examples } = read(lines({ prompt: 'Name a tree.', most: 3 }), 'rows.jsonl', true);
  const { rows, report } = prepareRows(examples, tokenizer, { maxLength: 64 });
  expect(report).toMatchObject({ rows: 1, supervisedTokens: 0, unsupervised: [] });
  expect(rows[0]).toMatchObject({ asks: true });
  const answered = read(lines({ prompt: 'Name a tree.', completion: 'Oak.' })).examples;
  const [whole] = prepareRows(answered, tokenizer, { maxLength: 64 }).rows;
  expect(whole.ids.slice(0, rows[0].ids.length)).toEqual(rows[0].ids);
  expect(whole.labels[rows[0].ids.length]).toBe(whole.ids[rows[0].ids.length]);
  const made = rows.map((row, at) => ({ row, example: examples[at] }));
  const [asked] = rowsFor('grpo', rows, made);
  expect(sampledPrompt(asked, tokenizer, 'Row 1')).toEqual({
    ids: rows[0].ids,
    prompt: 'Name a tree.',
    columns: { most: 3 },
  });
});

test('the limit removes the start of a prompt, since its end is the question', () => {
  const { examples } = read(lines({ prompt: `${'The garden is old. '.repeat(20)}Who keeps it?` }));
  const { rows, report } = prepareRows(examples, tokenizer, { maxLength: 24 });
  expect(report.cut).toEqual([1]);
  expect(rows[0].ids).toHaveLength(24);
  expect(tokenizer.decode(rows[0].ids.slice(-12))).toContain('keeps it?');
  expect(prepareRows(examples, tokenizer, { maxLength: 24, overlong: 'drop' }).report.dropped).toEqual([1]);
});

test('objectives and rewards that need answers say what is missing', async () => {
  const [row] = prepareRows(read(lines({ prompt: 'Name a tree.' })).examples, tokenizer, {
    maxLength: 64,
  }).rows;
  const kind = kindOfRow(row);
  expect(kind).toBe('prompts');
  checkKind(objectiveOf('grpo'), kind);
  for (const name of ['sft', 'dpo', 'kto']) {
    const { what, remedy } = await graftError(() => checkKind(objectiveOf(name), kind), 'train-objective');
    expect(what).toContain('The rows are prompts without answers');
    expect(remedy).toContain('choose the objective grpo');
  }
  expect(answerProblem([{ name: 'length' }, { name: 'regex', pattern: '^A' }])).toBeUndefined();
  expect(answerProblem([{ name: 'length' }, { name: 'exact-match' }])).toContain(
    '“Exactly right” compares with',
  );
  expect(answerProblem([{ name: 'json-fields', expected: '{"a": 1}' }])).toBeUndefined();
  expect(answerProblem([{ name: 'json-fields' }, { name: 'regex', pattern: '(a)', group: true }])).toContain(
    '“Fields of JSON” and “Regular expression” compare with',
  );
});
