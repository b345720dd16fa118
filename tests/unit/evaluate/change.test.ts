/** A new adapter against the one in use: the words, and what counts as chance. */
import { expect, test } from 'vitest';
import { judgeChange } from '../../../src/evaluate/change.ts';
import type { Side } from '../../../src/evaluate/sides.ts';
import { measuredIn } from './earlier-shapes.ts';

const share = (count: number, total: number) => ({
  count,
  total,
  interval: [0, 1] as [number, number],
});

/** A measurement in which rows from one to another are right. */
function measured(rows: number, from: number, to: number, perplexity?: number): Side {
  const report = perplexity !== undefined && {
    loss: Math.log(perplexity),
    perplexity,
    supervisedTokens: 100,
  };
  return measuredIn({
    origin: {
      time: 0,
      model: { name: 'sprig', bundled: true, fingerprint: 'f' },
      adapter: { name: 'Captain', id: '1' },
    },
    rows: Array.from({ length: rows }, (_, at) => ({
      prompt: `Ask ${at}`,
      expected: `right ${at}`,
      base: 'wrong',
      tuned: at >= from && at < to ? `right ${at}` : 'wrong',
    })),
    exact: { base: share(0, rows), tuned: share(to - from, rows) },
    rules: [],
    ...(report && { base: report, tuned: report }),
  }).tuned;
}

test.each([
  // Ten rows that only the new one gets right: p = 2 · 2⁻¹⁰.
  [
    'better',
    measured(20, 0, 5),
    measured(20, 0, 15),
    /^Better: 15 of 20 test rows exactly right, before 5\./,
  ],
  ['worse', measured(20, 0, 15), measured(20, 0, 5), /^Worse: 5 of 20 test rows exactly right, before 15\./],
  // Five: p = 2 · 2⁻⁵ = 0.0625.
  ['chance', measured(20, 0, 5), measured(20, 0, 10), /^A little better, which may be chance/],
  ['chance', measured(20, 0, 10), measured(20, 0, 8), /^A little worse, which may be chance/],
  ['same', measured(20, 0, 10), measured(20, 0, 10), /^As good as before: 10 of 20/],
  ['same', measured(20, 0, 10), measured(20, 10, 20), /^As good as before: 10 of 20/],
] as const)('exact answers: %s', (kind, before, after, words) => {
  const change = judgeChange(before, after);
  expect(change.kind).toBe(kind);
  expect(change.what).toMatch(words);
});

test('the certainty follows from the rows on which the two differ', () => {
  expect(judgeChange(measured(20, 0, 5), measured(20, 0, 10)).how).toMatch(
    /Only the new one is right on 5, only the one in use on 0\. .* about once in 16 times by chance \(exact McNemar test, p = 0\.063\)/,
  );
  expect(judgeChange(measured(20, 0, 5), measured(20, 0, 5)).how).toMatch(/right on the same rows/);
});

test.each([
  ['better', 20, 10, /^The reference answers are likelier: perplexity 20(\.0)? → 10(\.0)?\.$/],
  ['worse', 10, 20, /^The reference answers are less likely/],
  ['same', 10, 10.2, /^As likely as before/],
] as const)('free text: %s', (kind, before, after, words) => {
  const change = judgeChange(measured(20, 0, 0, before), measured(20, 0, 1, after));
  expect(change.kind).toBe(kind);
  expect(change.what).toMatch(words);
});

test('a change without losses reports only the few right answers', () => {
  expect(judgeChange(measured(20, 0, 0), measured(20, 0, 1)).kind).toBe('chance');
});

test('measurements on other rows are not compared', () => {
  expect(() => judgeChange(measured(20, 0, 0), measured(19, 0, 0))).toThrow(/different rows/);
});
