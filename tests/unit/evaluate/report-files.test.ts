/** The files of an evaluation: what the page exports is what the command writes, and the report opens by itself. */
import { expect, test } from 'vitest';
import { recordOf, type Evaluation } from '../../../src/evaluate/record.ts';
import { readEvaluation } from '../../../src/evaluate/record-file.ts';
import { pageReportFiles } from '../../../src/evaluate/report-files.ts';

const items = ['yes', 'no', 'yes', 'no'].map((expected, row) => ({ row, prompt: `Ask ${row}`, expected }));
const columns = (method: string, answers: readonly string[]): Parameters<typeof recordOf>[2][number] => ({
  subject: {
    ...{ method, label: method, answerSeconds: 8, noLabel: 1 },
    detail: { promptTokens: 60, meanPromptTokens: 50, window: 100 },
    ...(method === 'adapter' && { adapter: { name: 'Mine', id: '1' } }),
  },
  answers: answers.map((text) => ({ text, tokens: 2, took: 0.5 })),
  scores: { 'exact-match': answers.map((text, at) => Number(text === items[at].expected)) },
});
const record: Evaluation = recordOf(
  {
    ...{ time: 1e12, model: { name: 'sprig', bundled: true }, draw: { seed: 1, of: 4, tooLong: 0 } },
    task: { goal: 'Say yes or no', target: '9 of 10' },
  },
  items,
  [columns('base', ['no', 'no', 'no', 'what']), columns('adapter', ['yes', 'no', 'yes', 'yes'])],
  [{ name: 'exact-match' }],
);
const files = pageReportFiles(record, [{ name: 'Mine', steps: 12 }]);
const report = JSON.parse(files['report.json']) as Record<string, unknown>;

test('the page has the files of the command', () => {
  expect(Object.keys(files).sort()).toEqual([
    ...['evaluation.json', 'predictions.jsonl', 'report.html', 'report.json'],
  ]);
  expect(files['predictions.jsonl'].trim().split('\n')).toHaveLength(8);
  expect(Object.keys(report)).toEqual(
    expect.arrayContaining([
      'model',
      'adapters',
      'data',
      'draw',
      'methods',
      'comparisons',
      'verdict',
      'stopped',
    ]),
  );
  expect(report).toMatchObject({ adapters: ['Mine'], success: { state: 'unsure' } });
});

test('report.json opens as the evaluation that it was made from', () => {
  expect(readEvaluation(files['report.json'], 'report.json')).toEqual(record);
});

test('the report answers the task card, and shows what each method costs', () => {
  const page = files['report.html'];
  expect(page).toContain('Success was set at 9 of 10 (exactly right): the adapter gets 3 of 4');
  expect(page).toContain('Say yes or no');
  // An answer costs its part of its batch, even where the whole was known already.
  expect(page).toMatch(/no label[\s\S]*>0\.500<[\s\S]*>60%</);
});

test('a blind judging is in the report once its names are revealed', () => {
  const turns = [
    { item: 0, swapped: true, vote: 'second' },
    { item: 2, swapped: false, vote: 'second' },
    { item: 3, swapped: true, vote: 'tie' },
  ] as const;
  const judged = (ended: boolean) =>
    pageReportFiles(
      { ...record, blind: [{ subjects: [0, 1], seed: 3, turns, ...(ended && { ended: true as const }) }] },
      [],
    );
  const { blind } = JSON.parse(judged(true)['report.json']) as { blind: object[] };
  expect(blind).toEqual([
    {
      ...{ subjects: ['base', 'adapter'], seed: 3, wins: [0, 2], ties: 1, same: 1, judged: 3, of: 3 },
      // Wilson's for 0 of 2.
      ...{ win_rate: 0, interval: [0, expect.closeTo(0.65762, 5)], sign_test_p: 0.5 },
    },
  ]);
  expect(judged(true)['report.html']).toContain('wins 0 and “adapter” 2 of 2 rows with a winner');
  expect(judged(false)['report.html']).not.toContain('Judged blind');
  expect(JSON.parse(judged(false)['report.json'])).not.toHaveProperty('blind');
});

test('the report of a cross-validation names its folds and no test rows', () => {
  const folds = pageReportFiles({ ...record, made: { ...record.made, folds: 2 } }, []);
  expect(folds['report.html']).toContain('4 rows in 2 folds: each was answered by the adapter');
  expect(folds['report.html']).toContain('2 folds: 4 rows');
  expect(folds['report.html']).not.toContain('test rows');
  expect(JSON.parse(folds['report.json'])).toMatchObject({ data: { split: 'folds' } });
});
