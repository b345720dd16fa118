/** Answers in the order of a score, and the slices of their rows. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { recordOf, type Evaluation, type Item } from '../../../src/evaluate/record.ts';
import { sideOf } from '../../../src/evaluate/sides.ts';
import { inOrder, rowScorersOf, sliceScore, slicesOf } from '../../../src/evaluate/slices.ts';

const items: Item[] = ['b', 'dddd', 'a', 'ccc', 'ffffff', 'eeeee'].map((prompt, at) => ({
  row: [1, 3, 0, 2, 5, 4][at],
  prompt,
  expected: at % 3 === 0 ? ' card' : 'login',
  task: at < 4 ? 'mail' : 'chat',
}));
const labels = { drawn: 2, of: 2, least: 2, most: 4 };
const record = (more: Partial<Evaluation['made']> = {}): Evaluation =>
  recordOf(
    {
      ...{ time: 0, model: { name: 'm', bundled: false } },
      draw: { seed: 1, of: 6, tooLong: 0, labels },
      ...more,
    },
    items,
    [
      {
        subject: { method: 'adapter', label: 'adapter' },
        answers: items.map(({ expected }) => ({ text: expected })),
        scores: { 'exact-match': [1, 0, 1, 0, 1, 0], bleu: [1, 1, 1, 1, 1, 1] },
      },
    ],
    [{ name: 'exact-match' }, { name: 'bleu' }],
  );

test('rows come as in their file, or in the order in which they were drawn where that is not known', () => {
  expect(inOrder('file', items, 'higher', [])).toEqual([2, 0, 3, 1, 5, 4]);
  const unknown = items.map(({ row: _, ...item }) => item);
  expect(inOrder('file', unknown, 'higher', [])).toEqual([0, 1, 2, 3, 4, 5]);
});

test('the worst rows come first, equal ones as in the file, and those without a score last', () => {
  const scores = [0.5, null, 0.1, 0.5, 1, 0];
  expect(inOrder('worst', items, 'higher', scores)).toEqual([5, 2, 0, 3, 4, 1]);
  expect(inOrder('worst', items, 'lower', scores)).toEqual([4, 0, 3, 2, 5, 1]);
});

test('the most improved and the most damaged rows come first by the change of their score', () => {
  const [tuned, base] = [
    [1, 0, 0.5, 1, null, 0.2],
    [0, 1, 0.4, 1, 0, 0],
  ];
  expect(inOrder('improved', items, 'higher', tuned, base)).toEqual([0, 5, 2, 3, 1, 4]);
  expect(inOrder('damaged', items, 'higher', tuned, base)).toEqual([1, 3, 2, 5, 0, 4]);
  // A smaller score is better: what grew is damaged.
  expect(inOrder('damaged', items, 'lower', tuned, base)[0]).toBe(0);
});

test('slices are by label, length of the question, task and finding', () => {
  const found = slicesOf(record(), new Map([['2 rows repeat', [1, 4]]]));
  expect(found.map(({ kind, name, rows }) => [kind, name, rows])).toEqual([
    ['label', 'login', [1, 2, 4, 5]],
    ['label', 'card', [0, 3]],
    ['length', 'up to 1 character', [0, 2]],
    ['length', '2 to 4 characters', [1, 3]],
    ['length', 'more than 4 characters', [4, 5]],
    ['task', 'mail', [0, 1, 2, 3]],
    ['task', 'chat', [4, 5]],
    ['finding', '2 rows repeat', [1, 4]],
  ]);
});

test('rows of one source are a slice where the split keeps sources together', () => {
  const sources = ['a', 'b', 'b', 'c', 'b', undefined];
  const of = record();
  const grouped = { ...of, items: of.items.map((item, at) => ({ ...item, group: sources[at] })) };
  expect(slicesOf(grouped).filter(({ kind }) => kind === 'group')).toEqual([
    { id: 'group b', kind: 'group', name: 'b', rows: [1, 2, 4] },
    { id: 'group a', kind: 'group', name: 'a', rows: [0] },
    { id: 'group c', kind: 'group', name: 'c', rows: [3] },
  ]);
  const single = { ...of, items: of.items.map((item, at) => ({ ...item, group: String(at) })) };
  expect(slicesOf(single).filter(({ kind }) => kind === 'group')).toEqual([]);
});

test('rows of one source are a slice where the rows have such a column, unless each has its own', () => {
  const of = record();
  const from = (sources: readonly (string | undefined)[], groups?: readonly string[]) =>
    slicesOf({
      ...of,
      items: of.items.map((item, at) => ({
        ...item,
        ...(sources[at] !== undefined && { source: sources[at] }),
        ...(groups && { group: groups[at] }),
      })),
    })
      .filter(({ kind }) => kind === 'source' || kind === 'group')
      .map(({ id, rows }) => [id, rows]);
  expect(from(['web', 'book', 'book', undefined, 'book', 'web'])).toEqual([
    ['source book', [1, 2, 4]],
    ['source web', [0, 5]],
  ]);
  expect(from(['a', 'b', 'c', 'd', 'e', 'f'])).toEqual([]);
  expect(from(['a', 'a', 'a', 'b', 'b', 'b'], ['1', '1', '2', '2', '3', '3']).map(([id]) => id)).toEqual([
    ...['group 1', 'group 2', 'group 3'],
    ...['source a', 'source b'],
  ]);
});

test('texts that are no labels, one task and questions of one length make no slices', () => {
  const { labels: _, ...draw } = record().made.draw!;
  const one = record({ draw });
  expect(
    slicesOf({ ...one, items: one.items.map((item) => ({ ...item, task: 'mail', prompt: 'same' })) }),
  ).toEqual([]);
});

test('equal lengths stay in one slice', () => {
  const lengths = [2, 2, 2, 2, 2, 7];
  const one = { ...record(), items: lengths.map((length) => ({ prompt: 'x'.repeat(length), expected: '' })) };
  expect(slicesOf(one).filter(({ kind }) => kind === 'length')).toEqual([
    { id: 'length 0', kind: 'length', name: 'up to 2 characters', rows: [0, 1, 2, 3, 4] },
    { id: 'length 1', kind: 'length', name: 'more than 2 characters', rows: [5] },
  ]);
});

test('a slice has the mean of its scored rows, with the interval of Wilson for shares and of a bootstrap for others', () => {
  // statsmodels: proportion_confint(2, 4, method='wilson').
  const share = sliceScore([1, 0, null, 1, 0], [0, 1, 2, 3, 4], [0, 1], 1, ROWS_OF_ONE)!;
  expect(share).toMatchObject({ rows: 4, value: 0.5 });
  expect(share.interval![0]).toBeCloseTo(0.150039, 5);
  expect(share.interval![1]).toBeCloseTo(0.849961, 5);
  const scores = [0.2, 0.4, 0.9, 0.1];
  const mean = sliceScore(scores, [0, 1, 2], [0, 1], 1, ROWS_OF_ONE)!;
  expect(mean.value).toBeCloseTo(0.5, 12);
  // Of all 27 draws of three rows the lowest mean is 0.2 and the highest 0.9, each 1 in 27: more often than 2.5%.
  expect(mean.interval).toEqual([expect.closeTo(0.2, 12), expect.closeTo(0.9, 12)]);
  expect(sliceScore(scores, [3], [0, 1], 1, ROWS_OF_ONE)).toEqual({
    rows: 1,
    value: 0.1,
    interval: undefined,
  });
  expect(sliceScore([null], [0], [0, 1], 1, ROWS_OF_ONE)).toBeUndefined();
});

test('answers are ordered by scores of rows, not by those of a corpus', () => {
  const names = rowScorersOf(sideOf(record(), 0)).map(({ name }) => name);
  expect(names.slice(0, 2)).toEqual(['exact-match', 'token-f1']);
  expect(names).not.toContain('bleu');
});

/** Rows without groups. */
const ROWS_OF_ONE = Array.from({ length: 9 }, () => ({ prompt: '', expected: '' }));

test('a slice whose rows share groups has the interval of whole groups, as a script draws them', () => {
  const { cases } = JSON.parse(
    readFileSync(new URL('../../reference/metrics/clusters.json', import.meta.url), 'utf8'),
  ) as {
    readonly cases: readonly {
      readonly groups: readonly string[];
      readonly differences: readonly number[];
      readonly interval: readonly [number, number];
    }[];
  };
  for (const { groups, differences, interval } of cases.filter(
    (one) => new Set(one.groups).size < one.groups.length,
  )) {
    // The slice is every second row of the record.
    const items = groups.flatMap((group) => [
      { prompt: '', expected: '', group: 'other' },
      { prompt: '', expected: '', group },
    ]);
    const scores = differences.flatMap((one) => [9, one]);
    const rows = groups.map((_, at) => 2 * at + 1);
    for (const range of [undefined, [0, 1] as const])
      sliceScore(scores, rows, range, 1, items)!.interval!.forEach((end, at) =>
        // 1,000 draws against 200,000.
        expect(Math.abs(end - interval[at])).toBeLessThan(0.1),
      );
  }
  const alike = [0, 1].map(() => ({ prompt: '', expected: '', group: 'g' }));
  expect(sliceScore([1, 0], [0, 1], [0, 1], 1, alike)?.interval).toBeUndefined();
});
