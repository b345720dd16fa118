/** Findings in rows, and their remedies. */
import { expect, test } from 'vitest';
import { findingsOf, leftOut } from '../../../src/app/data/findings.ts';
import { leftWords, paceOf, secondsLeft, type ImportPace } from '../../../src/app/data/time-left.ts';
import { withFile, withoutPlace } from '../../../src/app/state/beside.ts';
import type { DataOptions, DataSummary, RowGroup } from '../../../src/worker/api.ts';

const NONE: RowGroup = { count: 0, rows: [], longest: 0 };
const OPTIONS: DataOptions = {
  maxLength: 512,
  overlong: 'truncate-end',
  validation: 0.1,
  test: 0.1,
  seed: 1,
};
const FINE: DataSummary = {
  files: [{ name: 'rows.csv', version: 'a', rows: 100, unused: [] }],
  format: 'mapped',
  numbering: 'line',
  left: [],
  rows: { train: 80, validation: 10, test: 10 },
  pairs: 0,
  prompts: 0,
  unpaired: { desirable: 0, undesirable: 0 },
  tokens: 1000,
  supervisedTokens: 500,
  longest: 512,
  problems: [],
  problemCount: 0,
  cut: NONE,
  dropped: NONE,
  unsupervised: NONE,
  skipped: NONE,
  copies: NONE,
  capped: NONE,
  tasks: [],
  notes: [],
  listed: 100,
  lengths: { width: 10, counts: [100], median: 50, longest: 3197 },
  repeated: 0,
  leaks: [],
  leakCount: 0,
};
const group = (count: number, longest: number): RowGroup => ({
  count,
  longest,
  rows: [{ at: 0, file: 0, line: 2 }],
});
const mendsOf = (
  summary: Partial<DataSummary>,
  options: DataOptions = OPTIONS,
  maxPositions = 8192,
): Record<string, [string, DataOptions][]> =>
  Object.fromEntries(
    findingsOf({ ...FINE, ...summary }, options, maxPositions).map(({ id, mends }) => [
      id,
      mends.map(({ words, options: next }) => [words, next]),
    ]),
  );

test('rows without faults have no findings', () => {
  expect(findingsOf(FINE, OPTIONS, 8192)).toEqual([]);
  expect(leftOut(FINE, OPTIONS)).toEqual([]);
});

test('rows that are cut can have a higher limit, lose their prompt, or be left out', () => {
  const summary = { cut: group(11, 700), unsupervised: group(5, 3197) };
  expect(mendsOf(summary)).toEqual({
    cut: [
      ['Raise the maximum length to 3,197', { ...OPTIONS, maxLength: 3197 }],
      ['Truncate the prompt instead', { ...OPTIONS, overlong: 'truncate-prompt' }],
      ['Leave long rows out', { ...OPTIONS, overlong: 'drop' }],
    ],
    unsupervised: [
      ['Raise the maximum length to 3,197', { ...OPTIONS, maxLength: 3197 }],
      ['Truncate the prompt instead', { ...OPTIONS, overlong: 'truncate-prompt' }],
    ],
  });
  // The counts are those of the list: a row that lost everything that is learned does not count as cut.
  const [cut, nothing] = findingsOf({ ...FINE, ...summary }, OPTIONS, 8192);
  expect([cut.title, cut.count, nothing.title, nothing.count]).toEqual([
    '11 rows are truncated at 512 tokens',
    11,
    '5 rows have nothing to learn',
    5,
  ]);
});

test('the limit goes no further than the model', () => {
  expect(mendsOf({ cut: group(1, 900) }, OPTIONS, 600).cut[0]).toEqual([
    'Raise the maximum length to 600',
    { ...OPTIONS, maxLength: 600 },
  ]);
  expect(mendsOf({ cut: group(1, 900) }, OPTIONS, 512).cut.map(([words]) => words)).toEqual([
    'Truncate the prompt instead',
    'Leave long rows out',
  ]);
  expect(findingsOf({ ...FINE, cut: group(1, 900) }, OPTIONS, 512)[0].why).toContain(
    'The model takes no more.',
  );
});

test('rows that are left out for their length can be cut', () => {
  const drop: DataOptions = { ...OPTIONS, overlong: 'drop' };
  expect(mendsOf({ dropped: group(3, 600) }, drop).dropped).toEqual([
    ['Raise the maximum length to 600', { ...drop, maxLength: 600 }],
    ['Truncate at the maximum length', OPTIONS],
  ]);
});

test('one press leaves out all copies, and another restores them', () => {
  const leaks = [
    { row: { at: 9, file: 1, line: 4 }, part: 'test' as const, of: { at: 1, file: 0, line: 3 } },
  ];
  const found = mendsOf({ leakCount: 1, leaks, repeated: 12 });
  expect(found).toEqual({
    leaks: [['Leave the 12 copies out', { ...OPTIONS, dropCopies: true }]],
    repeated: [],
  });
  expect(mendsOf({ repeated: 1 }).repeated[0][0]).toBe('Leave the copy out');
  const options: DataOptions = { ...OPTIONS, dropCopies: true, skip: [[4]] };
  const back = leftOut({ ...FINE, copies: group(12, 9), skipped: group(1, 9) }, options);
  expect(back.map(({ mends }) => mends[0])).toMatchObject([
    { words: 'Bring it back', options: { ...OPTIONS, dropCopies: true } },
    { words: 'Keep the copies', options: { ...OPTIONS, skip: [[4]] } },
  ]);
  expect(back[0].mends[0].options).not.toHaveProperty('skip');
});

test('an unused column with text is reported, with its file', () => {
  const files = [
    { name: 'a', version: 'a', rows: 3, unused: [{ name: 'id', rows: 3, text: false }] },
    { name: 'b.csv', version: 'b', rows: 3, unused: [{ name: 'context', rows: 2, text: true }] },
  ];
  expect(findingsOf({ ...FINE, files }, OPTIONS, 512)).toMatchObject([
    {
      title: 'The column “context” is not used',
      why: 'It has text in 2 rows of b.csv, and the model never sees it.',
      columns: true,
    },
  ]);
});

test('a second file is test rows or more rows, and can be removed again', () => {
  const bytes = new Uint8Array();
  const rows = { source: { name: 'a', file: { name: 'a', bytes } }, options: { ...OPTIONS, skip: [[3]] } };
  const tested = withFile(rows, { name: 't', bytes }, 'test');
  expect(tested).toMatchObject({ source: { heldOut: { name: 't' } }, options: { test: 0, skip: [[3]] } });
  const more = withFile(withFile(tested, { name: 'b', bytes }, 'more'), { name: 'c', bytes }, 'more');
  const skipping = { ...more, options: { ...more.options, skip: [[3], [1], [7], [8]] } };
  const less = withoutPlace(skipping, 2);
  expect(less.source.more?.map(({ name }) => name)).toEqual(['c']);
  expect(less.options.skip).toEqual([[3], [1], [8]]);
  const untested = withoutPlace(less, 1);
  expect(untested.source).not.toHaveProperty('heldOut');
  expect(untested.options).toMatchObject({ test: 0.1, skip: [[3], [], [8]] });
  expect(withoutPlace(tested, 1)).toEqual(rows);
});

test('the time left is shown once the speed is known, and only if it is long', () => {
  const at = (now: number, done: number, before?: ImportPace): ImportPace =>
    paceOf(before, { what: 'preparing', done, total: 1000 }, now);
  const start = at(0, 10);
  expect(secondsLeft(start)).toBeUndefined();
  expect(leftWords(at(1000, 40, start))).toBe('');
  expect(leftWords(at(3000, 40, start))).toBe('about 1 min 36 s left');
  expect(leftWords(at(3000, 900, start))).toBe('');
  expect(leftWords(undefined)).toBe('');
  // Another kind of work begins anew.
  const next = paceOf(at(9000, 990, start), { what: 'comparing', done: 5, total: 1000 }, 9500);
  expect(next).toMatchObject({ began: 9500, first: 5 });
});
