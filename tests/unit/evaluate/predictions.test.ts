/** Files of predictions, and the files that an evaluation writes. */
import { describe, expect, test } from 'vitest';
import { adapter } from '../../../src/evaluate/methods/adapter.ts';
import { base } from '../../../src/evaluate/methods/base.ts';
import { nearestRow } from '../../../src/evaluate/methods/nearest.ts';
import { METRICS } from '../../../src/evaluate/metrics/registry.ts';
import { readPredictions } from '../../../src/evaluate/predictions.ts';
import {
  judgeResults,
  methodReport,
  predictionsOf,
  type AskedRow,
  type MethodResult,
} from '../../../src/evaluate/report.ts';
import { graftError } from '../expect-graft-error.ts';

const read = (...lines: readonly unknown[]): ReturnType<typeof readPredictions> =>
  readPredictions(
    new TextEncoder().encode(
      lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
    ),
    'p.jsonl',
  );

describe('a file of predictions', () => {
  test("has Graft's names or those of other tools, and may have several methods", () => {
    expect(read({ prediction: 'a', reference: 'b', more: 1 }, '', { output: 'c', expected: 'd' })).toEqual([
      {
        rows: [
          { output: 'a', expected: 'b' },
          { output: 'c', expected: 'd' },
        ],
      },
    ]);
    const line = { output: 'a', expected: 'a' };
    const groups = read(
      { ...line, method: 'base' },
      { ...line, method: 'adapter', adapter: 'x' },
      { ...line, method: 'base' },
    );
    expect(groups.map(({ method, adapter: by, rows }) => [method, by, rows.length])).toEqual([
      ['base', undefined, 2],
      ['adapter', 'x', 1],
    ]);
  });

  test.each<[unknown, RegExp]>([
    [
      { prediction: 'a' },
      /^Line 2 of p\.jsonl is no prediction: it has neither "reference" nor "expected"\.$/,
    ],
    [{ prediction: 1, reference: 'a' }, /"prediction" is no text/],
    ['[1]', /Line 2/],
    ['{', /Line 2/],
  ])('%j is refused with its line', async (row, what) => {
    const code = row === '{' ? 'json-syntax' : 'predictions';
    const error = await graftError(() => read({ prediction: 'a', reference: 'a' }, row), code);
    expect(error.what).toMatch(what);
  });

  test('that is empty is refused', async () => {
    await graftError(() => read('', ''), 'predictions-empty');
  });
});

const ROWS = Array.from({ length: 20 }, (_, row): AskedRow => ({
  row,
  line: row + 1,
  input: `Ask ${row}`,
  expected: `the answer ${row}`,
}));
/** Right in the first `right` rows. */
const answers = (right: number): string[] => ROWS.map(({ expected }, at) => (at < right ? expected : 'no'));
const loss = (perplexity: number): MethodResult['loss'] => ({
  loss: Math.log(perplexity),
  perplexity,
  supervisedTokens: 40,
  rows: 20,
});
const RESULTS: MethodResult[] = [
  { method: nearestRow, answers: answers(4), seconds: 0 },
  { method: base, answers: answers(1), loss: loss(20), seconds: 1 },
  { method: adapter, adapter: 'out/a', answers: answers(15), loss: loss(3), seconds: 1 },
];
const DRAW = { seed: 42, of: 40, tooLong: 0 };

/** Only those that compare answers: a method without a model has no likelihood. */
const answerMetrics = METRICS.filter((metric) => metric.of === 'answers').map(({ name }) => name);

describe('the files of an evaluation', () => {
  test('predictions have a line for each row and method, and can be scored again', () => {
    const lines = predictionsOf(ROWS, RESULTS, METRICS);
    expect(lines).toHaveLength(60);
    expect(lines[20]).toEqual({
      ...ROWS[0],
      method: 'base',
      output: 'the answer 0',
      scores: Object.fromEntries(answerMetrics.map((name) => [name, 1])),
    });
    expect(lines[59]).toMatchObject({
      method: 'adapter',
      adapter: 'out/a',
      row: 19,
      scores: { 'exact-match': 0 },
    });
    expect(read(...lines).map(({ method, rows }) => [method, rows.length])).toEqual([
      ['nearest', 20],
      ['base', 20],
      ['adapter', 20],
    ]);
  });

  test('a report has the value of every metric that is known', () => {
    expect(methodReport(RESULTS[2], ROWS, METRICS)).toMatchObject({
      method: 'adapter',
      adapter: 'out/a',
      rows: 20,
      metrics: { 'exact-match': 0.75, 'token-f1': 0.75, loss: Math.log(3), perplexity: 3 },
      loss_rows: 20,
    });
    expect(Object.keys((methodReport(RESULTS[0], ROWS, METRICS) as { metrics: object }).metrics)).toEqual(
      answerMetrics,
    );
  });

  test('the verdict is that of the page: against the best method without tuning, by the exact McNemar test', () => {
    const judged = judgeResults(ROWS, RESULTS, DRAW);
    expect(judged?.comparisons).toEqual([
      {
        adapter: 'out/a',
        against: 'nearest',
        only_adapter: 11,
        only_other: 0,
        p: expect.closeTo(2 / 2 ** 11, 12),
      },
    ]);
    const { before, number, after, caution } = judged!.verdict;
    expect(before + number + after).toBe(
      'Tuning helped: the adapter gets 15 of 20 rows exactly right. The best without tuning, copying the nearest row, gets 4.',
    );
    expect(caution).toMatch(/is not known here/);
  });

  test('a stopped method is reported, but not judged', () => {
    const stopped: MethodResult = {
      method: adapter,
      adapter: 'b',
      answers: answers(20).slice(0, 3),
      stopped: true,
      seconds: 1,
    };
    expect(methodReport(stopped, ROWS, METRICS)).toMatchObject({
      rows: 3,
      stopped: true,
      metrics: { 'exact-match': 1 },
    });
    expect(predictionsOf(ROWS, [stopped], METRICS)).toHaveLength(3);
    expect(judgeResults(ROWS, [RESULTS[1], stopped], DRAW)).toBeUndefined();
  });
});
