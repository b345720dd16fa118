/** `graft log`: what it reports of a log, and the rows that it writes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExampleReader } from '../../../src/data/formats.ts';
import { openServeLog } from '../../../src/cli/serve-log.ts';
import type { ServedAnswers } from '../../../src/cli/serve-texts.ts';
import { useLogCommand } from '../../../src/cli/use-log.ts';
import { logDrift } from '../../../src/evaluate/drift.ts';
import { graftError } from '../expect-graft-error.ts';

const root = mkdtempSync(join(tmpdir(), 'graft-log-'));
const at = (name: string): string => join(root, name);
afterAll(() => rmSync(root, { recursive: true }));

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const used = (question: string, answer: string, finish = 'stop'): object => ({
  ...{ time: '2026-01-01T00:00:00.000Z', model: 'voice', messages: [{ role: 'user', content: question }] },
  ...{ answer, finish_reason: finish, prompt_tokens: 3, completion_tokens: 4, seconds: 0.1 },
});
const TRAINED = ['the owl', 'the goat', 'the well', 'a rose', 'a garden', 'the owl sleeps'].map((prompt) => ({
  prompt,
  completion: 'It is here.',
}));

beforeAll(() => {
  writeFileSync(at('train.jsonl'), lines(TRAINED));
  writeFileSync(
    at('used.jsonl'),
    lines([
      used('invoice total', 'It is here.'),
      used('invoice number', "I'm sorry, I cannot say."),
      used('tax of the invoice', 'a a a a a a a a'),
      used('invoice date', 'It goes on and', 'length'),
      { ...used('', ''), messages: undefined, prompt: 'invoice' },
      { ...used('', ''), messages: undefined, prompt: [5, 6] },
    ]),
  );
});

async function log(...args: readonly string[]): Promise<{ said: string; result: string }> {
  const said: string[] = [];
  let result = '';
  const file = args.includes('--file') ? [] : ['--file', at('used.jsonl')];
  await useLogCommand([...file, ...args], {
    line: (text) => void said.push(text),
    result: (text) => void (result += text),
    ...{ progress: () => undefined, clear: () => undefined },
  });
  return { said: said.join('\n'), result };
}

test('graft serve begins a new line after one that was half written, so that only that one is lost', async () => {
  writeFileSync(at('fallen.jsonl'), `${lines([used('one', 'It is here.')])}{"time":"2`);
  const { keep, close } = openServeLog(at('fallen.jsonl'), () => undefined);
  const answers = [
    { asked: { prompt: 'two' }, text: 'Here.', finish: 'stop', promptTokens: 1, newTokens: 1 },
  ];
  keep({ time: 0, seconds: 1, model: 'voice', answers } as ServedAnswers);
  close();
  const { said, result } = await log('--file', at('fallen.jsonl'), '--json');
  expect(JSON.parse(result)).toMatchObject({ answers: 2 });
  expect(said).toContain('Line 2 of ');
  expect(said).toContain('is left out');
});

test('counts what went wrong, compares lengths, and finds that questions have moved', async () => {
  const { said, result } = await log('--data', at('train.jsonl'), '--json');
  expect(JSON.parse(result)).toMatchObject({
    answers: 6,
    models: { voice: 6 },
    wrong: { empty: 2, cut: 1, refusal: 1, repeats: 1 },
    median_characters: { training_answers: 11 },
  });
  expect(said).toContain('refused 1 (17%)');
  expect(said).toMatch(/Questions have moved .*More frequent now: invoice/);
});

test('writes the questions that went wrong as rows to be corrected', async () => {
  await log('--out', at('wrong.jsonl'));
  const rows = readFileSync(at('wrong.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { prompt: unknown; completion: string; why: string; said: string });
  expect(rows.map(({ why }) => why)).toEqual(['refusal', 'repeats', 'cut', 'empty']);
  expect(rows[0]).toMatchObject({
    prompt: [{ role: 'user', content: 'invoice number' }],
    completion: '',
    said: "I'm sorry, I cannot say.",
  });
  expect(rows[3].prompt).toBe('invoice');
  // What a person writes there is not lost to another call, and can be trained on.
  const again = await graftError(() => log('--out', at('wrong.jsonl')), 'file-used');
  expect(again.message).toContain('is there already. Choose another path for --out');
  await log('--out', at('wrong.jsonl'), '--overwrite');
  const corrected = rows.map((row, at) => (at === 0 ? { ...row, completion: 'It is 7.' } : row));
  const reader = new ExampleReader(new TextEncoder().encode(lines(corrected)), { fileName: 'wrong.jsonl' });
  for (const _ of reader.read());
  const { examples, problems } = reader.result();
  expect(examples).toMatchObject([
    {
      kind: 'messages',
      messages: [{ content: 'invoice number' }, { role: 'assistant', content: 'It is 7.' }],
    },
  ]);
  expect(problems.map(({ reason }) => reason)).toEqual(rows.slice(1).map(() => 'completion is empty'));
});

test.each([
  ['of another form', '{"text":"a"}', /is not an answer of a log/],
  ['without answers', '\n', /has no answers yet/],
])('refuses a file %s', async (_, text, words) => {
  writeFileSync(at('other.jsonl'), text);
  expect((await graftError(() => log('--file', at('other.jsonl')), 'use-log')).what).toMatch(words);
});

describe('the distance of words', () => {
  const texts = TRAINED.map(({ prompt }) => prompt);
  test('is 0 for the same texts and 1 for texts without a common word', () => {
    expect(logDrift(texts, texts)!.distance).toBeCloseTo(0, 12);
    expect(logDrift(['x y'], texts)!.distance).toBeCloseTo(1, 12);
  });

  test('is that of scipy.spatial.distance.jensenshannon to base 2', () => {
    // p = (2, 1, 1) / 4 and q = (1, 0, 3) / 4 over a, b, c.
    expect(logDrift(['a a b c'], ['a c c c'])!.distance).toBeCloseTo(0.5, 10);
  });

  test('is within chance for questions drawn from the training texts', () => {
    const drift = logDrift([texts[0], texts[3], texts[5]], texts)!;
    expect(drift.distance).toBeLessThanOrEqual(drift.byChance);
  });

  test('is undefined without words', () => {
    expect(logDrift(['…'], texts)).toBeUndefined();
  });
});
