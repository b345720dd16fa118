/** Findings in rows, and their remedies. */
import { expect, test } from 'vitest';
import { shownFinding } from '../../../src/app/data/checked.ts';
import { findingsOf, leftOut, type ShownFinding } from '../../../src/app/data/findings.ts';
import { timeLeftInWords, paceOf, secondsLeft, type ImportPace } from '../../../src/app/data/time-left.ts';
import { withFile, withoutPlace } from '../../../src/app/data/beside.ts';
import { FINDINGS } from '../../../src/data/findings/finding.ts';
import type { DataOptions, DataSummary, PlacedFinding, RowGroup } from '../../../src/worker/api.ts';

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
  columns: ['Prompt', 'Answer'],
};
const group = (count: number, longest: number): RowGroup => ({
  count,
  longest,
  rows: [{ at: 0, file: 0, line: 2 }],
});
const NOTHING_FOUND = new Set<string>();
/** A finding of the check, as the page shows it. */
const shown = (
  found: Partial<PlacedFinding> & Pick<PlacedFinding, 'id'>,
  summary: Partial<DataSummary> = {},
  options: DataOptions = OPTIONS,
  maxPositions = 8192,
): ShownFinding =>
  shownFinding(
    {
      ...{ severity: 'warning', why: 'Why.', mend: 'Mend.', count: 1, places: [], lines: [[7]] },
      ...{ used: 1, trained: 1, ...found },
    },
    { summary: { ...FINE, ...summary }, options, maxPositions },
  );
const wordsOf = ({ mends }: Pick<ShownFinding, 'mends'>): [string, DataOptions][] =>
  mends.map(({ words, options }) => [words, options]);

test('rows without faults have no findings', () => {
  expect(findingsOf(FINE, OPTIONS, 8192, NOTHING_FOUND)).toEqual([]);
  expect(leftOut(FINE, OPTIONS)).toEqual([]);
});

test('rows that are cut can have a higher limit, lose their prompt, or be left out', () => {
  const summary = { cut: group(11, 700), unsupervised: group(5, 3197) };
  const cut = shown({ id: 'answers-cut', count: 11 }, summary);
  expect(cut.title).toBe('11 answers are truncated at 512 tokens');
  expect(wordsOf(cut)).toEqual([
    ['Raise the maximum length to 3,197', { ...OPTIONS, maxLength: 3197 }],
    ['Truncate the prompt instead', { ...OPTIONS, overlong: 'truncate-prompt' }],
    ['Leave long rows out', { ...OPTIONS, overlong: 'drop' }],
  ]);
  const nothing = shown({ id: 'nothing-supervised', count: 5 }, summary);
  expect(nothing.title).toBe('5 rows have nothing to learn');
  expect(nothing.why).toBe('Why. The maximum length cuts off their whole answer.');
  expect(wordsOf(nothing)).toEqual(wordsOf(cut).slice(0, 2));
});

test('rows whose prompt is cut are named by themselves, and rows whose answer is cut once', () => {
  const cut = { ...FINE, cut: group(11, 700) };
  const prompts: DataOptions = { ...OPTIONS, overlong: 'truncate-prompt' };
  const found = new Set(['answers-cut']);
  expect(findingsOf(cut, OPTIONS, 8192, found)).toEqual([]);
  expect(findingsOf(cut, OPTIONS, 8192, NOTHING_FOUND).map(({ title }) => title)).toEqual([
    '11 rows are truncated at 512 tokens',
  ]);
  expect(findingsOf(cut, prompts, 8192, found)).toHaveLength(1);
});

test('the limit goes no further than the model', () => {
  const cut = { cut: group(1, 900) };
  expect(wordsOf(shown({ id: 'answers-cut' }, cut, OPTIONS, 600))[0]).toEqual([
    'Raise the maximum length to 600',
    { ...OPTIONS, maxLength: 600 },
  ]);
  const most = shown({ id: 'answers-cut' }, cut, OPTIONS, 512);
  expect(wordsOf(most).map(([words]) => words)).toEqual([
    'Truncate the prompt instead',
    'Leave long rows out',
  ]);
  expect(most.why).toContain('The model takes no more.');
});

test('rows that are left out for their length can be cut', () => {
  const drop: DataOptions = { ...OPTIONS, overlong: 'drop' };
  const found = shown({ id: 'nothing-supervised', count: 3 }, { dropped: group(3, 600) }, drop);
  expect(found.why).toContain('3 rows are longer than 512 tokens and left out.');
  expect(wordsOf(found)).toEqual([
    ['Raise the maximum length to 600', { ...drop, maxLength: 600 }],
    ['Truncate at the maximum length', OPTIONS],
  ]);
});

test('one press leaves out all copies, and another restores them', () => {
  const leaks = (['test', 'validation'] as const).map((part, at) => ({
    ...{ row: { at: 9 + at, file: 0, line: 4 }, part, of: { at: 1, file: 0, line: 3 } },
  }));
  const copies = shown({ id: 'exact-duplicates', count: 12 }, { leakCount: 2, leaks, repeated: 12 });
  expect(copies.why).toContain('Why. 1 validation row is also trained on');
  expect(wordsOf(copies)).toEqual([['Leave the 12 copies out', { ...OPTIONS, dropCopies: true }]]);
  expect(wordsOf(shown({ id: 'exact-duplicates' }, { repeated: 1 }))[0][0]).toBe('Leave the copy out');
  const options: DataOptions = { ...OPTIONS, dropCopies: true, skip: [[4]] };
  const back = leftOut({ ...FINE, copies: group(12, 9), skipped: group(1, 9) }, options);
  expect(back.map(({ mends }) => mends[0])).toMatchObject([
    { words: 'Bring it back', options: { ...OPTIONS, dropCopies: true } },
    { words: 'Keep the copies', options: { ...OPTIONS, skip: [[4]] } },
  ]);
  expect(back[0].mends[0].options).not.toHaveProperty('skip');
});

test('one press also leaves out the rows of a finding, unless nothing would be left to train on', () => {
  const options: DataOptions = { ...OPTIONS, skip: [[3, 9]] };
  const found = { id: 'card-number', count: 3, used: 3, trained: 2, lines: [[9, 1], [], [4]] } as const;
  expect(wordsOf(shown(found, {}, options))).toEqual([
    ['Leave the 3 rows out', { ...OPTIONS, skip: [[1, 3, 9], [], [4]] }],
  ]);
  expect(shown(found).mends[0].done).toBe('3 rows are left out.');
  expect(shown({ ...found, trained: 80 }).mends).toEqual([]);
  expect(shown({ ...found, used: 0 }).mends).toEqual([]);
});

test('a test part that is too small takes one press, if enough rows are left for training', () => {
  const few = (all: number, options = OPTIONS): string[] =>
    wordsOf(
      shown({ id: 'few-test-rows', count: 0 }, { rows: { train: all - 2, validation: 1, test: 1 } }, options),
    ).map(([words]) => words);
  expect(few(150)).toEqual(['Hold out 14% for the test']);
  // Twenty of sixty rows are a third, where the split proposes a fifth at most.
  expect(few(60)).toEqual([]);
  expect(few(150, { ...OPTIONS, test: 0.14 })).toEqual([]);
});

test('rows that are too few for a test part are cross-validated, unless they are several tasks', () => {
  const few = (options = OPTIONS): ShownFinding =>
    shown({ id: 'few-test-rows', count: 0 }, { rows: { train: 42, validation: 6, test: 12 } }, options);
  expect(few().advice).toMatch(/^Add rows: .* Or cross-validate: then each row is tested once\.$/);
  expect(few().crossValidates).toBe(true);
  expect(
    few({ ...OPTIONS, mixture: {} as NonNullable<DataOptions['mixture']> }).crossValidates,
  ).toBeUndefined();
});

test('a finding that no press mends says what to do, and names no flags of the command', () => {
  for (const id of Object.keys(FINDINGS) as (keyof typeof FINDINGS)[]) {
    const { advice = '', title } = shown({ id, ...FINDINGS[id] });
    expect(`${title} ${advice}`, id).not.toMatch(/--/);
  }
});

test('an unused column with text is reported, with its file', () => {
  const files = [
    { name: 'a', version: 'a', rows: 3, unused: [{ name: 'id', rows: 3, text: false }] },
    { name: 'b.csv', version: 'b', rows: 3, unused: [{ name: 'context', rows: 2, text: true }] },
  ];
  expect(findingsOf({ ...FINE, files }, OPTIONS, 512, NOTHING_FOUND)).toMatchObject([
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
  expect(timeLeftInWords(at(1000, 40, start))).toBe('');
  expect(timeLeftInWords(at(3000, 40, start))).toBe('about 1 min 36 s left');
  expect(timeLeftInWords(at(3000, 900, start))).toBe('');
  expect(timeLeftInWords(undefined)).toBe('');
  // Another kind of work begins anew.
  const next = paceOf(at(9000, 990, start), { what: 'comparing', done: 5, total: 1000 }, 9500);
  expect(next).toMatchObject({ began: 9500, first: 5 });
});
