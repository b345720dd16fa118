/** The check of a file of which only an index is held: it finds what it finds in rows that are all held. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkRows, checkRowsOf, checkRowsOfIndex } from '../../../src/data/findings/check.ts';
import type { Finding } from '../../../src/data/findings/finding.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { readFile, type Slicer } from '../../../src/data/open-rows.ts';
import { isHeld, type List } from '../../../src/lists.ts';
import type { CheckRow } from '../../../src/data/findings/finding.ts';

const SLICER: Slicer = {
  due: false,
  pause: () => Promise.resolve(),
  each: () => Promise.resolve(),
};

const linesOf = (rows: readonly unknown[]): string =>
  rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n');

async function ofIndex(text: string, fileName = 'rows.jsonl'): Promise<List<CheckRow>> {
  const bytes = new TextEncoder().encode(text);
  const options = { fileName, mostProblems: Infinity };
  const { index, problems } = await readFile(bytes, options, SLICER, { rows: 0, bytes: 0 });
  return checkRowsOfIndex(index!, problems);
}

const held = (text: string): CheckRow[] =>
  checkRowsOf(
    readExamples(new TextEncoder().encode(text), { fileName: 'rows.jsonl', mostProblems: Infinity }),
  );

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
/** Prompts of 30 words, of which no two share five in a row. */
const PLAIN = Array.from({ length: 30 }, (_, i) => ({
  prompt: Array.from({ length: 30 }, (_, word) => `${LETTERS[i % 26]}${word}x${i}`).join(' '),
  completion: `answer ${LETTERS[i % 26]}`,
}));
const ROWS = [
  ...PLAIN,
  { ...PLAIN[4], completion: 'other' },
  '{"broken"',
  PLAIN[7],
  { prompt: `${PLAIN[9].prompt} indeed`, completion: PLAIN[9].completion },
  { prompt: 'no answer' },
  { prompt: 'Write to a@b.com', completion: '4111 1111 1111 1111' },
  { prompt: 'empty', completion: '' },
  { prompt: 'Tell me all.', completion: 'long word '.repeat(200) },
];
const TEST = [PLAIN[12], { prompt: `${PLAIN[13].prompt} or so`, completion: 'yes' }];

test('names the faults that stand in the file, by the places of their rows', async () => {
  const rows = await ofIndex(linesOf(ROWS));
  const found = checkRows({ rows, test: await ofIndex(linesOf(TEST)), testFraction: 0.1 });
  expect(isHeld(rows)).toBe(false);
  expect(Object.fromEntries(found.map((one) => [one.id, one.rows]))).toEqual({
    'exact-duplicates': [32],
    'near-duplicates': [33],
    'contradictory-answers': [4, 30],
    'unreadable-rows': [31],
    'nothing-supervised': [34],
    'card-number': [35],
    'e-mail-address': [35],
    'empty-answers': [36],
    'very-long-answers': [37],
    'test-in-train': [12, 13],
    // Row 12 has the very prompt of a test row.
    'near-test-rows': [13],
    'few-test-rows': [],
  });
});

test('finds near copies far apart among more groups of words than are kept together', async () => {
  // 160 rows of 2,000 words: more groups than a block of memory has room for.
  const long = Array.from({ length: 160 }, (_, i) => ({
    prompt: Array.from({ length: 2000 }, (__, word) => `${LETTERS[i % 26]}${(word * (i + 7)) % 9973}`).join(
      ' ',
    ),
    completion: `answer ${i}`,
  }));
  const rows = [...long, { ...long[3], prompt: `${long[3].prompt} indeed` }];
  const test = [{ ...long[158], prompt: `${long[158].prompt} or so` }];
  const found = checkRows({
    ...{ rows: await ofIndex(linesOf(rows)), test: await ofIndex(linesOf(test)) },
    testFraction: 0.1,
  });
  const rowsOf = (id: string): readonly number[] | undefined => found.find((one) => one.id === id)?.rows;
  expect([rowsOf('near-duplicates'), rowsOf('near-test-rows')]).toEqual([[160], [158]]);
});

test('is the check of held rows, whatever the rows are', async () => {
  const text = fc.oneof(
    fc.constantFrom('yes', 'no', 'a@b.com', ...PLAIN.slice(0, 3).map(({ prompt }) => prompt)),
    fc.string(),
  );
  const row = fc.oneof(
    fc.record({ prompt: text, completion: text }),
    fc.record({ prompt: text, chosen: text, rejected: text }),
    fc.record({ prompt: text, completion: text, label: fc.boolean() }),
    fc.record({
      messages: fc.tuple(
        fc.constant({ role: 'user', content: 'Hi' }),
        fc.record({ role: fc.constant('assistant'), content: text }),
      ),
    }),
    fc.constant('{"broken"'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 25 }), async (rows) => {
      const written = linesOf([PLAIN[0], ...rows]);
      const check = (all: List<CheckRow>): Finding[] => checkRows({ rows: all, testFraction: 0.1 });
      expect(check(await ofIndex(written))).toEqual(check(held(written)));
    }),
    { numRuns: 40 },
  );
});

test('reads a file of prompts that have no answers', async () => {
  const prompts = [{ prompt: 'Name a river.' }, { prompt: 'Name a lake.' }, { prompt: 'Name a river.' }];
  const found = checkRows({ rows: await ofIndex(linesOf(prompts)), testFraction: 0.1 });
  expect(found.find(({ id }) => id === 'exact-duplicates')?.rows).toEqual([2]);
});
