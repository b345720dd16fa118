/** Files of predictions, and the files that an evaluation writes. */
import { describe, expect, test } from 'vitest';
import { USUAL_SCORERS, USUAL_TEXT_SCORERS } from '../../../src/scorers/lists.ts';
import { answerScores } from '../../../src/scorers/scores.ts';
import { readPredictions } from '../../../src/evaluate/predictions.ts';
import {
  recordOf,
  type Evaluation,
  type LossReport,
  type Subject,
  type SubjectColumns,
} from '../../../src/evaluate/record.ts';
import { judgeRecord, methodReports, predictionsOf } from '../../../src/evaluate/report.ts';
import { rowsNeeded } from '../../../src/evaluate/rows-needed.ts';
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
          { output: 'a', references: ['b'], row: { more: 1 }, line: 1 },
          { output: 'c', references: ['d'], line: 3 },
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
      /^Line 2 of p\.jsonl is not a prediction: it has neither "reference" nor "expected"\.$/,
    ],
    [{ prediction: 1, reference: 'a' }, /"prediction" is no text/],
    [{ prediction: 'a', reference: ['b', 1] }, /"reference" is neither a text nor a list of texts/],
    [{ prediction: 'a', reference: [] }, /"reference" is neither a text nor a list of texts/],
    ['[1]', /Line 2/],
    ['{', /Line 2/],
  ])('%j is refused with its line', async (row, what) => {
    const code = row === '{' ? 'json-syntax' : 'predictions';
    const error = await graftError(() => read({ prediction: 'a', reference: 'a' }, row), code);
    expect(error.what).toMatch(what);
  });

  test('is refused if it is empty', async () => {
    await graftError(() => read('', ''), 'predictions-empty');
  });
});

const ROWS = Array.from({ length: 20 }, (_, row) => ({
  row,
  line: row + 1,
  prompt: `Ask ${row}`,
  expected: `the answer ${row}`,
}));
/** Right in the first `right` rows. */
const answers = (right: number): string[] => ROWS.map(({ expected }, at) => (at < right ? expected : 'no'));
const loss = (perplexity: number): LossReport => ({
  loss: Math.log(perplexity),
  perplexity,
  supervisedTokens: 40,
  rows: 20,
});
const columnOf = (subject: Subject, texts: readonly string[]): SubjectColumns => ({
  subject,
  answers: texts.map((text) => ({ text })),
  scores: Object.fromEntries(
    USUAL_TEXT_SCORERS.map((metric) => [
      metric.name,
      answerScores(
        metric,
        texts.map((answer, at) => ({ answer, expected: ROWS[at].expected })),
      ),
    ]),
  ),
});
const recordWith = (...columns: SubjectColumns[]): Evaluation =>
  recordOf(
    { time: 0, model: { name: 'sprig', bundled: false }, draw: { seed: 42, of: 40, tooLong: 0 } },
    ROWS,
    columns,
    USUAL_TEXT_SCORERS.map(({ name }) => ({ name })),
  );
const inFolder = (folder: string): Subject => ({
  method: 'adapter',
  label: folder,
  adapter: { name: folder, folder },
  seen: 'folder',
  seconds: 1,
});
const BASE = columnOf({ method: 'base', label: 'Base model', loss: loss(20), seconds: 1 }, answers(1));
const RECORD = recordWith(
  columnOf({ method: 'nearest', label: 'Nearest row', seconds: 0 }, answers(4)),
  BASE,
  columnOf({ ...inFolder('out/a'), loss: loss(3) }, answers(15)),
);

/** Only those that compare answers: a method without a model has no likelihood. */
const answerMetrics = USUAL_SCORERS.filter((metric) => metric.of === 'answers').map(({ name }) => name);

describe('the files of an evaluation', () => {
  test('predictions have a line for each row and method, and can be scored again', () => {
    const lines = predictionsOf(RECORD, USUAL_SCORERS);
    expect(lines).toHaveLength(60);
    expect(lines[20]).toEqual({
      ...{ row: 0, line: 1, input: 'Ask 0', expected: 'the answer 0' },
      method: 'base',
      output: 'the answer 0',
      // Each in its own unit: chrF counts to 100.
      scores: Object.fromEntries(answerMetrics.map((name) => [name, name === 'chrf' ? 100 : 1])),
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
    const reports = methodReports(RECORD, USUAL_SCORERS);
    expect(reports[2]).toMatchObject({
      method: 'adapter',
      adapter: 'out/a',
      rows: 20,
      metrics: { 'exact-match': 0.75, 'token-f1': 0.75, loss: Math.log(3), perplexity: 3 },
      loss_rows: 20,
    });
    expect(Object.keys((reports[0] as { metrics: object }).metrics)).toEqual(answerMetrics);
  });

  test('a report has what an answer took on average', () => {
    const { subject, answers: texts, scores } = BASE;
    const timed = texts.map((answer, at) => ({ ...answer, tokens: at % 2 === 0 ? 2 : 4, took: 0.5 }));
    const detail = { meanPromptTokens: 12.5 };
    const [report] = methodReports(
      recordWith({ subject: { ...subject, detail }, answers: timed, scores }),
      USUAL_SCORERS,
    );
    expect(report).toMatchObject({ tokens_per_answer: 3, seconds_per_answer: 0.5, tokens_per_prompt: 12.5 });
  });

  test('the verdict is that of the page: against the best method without tuning, by the exact McNemar test', () => {
    const judged = judgeRecord(RECORD);
    expect(judged?.comparisons).toEqual([
      {
        adapter: 'out/a',
        against: 'nearest',
        only_adapter: 11,
        only_other: 0,
        difference: 0.55,
        interval: [expect.any(Number), expect.any(Number)],
        // By the power of the exact test, as rows-needed.test.ts has it.
        rows_needed: rowsNeeded(0.55),
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
    const stopped = columnOf({ ...inFolder('b'), stopped: true }, answers(20).slice(0, 3));
    expect(methodReports(recordWith(stopped), USUAL_SCORERS)[0]).toMatchObject({
      rows: 3,
      stopped: true,
      metrics: { 'exact-match': 1 },
    });
    expect(predictionsOf(recordWith(stopped), USUAL_SCORERS)).toHaveLength(3);
    expect(judgeRecord(recordWith(BASE, stopped))).toBeUndefined();
  });
});
