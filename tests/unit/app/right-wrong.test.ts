/** Rows by who is right, and labels that are taken for others. */
import { expect, test } from 'vitest';
import { confusionOf, outcomesOf } from '../../../src/app/evaluate/right-wrong.ts';
import { recordOf } from '../../../src/evaluate/record.ts';
import { sideOf } from '../../../src/evaluate/sides.ts';

const expected = ['card', 'card', 'login', 'login'];
const record = recordOf(
  {
    ...{ time: 0, model: { name: 'm', bundled: false } },
    draw: { seed: 1, of: 4, tooLong: 0, labels: { drawn: 2, of: 2, least: 2, most: 2 } },
  },
  expected.map((text, row) => ({ row, prompt: `${row}`, expected: text })),
  [
    ['card', 'login', 'login', 'what'],
    ['card', 'card', 'card', 'card'],
  ].map((answers, at) => ({
    subject: { method: at === 0 ? 'adapter' : 'frequent', label: `${at}` },
    answers: answers.map((text) => ({ text })),
    scores: { 'exact-match': answers.map((text, row) => Number(text === expected[row])) },
  })),
  [{ name: 'exact-match' }],
);

test('each row is in one of four parts', () => {
  expect(outcomesOf(sideOf(record, 0), sideOf(record, 1))).toEqual([
    ...['both', 'only-other', 'only-this', 'neither'],
  ]);
});

test('labels are counted by what was answered, with a column for answers that are none', () => {
  expect(confusionOf(sideOf(record, 0))).toEqual({
    labels: ['card', 'login'],
    answers: ['card', 'login', 'no label'],
    counts: [
      [1, 1, 0],
      [0, 1, 1],
    ],
  });
});

test('answers that are texts have no such table', () => {
  const { labels: _, ...draw } = record.made.draw!;
  expect(confusionOf(sideOf({ ...record, made: { ...record.made, draw } }, 0))).toBeUndefined();
});
