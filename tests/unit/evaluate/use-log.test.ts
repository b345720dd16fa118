/** Logs of real use: the three forms of a line, why an answer went wrong, lengths, and what the answers can teach. */
import { describe, expect, test } from 'vitest';
import type { AskingRow } from '../../../src/data/feedback.ts';
import { lengthBins } from '../../../src/evaluate/use-lengths.ts';
import { useLessonsOf, type LoggedAnswer } from '../../../src/evaluate/use-lessons.ts';
import { readUseLog, useSentences, reportUse, wrongOf } from '../../../src/evaluate/use-log.ts';
import { graftError } from '../expect-graft-error.ts';

const lines = (...rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const QUESTION = { role: 'user', content: 'Who lives here?' };
const SERVED = { model: 'voice', answer: 'An owl.', finish_reason: 'stop' };

describe('a line', () => {
  test('has its question in messages, a text, or token ids if graft serve wrote it', () => {
    const used = readUseLog(
      lines(
        { ...SERVED, time: '2026-01-01', messages: [QUESTION] },
        { ...SERVED, prompt: 'Once' },
        { ...SERVED, prompt: [1, 2] },
      ),
      'used.jsonl',
    );
    expect(used.map(({ prompt, asked }) => [prompt, asked])).toEqual([
      ['Who lives here?', [QUESTION]],
      ['Once', 'Once'],
      ['', [1, 2]],
    ]);
    expect(used[0]).toMatchObject({ model: 'voice', time: '2026-01-01', answer: 'An owl.', finish: 'stop' });
  });

  test('has its answer as the last message, and a thumb or null, if a chat page wrote it', () => {
    const row = { messages: [QUESTION, { role: 'assistant', content: 'A goat.' }], time: '2026-01-01' };
    const used = readUseLog(lines({ ...row, thumb: 'down' }, { ...row, thumb: null }), 'chat.jsonl');
    expect(used[0]).toMatchObject({ prompt: 'Who lives here?', answer: 'A goat.', thumb: 'down' });
    expect(used[0].asked).toEqual([QUESTION]);
    expect(used[1]).not.toHaveProperty('thumb');
    // A page of an earlier version does not say how an answer ended.
    expect(used[0].finish).toBe('');
    const [cut] = readUseLog(lines({ ...row, finish_reason: 'length', thumb: null }), 'chat.jsonl');
    expect(wrongOf(cut)).toBe('cut');
  });

  test('keeps calls of tools, and joins the parts of a message', () => {
    const call = { role: 'assistant', content: null, tool_calls: [{ id: 'a' }] };
    const parts = {
      role: 'user',
      content: [
        { type: 'text', text: 'Who ' },
        { type: 'text', text: 'is it?' },
      ],
    };
    const [used] = readUseLog(lines({ ...SERVED, messages: [QUESTION, call, parts] }), 'tools.jsonl');
    expect(used.prompt).toBe('Who is it?');
    expect(used.asked).toMatchObject([QUESTION, { tool_calls: [{ id: 'a' }], content: '' }, {}]);
  });

  test.each([
    ['without a question', lines({ messages: [{ role: 'assistant', content: 'Hello' }] }), 'has no question'],
    ['of another form', lines({ text: 'a' }), 'Line 1 of x.jsonl is not an answer of a log'],
    ['that is not there', '\n', 'x.jsonl has no answers yet'],
  ])('%s is refused', async (_, text, words) => {
    expect((await graftError(() => readUseLog(text, 'x.jsonl'), 'use-log')).what).toContain(words);
  });
});

test('a line that was half written is left out and named, and the others are read', async () => {
  const whole = lines({ ...SERVED, prompt: 'Once' }, { ...SERVED, prompt: 'Twice' });
  const read = (text: string): [number, string[]] => {
    const told: string[] = [];
    return [readUseLog(text, 'x.jsonl', (sentence) => void told.push(sentence)).length, told];
  };
  expect(read(whole)).toEqual([2, []]);
  const half = whole.slice(0, 40);
  const left = 'is left out: it is damaged, as if the program had stopped while it wrote it.';
  expect(read(whole + half)).toEqual([2, [`Line 3 of x.jsonl ${left}`]]);
  // After a fall of the machine it may be zeros, and the program may have gone on.
  expect(read(`${'\0'.repeat(9)}\n${whole}`)).toEqual([2, [`Line 1 of x.jsonl ${left}`]]);
  const [count, [many]] = read(whole + `${half}\n`.repeat(12));
  expect(count).toBe(2);
  expect(many).toContain('Lines 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 2 more of x.jsonl are left out');
  expect((await graftError(() => read(half), 'json-syntax')).what).toContain('Line 1 of x.jsonl');
});

test('a thumb up says that nothing is wrong, and a thumb down that something is', () => {
  const refusal = { answer: 'I cannot say that.', finish: 'stop' };
  expect(wrongOf(refusal)).toBe('refusal');
  expect(wrongOf({ ...refusal, thumb: 'up' })).toBeUndefined();
  expect(wrongOf({ answer: 'A goat.', finish: 'stop', thumb: 'down' })).toBe('disliked');
  expect(wrongOf({ answer: 'A goat.', finish: 'length', thumb: 'down' })).toBe('cut');
});

test('thumbs are reported only if there are any', () => {
  const used = readUseLog(lines({ ...SERVED, prompt: 'Once' }, { ...SERVED, prompt: 'Twice' }), 'x');
  expect(useSentences(reportUse(used, undefined)).join(' ')).not.toContain('Thumbs');
  const judged = reportUse([{ ...used[0], thumb: 'down' }, used[1]], undefined);
  expect(judged).toMatchObject({ thumbs: { up: 0, down: 1 }, wrong: { disliked: 1 } });
  expect(useSentences(judged)).toContain(
    'Thumbs up 0 (0%), thumbs down 1 (50%); 1 of them show no other fault.',
  );
});

describe('lengths', () => {
  test('are shares of both sides in bins of a round width', () => {
    const bins = lengthBins(['a'.repeat(3), 'a'.repeat(14)], ['a'.repeat(2), '', 'a'.repeat(19), 'a']);
    expect(bins).toHaveLength(10);
    expect(bins[0]).toEqual({ from: 0, to: 2, now: 0, before: 0.5 });
    for (const of of ['now', 'before'] as const)
      expect(bins.reduce((sum, bin) => sum + bin[of]!, 0)).toBeCloseTo(1, 12);
  });

  test('have no earlier side without training rows, and one long text does not crush the others', () => {
    const texts = [...Array.from({ length: 39 }, () => 'abcd'), 'a'.repeat(10_000)];
    const bins = lengthBins(texts);
    expect(bins[0]).not.toHaveProperty('before');
    expect(bins.at(-1)!.to).toBeLessThan(100);
    expect(bins.at(-1)!.now).toBeCloseTo(1 / 40, 12);
  });
});

describe('lessons', () => {
  const answer = (id: string, question: string, more: Partial<LoggedAnswer> = {}): LoggedAnswer => ({
    ...{ id, model: 'voice', time: '', prompt: question, asked: [{ role: 'user', content: question }] },
    ...{ answer: 'A goat.', finish: 'stop' },
    ...more,
  });
  const ROWS: readonly AskingRow[] = [
    { prompt: 'Who sings?', expected: 'A lark.', part: 'train', line: 1 },
    { prompt: 'Who sleeps?', expected: 'An owl.', part: 'test', line: 2 },
  ];

  test('are what went wrong with a better answer of the log or of training, and what was liked', () => {
    const { lessons } = useLessonsOf(
      [
        answer('bad', 'Who lives here?', { thumb: 'down' }),
        answer('good', ' who lives  here?', { thumb: 'up', answer: 'An owl.' }),
        answer('known', 'Who sings?', { answer: '' }),
        answer('open', 'What is it?', { finish: 'length' }),
        answer('fine', 'Where is it?'),
      ],
      ROWS,
    );
    expect(lessons.map(({ id, verdict, why, correction }) => [id, verdict, why, correction])).toEqual([
      ['bad', 'bad', 'disliked', 'An owl.'],
      ['good', 'good', undefined, undefined],
      ['known', 'bad', 'empty', 'A lark.'],
      ['open', 'bad', 'cut', undefined],
    ]);
  });

  test('leave out questions of the test part, also behind a system prompt', () => {
    const system = [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'Who sleeps?' },
    ];
    const found = useLessonsOf(
      [
        answer('copy', 'who  sleeps?', { thumb: 'down' }),
        answer('behind', 'Who sleeps?', { thumb: 'down', asked: system }),
        answer('other', 'Who wakes?', { thumb: 'down' }),
      ],
      ROWS,
    );
    expect(found).toMatchObject({ leaks: 2, unfit: 0 });
    expect(found.lessons.map(({ id }) => id)).toEqual(['other']);
  });

  test('leave out conversations with tools and token ids', () => {
    const tool = { role: 'tool', content: '3' };
    const found = useLessonsOf(
      [
        answer('tool', '3', { thumb: 'down', asked: [{ role: 'user', content: 'How many?' }, tool] }),
        answer('ids', '', { thumb: 'down', asked: [1, 2] }),
        answer('text', 'Once', { thumb: 'down', asked: 'Once' }),
      ],
      ROWS,
    );
    expect(found.unfit).toBe(2);
    expect(found.lessons).toMatchObject([{ id: 'text', plain: 'Once' }]);
  });
});
