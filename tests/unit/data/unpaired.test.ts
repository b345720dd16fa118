/** Rows of single answers with a label: every accepted form, and the error of each bad one. */
import { describe, expect, it } from 'vitest';
import { readExamples, type ReadResult } from '../../../src/data/formats.ts';
import type { LabelledTokens } from '../../../src/model/batch.ts';
import { withMismatched } from '../../../src/objectives/kto/mismatched.ts';

const read = (content: string, fileName = 'x.jsonl'): ReadResult => readExamples(content, { fileName });
const row = (value: unknown): ReadResult => read(JSON.stringify(value));
const USER = { role: 'user', content: 'Hi' };
const GOOD = { role: 'assistant', content: 'Hello' };
const plain = { kind: 'completion', prompt: 'Hi', completion: 'Hello' };

describe('a judged answer', () => {
  it.each<[unknown, boolean]>([
    [true, true],
    [false, false],
    ['true', true],
    [' False ', false],
    [1, true],
    [0, false],
    ['1', true],
    ['-1', false],
    ['👍', true],
    ['👎', false],
    ['thumbs up', true],
    ['thumbs_down', false],
    ['undesirable', false],
  ])('has the label %j', (label, desirable) => {
    const { examples, problems, format } = row({ prompt: 'Hi', completion: 'Hello', label });
    expect(problems).toEqual([]);
    expect(format).toBe('unpaired');
    expect(examples).toEqual([{ kind: 'unpaired', answer: plain, desirable, line: 1 }]);
  });

  it('may be of messages, or of ready tokens', () => {
    expect(row({ prompt: [USER], completion: [GOOD], label: false }).examples).toEqual([
      {
        kind: 'unpaired',
        answer: { kind: 'messages', messages: [USER, GOOD] },
        desirable: false,
        line: 1,
      },
    ]);
    expect(row({ prompt_ids: [1, 2], completion_ids: [3], desirable: true }).examples).toEqual([
      {
        kind: 'unpaired',
        answer: { kind: 'tokens', ids: [1, 2, 3], labels: [-100, -100, 3] },
        desirable: true,
        line: 1,
      },
    ]);
  });

  it('can be in a table, with messages as JSON', () => {
    const table = `prompt,completion,label\nHi,Hello,true\n"[${JSON.stringify(USER).replaceAll('"', '""')}]","[${JSON.stringify(GOOD).replaceAll('"', '""')}]",0`;
    const { examples, problems, format } = read(table, 'x.csv');
    expect(problems).toEqual([]);
    expect(format).toBe('unpaired');
    expect(examples.map((example) => example.kind === 'unpaired' && example.desirable)).toEqual([
      true,
      false,
    ]);
  });

  it.each<[string, unknown, string]>([
    ['another word', { prompt: 'Hi', completion: 'Hello', label: 'urgent' }, 'label is "urgent"'],
    ['a number', { prompt: 'Hi', completion: 'Hello', label: 2 }, 'label is 2'],
    ['nothing', { prompt: 'Hi', completion: 'Hello', label: null }, 'label is null'],
    ['an empty text', { prompt: 'Hi', completion: 'Hello', label: '' }, 'label is ""'],
    ['a list', { prompt: 'Hi', completion: 'Hello', label: [1] }, 'label is a list'],
    ['no answer', { prompt: 'Hi', completion: ' ', label: true }, 'completion is empty'],
    ['no prompt', { completion: 'Hello', label: true }, 'prompt is missing'],
    ['no label of tokens', { prompt_ids: [1], completion_ids: [2] }, 'desirable is missing'],
    [
      'an id that is none',
      { prompt_ids: [1], completion_ids: [-2], desirable: true },
      'completion_ids[0] is -2',
    ],
  ])('is bad if it has %s', (_, value, reason) => {
    const { problems, examples } = row(value);
    expect(examples).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(problems[0].reason).toContain(reason);
  });
});

describe('the answers of other rows', () => {
  /** Prompt 10 + i, answer 20 + i. */
  const rows = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      ids: [10 + i, 20 + i],
      labels: [-100, 20 + i],
      desirable: true,
    }));
  const others = (count: number, batch: number, maxLength = 8): number[][] =>
    withMismatched<LabelledTokens>(rows(count), { batch, maxLength }).map(({ ids, starts = [] }) =>
      Array.from(ids).slice(starts[0]),
    );

  it('rotate within blocks of a micro-batch', () => {
    expect(others(4, 2)).toEqual([
      [10, 21],
      [11, 20],
      [12, 23],
      [13, 22],
    ]);
  });

  it('never use the own one: a single remaining row joins the block before it', () => {
    expect(others(5, 2).slice(2)).toEqual([
      [12, 24],
      [13, 22],
      [14, 23],
    ]);
    expect(others(3, 8)).toEqual([
      [10, 22],
      [11, 20],
      [12, 21],
    ]);
  });

  it('are cut at the limit, and added once', () => {
    expect(others(2, 2, 1)).toEqual([[10], [11]]);
    const once = withMismatched(rows(4), { batch: 2, maxLength: 8 });
    expect(withMismatched(once, { batch: 3, maxLength: 8 })).toEqual(once);
  });
});
