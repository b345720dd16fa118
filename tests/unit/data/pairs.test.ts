/** Rows of pairs: every accepted form, and the error of each bad one. */
import { describe, expect, it } from 'vitest';
import { readExamples, type ReadResult } from '../../../src/data/formats.ts';

const read = (content: string, fileName = 'x.jsonl'): ReadResult => readExamples(content, { fileName });
const row = (value: unknown): ReadResult => read(JSON.stringify(value));

/** The one pair of a file. */
function pairOf(result: ReadResult): unknown {
  expect(result.problems).toEqual([]);
  expect(result.format).toBe('pairs');
  expect(result.examples).toHaveLength(1);
  const { line, ...example } = result.examples[0];
  expect(line).toBeGreaterThan(0);
  return example;
}

function reasonOf(value: unknown): string {
  const { problems, examples } = row(value);
  expect(examples).toEqual([]);
  expect(problems).toHaveLength(1);
  return problems[0].reason;
}

const USER = { role: 'user', content: 'Hi' };
const SYSTEM = { role: 'system', content: 'Be brief' };
const GOOD = { role: 'assistant', content: 'Hello' };
const BAD = { role: 'assistant', content: 'What?' };
const EARLIER = { role: 'assistant', content: 'Yes?' };
const messages = (...list: unknown[]): unknown => ({ kind: 'messages', messages: list });

describe('a pair', () => {
  it.each<[string, unknown, unknown, unknown]>([
    [
      'three texts',
      { prompt: 'Hi', chosen: 'Hello', rejected: 'What?' },
      { kind: 'completion', prompt: 'Hi', completion: 'Hello' },
      { kind: 'completion', prompt: 'Hi', completion: 'What?' },
    ],
    [
      'a prompt of messages, and two texts',
      { prompt: [SYSTEM, USER], chosen: 'Hello', rejected: 'What?' },
      messages(SYSTEM, USER, GOOD),
      messages(SYSTEM, USER, BAD),
    ],
    [
      'a prompt of messages, and two lists of them',
      { prompt: [USER], chosen: [GOOD], rejected: [BAD] },
      messages(USER, GOOD),
      messages(USER, BAD),
    ],
    [
      'two conversations with one beginning, which is not learnt from',
      { chosen: [USER, EARLIER, USER, GOOD], rejected: [USER, EARLIER, USER, BAD] },
      messages(USER, { ...EARLIER, supervised: false }, USER, GOOD),
      messages(USER, { ...EARLIER, supervised: false }, USER, BAD),
    ],
    [
      'a text beside two conversations, which repeats their beginning',
      { prompt: 'Hi', chosen: [USER, GOOD], rejected: [USER, BAD] },
      messages(USER, GOOD),
      messages(USER, BAD),
    ],
    [
      'a text before two lists of answers alone',
      { prompt: 'Hi', chosen: [GOOD], rejected: [BAD] },
      messages(USER, GOOD),
      messages(USER, BAD),
    ],
    [
      'ready tokens',
      { prompt_ids: [1, 2], chosen_ids: [3], rejected_ids: [4, 5] },
      { kind: 'tokens', ids: [1, 2, 3], labels: [-100, -100, 3] },
      { kind: 'tokens', ids: [1, 2, 4, 5], labels: [-100, -100, 4, 5] },
    ],
  ])('is %s', (_, value, chosen, rejected) => {
    expect(pairOf(row(value))).toEqual({ kind: 'pair', chosen, rejected });
  });

  it('can be in a table, with messages as JSON', () => {
    const csv = `prompt,chosen,rejected\nHi,"${JSON.stringify([GOOD]).replaceAll('"', '""')}","${JSON.stringify([BAD]).replaceAll('"', '""')}"`;
    expect(pairOf(read(csv, 'x.csv'))).toEqual({
      kind: 'pair',
      chosen: messages(USER, GOOD),
      rejected: messages(USER, BAD),
    });
    expect(pairOf(read('Prompt,Chosen,Rejected\nHi,Hello,What?', 'x.csv'))).toEqual({
      kind: 'pair',
      chosen: { kind: 'completion', prompt: 'Hi', completion: 'Hello' },
      rejected: { kind: 'completion', prompt: 'Hi', completion: 'What?' },
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['no prompt', { chosen: 'a', rejected: 'b' }, /^prompt is missing: give it next to/],
    ['no answer', { prompt: 'Hi', chosen: '', rejected: 'b' }, /chosen/],
    [
      'two equal answers',
      { prompt: 'Hi', chosen: 'a', rejected: 'a' },
      /the same, so that there is nothing to prefer/,
    ],
    ['two equal conversations', { chosen: [USER, GOOD], rejected: [USER, GOOD] }, /nothing to prefer/],
    [
      'conversations without a common beginning',
      { chosen: [{ role: 'user', content: 'A' }, GOOD], rejected: [{ role: 'user', content: 'B' }, BAD] },
      /start differently: they have no common prompt/,
    ],
    ['a conversation without an answer', { prompt: [USER], chosen: [USER], rejected: [BAD] }, /chosen/],
    ['a number for an answer', { prompt: 'Hi', chosen: 3, rejected: 'b' }, /chosen/],
    ['a text for ids', { prompt_ids: 'x', chosen_ids: [1], rejected_ids: [2] }, /prompt_ids/],
    ['no prompt of ids', { chosen_ids: [1], rejected_ids: [2] }, /prompt_ids/],
    ['equal ids', { prompt_ids: [1], chosen_ids: [2], rejected_ids: [2] }, /nothing to prefer/],
  ])('is reported if it has %s', (_, value, reason) => {
    expect(reasonOf(value)).toMatch(reason);
  });

  it('leaves the others if it is bad', () => {
    const good = { prompt: 'Hi', chosen: 'a', rejected: 'b' };
    const { examples, problems } = read(
      [good, { prompt: 'Hi', chosen: 'a', rejected: 'a' }, good].map((one) => JSON.stringify(one)).join('\n'),
    );
    expect(examples.map(({ line }) => line)).toEqual([1, 3]);
    expect(problems.map(({ line }) => line)).toEqual([2]);
  });
});
