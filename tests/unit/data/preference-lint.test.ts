/** Findings in pairs and judged answers before a run learns from them. */
import { expect, test } from 'vitest';
import { readExamples } from '../../../src/data/formats.ts';
import { adviceOf, cutWords, lintPreferences, type LintedRow } from '../../../src/data/preference-lint.ts';
import { prepareRows } from '../../../src/data/prepare.ts';

/** A pair of answers with these numbers of tokens; `cutAnswers` lost their end. */
const pair = (chosen: number, rejected: number, cutAnswers?: number[]): LintedRow => ({
  row: {
    ids: new Array<number>(chosen + rejected + 2).fill(5),
    labels: [-100, ...new Array<number>(chosen).fill(5), -100, ...new Array<number>(rejected).fill(5)],
    starts: [chosen + 1],
    ...(cutAnswers && { cutAnswers }),
  },
});
const judged = (desirable: boolean): LintedRow => ({
  row: { ids: [1, 2], labels: [-100, 2], desirable },
});
const texts = (chosen: string, rejected: string, prompt = 'Hi'): LintedRow => ({
  ...pair(3, 3),
  example: {
    kind: 'pair',
    chosen: { kind: 'completion', prompt, completion: chosen },
    rejected: { kind: 'completion', prompt, completion: rejected },
  },
});
const idsOf = (rows: readonly LintedRow[]): string[] => adviceOf(lintPreferences(rows)!).map(({ id }) => id);

test('the difference of lengths is Cohen’s d, and put in words', () => {
  const chosen = [12, 14, 16, 13, 18];
  const rejected = [8, 9, 11, 7, 12];
  const rows = [...chosen, ...chosen].map((length, i) => pair(length, rejected[i % 5]));
  const { lengths } = lintPreferences(rows)!;
  // By Python's statistics: the difference of the means by the root of the mean sample variance.
  expect(lengths!.chosen).toBeCloseTo(14.6, 10);
  expect(lengths!.rejected).toBeCloseTo(9.4, 10);
  expect(lengths!.effect).toBeCloseTo(2.454335, 6);
  const [{ id, title, why }] = adviceOf(lintPreferences(rows)!);
  expect([id, title]).toEqual(['length-bias', 'Chosen answers are much longer than rejected ones']);
  expect(why).toContain('15 tokens against 9.4');
});

test('a small difference is called small; a smaller one, or one of few pairs, is not reported', () => {
  const alternating = (shift: number): LintedRow[] =>
    Array.from({ length: 12 }, (_, i) => pair(10 + (i % 2) * 10 + shift, 10 + (i % 2) * 10));
  expect(adviceOf(lintPreferences(alternating(-3))!).map(({ title }) => title)).toEqual([
    'Chosen answers are somewhat shorter than rejected ones',
  ]);
  expect(idsOf(alternating(1))).toEqual([]);
  expect(idsOf(alternating(9).slice(0, 9))).toEqual([]);
  // Without any spread, only the difference is left.
  expect(idsOf(Array.from({ length: 10 }, () => pair(4, 3)))).toEqual(['length-bias']);
});

test('answers that differ only in spaces, and pairs the other way round, are named by their places', () => {
  const lint = lintPreferences([
    texts('Hello there', ' Hello\nthere '),
    texts('Good', 'Bad'),
    texts('Bad', 'Good'),
    texts('Bad', 'Good', 'Another prompt'),
  ])!;
  expect([lint.alike, lint.flipped]).toEqual([[0], [2]]);
  expect(adviceOf(lint).map(({ id }) => id)).toEqual(['alike', 'flipped']);
});

test('labels of one kind, and kinds that are not balanced', () => {
  const many = (good: number, bad: number): LintedRow[] => [
    ...Array.from({ length: good }, () => judged(true)),
    ...Array.from({ length: bad }, () => judged(false)),
  ];
  expect(idsOf(many(3, 0))).toEqual(['one-label']);
  expect(idsOf(many(0, 3))).toEqual(['one-label']);
  expect(idsOf(many(4, 3))).toEqual([]);
  const [{ id, why }] = adviceOf(lintPreferences(many(2, 6))!);
  expect(id).toBe('label-balance');
  expect(why).toContain('--desirable-weight');
  expect(why).toContain('3.0');
});

test('answers whose end is cut by the limit are counted by side', () => {
  const content = [
    { prompt_ids: [1, 2], chosen_ids: [3, 4, 5, 6], rejected_ids: [7] },
    { prompt_ids: [1, 2], chosen_ids: [3, 4], rejected_ids: [7, 8, 9, 10] },
    { prompt_ids: [1, 2], chosen_ids: [3, 4, 5], rejected_ids: [7, 8, 9] },
    { prompt_ids: [1, 2], chosen_ids: [3], rejected_ids: [7] },
  ]
    .map((row) => JSON.stringify(row))
    .join('\n');
  const { examples } = readExamples(content, { fileName: 'x.jsonl' });
  const { rows } = prepareRows(examples, undefined, { maxLength: 4 });
  expect(rows.map(({ cutAnswers }) => cutAnswers)).toEqual([[0], [1], [0, 1], undefined]);
  const lint = lintPreferences(rows.map((row) => ({ row })))!;
  expect([lint.cutChosen, lint.cutRejected]).toEqual([2, 2]);
  expect(cutWords(lint)).toContain('2 chosen and 2 rejected answers');
  expect(cutWords(lintPreferences([pair(3, 3)])!)).toBe('');
});

test('rows of another kind have no findings', () => {
  expect(lintPreferences([{ row: { ids: [1, 2], labels: [-100, 2] } }])).toBeUndefined();
});
