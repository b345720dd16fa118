/** Rows for answers from passages, on a small index; the reference's rows are in reference.test.ts. */
import { describe, expect, test } from 'vitest';
import { AnswerTemplate } from '../../../src/retrieval/answer-template.ts';
import { readAnswer } from '../../../src/retrieval/cited.ts';
import {
  drawPassageRows,
  writtenRow,
  type AnsweredQuestion,
  type DrawnRow,
  type PassageRowPlan,
} from '../../../src/retrieval/passage-rows.ts';
import { PassagesTemplate } from '../../../src/retrieval/passages-prompt.ts';
import { REFUSAL } from '../../../src/retrieval/passages-template.ts';
import { Relevance } from '../../../src/retrieval/relevance.ts';
import { graftError } from '../expect-graft-error.ts';

const TEXTS = Array.from({ length: 12 }, (_, at) => `Bed ${at} has "${at} rows" of\nbeans and peas.`);
const chunks = TEXTS.map((text, at) => ({
  ...{ id: `bed-${at}.md#0`, file: `bed-${at}.md`, page: null, start: 0, end: text.length, text },
}));
const questions = TEXTS.slice(1).map((text, at): AnsweredQuestion => ({
  text: `How many rows has bed ${at + 1}?`,
  answer: `${at + 1} rows.`,
  passages: [{ doc: `bed-${at + 1}`, start: 0, end: text.length }],
}));
const UNANSWERABLE: AnsweredQuestion = { text: 'Who sows them?', answer: '', passages: [] };
const rankings = [...questions, UNANSWERABLE].map((_, question) =>
  chunks.map((_, at) => (at + question) % 12),
);
const PLAN: PassageRowPlan = { count: 4, without: 0.3, distractors: 'ranking', draw: 'seed', seed: 5 };

function draw(plan: Partial<PassageRowPlan> = {}, asked = [...questions, UNANSWERABLE]): DrawnRow[] {
  const index = { chunks, relevance: new Relevance(chunks), rankings };
  return drawPassageRows(asked, index, { ...PLAN, ...plan }).map((row) => {
    if ('problem' in row) throw new Error(row.problem);
    return row;
  });
}

const problemsOf = (question: AnsweredQuestion): unknown[] =>
  drawPassageRows([question], { chunks, relevance: new Relevance(chunks), rankings }, PLAN);

const written = (
  question: AnsweredQuestion,
  row: DrawnRow,
  without: 'refusal' | 'answer' = 'refusal',
): { prompt: string; answer: string } =>
  writtenRow(question, row, chunks, {
    ...{ prompt: new PassagesTemplate(), answer: new AnswerTemplate(), without },
  });

describe('the passages of rows', () => {
  test.each(['ranking', 'random'] as const)(
    'are as many as asked for, and the right one is missing in the share of the rows that is set (%s)',
    (distractors) => {
      const rows = draw({ distractors });
      for (const { context } of rows) expect(new Set(context).size).toBe(4);
      const answerable = rows.slice(0, -1);
      answerable.forEach(({ oracle, context }, at) => expect(context.includes(at + 1)).toBe(oracle));
      expect(answerable.filter(({ oracle }) => !oracle)).toHaveLength(Math.round(0.3 * 11));
      expect(rows.at(-1)).toMatchObject({ oracle: false, quotes: [] });
    },
  );

  test('are drawn again the same by the same seed, and otherwise by another', () => {
    expect(draw()).toEqual(draw());
    expect(draw()).not.toEqual(draw({ seed: 6 }));
  });

  test('are those of the ranking, best first, in turn at each place', () => {
    const rows = draw({ draw: 'turn' });
    expect(rows.map(({ oracle }) => oracle).slice(0, 11)).toEqual([
      true,
      true,
      true,
      false,
      true,
      true,
      false,
      true,
      true,
      false,
      true,
    ]);
    expect(rows[0].context).toEqual([0, 2, 3, 1]);
    expect(rows[1].context).toEqual([2, 1, 3, 4]);
  });

  test('are random ones if a ranking is too short', () => {
    const short = drawPassageRows(
      questions.slice(0, 1),
      { chunks, relevance: new Relevance(chunks), rankings: [[7, 1]] },
      { ...PLAN, without: 0, draw: 'turn' },
    );
    const { context } = short[0] as DrawnRow;
    expect(context[0]).toBe(7);
    expect(context.at(-1)).toBe(1);
    expect(new Set(context).size).toBe(4);
  });

  test('are none of another question: a passage that the index lacks is named', () => {
    const [{ text, answer }] = questions;
    expect(problemsOf({ text, answer, passages: [{ doc: 'shed', start: 0, end: 9 }] })).toEqual([
      { problem: 'has the passage shed 0–9, which is not in the index' },
    ]);
  });

  test('hold every quote: another one is named, in the quotes and in the answer itself', () => {
    const [{ text, answer, passages }] = questions;
    const problem = 'quotes “three rows of roses”, which is not in its passages';
    expect(
      problemsOf({ text, answer, passages, quotes: ['beans  and peas', 'three rows of roses'] }),
    ).toEqual([{ problem }]);
    expect(problemsOf({ text, answer: 'It says "three rows of roses".', passages })).toEqual([{ problem }]);
  });
});

describe('a row', () => {
  test('answers with quotes that are found again in the passage of their number', () => {
    const rows = draw();
    rows.slice(0, -1).forEach((row, at) => {
      const { prompt, answer } = written(questions[at], row);
      expect(prompt).toContain(`Question: How many rows has bed ${at + 1}?`);
      if (!row.oracle) return expect(answer).toBe(REFUSAL);
      const number = row.context.indexOf(at + 1) + 1;
      expect(answer).toBe(
        `${at + 1} rows. "Bed ${at + 1} has '${at + 1} rows' of beans and peas." [${number}]`,
      );
      const passages = row.context.map((chunk) => chunks[chunk]);
      const { quotes, cited, unknown } = readAnswer(answer, passages);
      expect(quotes.map(({ passage }) => passage)).toEqual([number]);
      expect([cited, unknown]).toEqual([[number], []]);
    });
  });

  test('answers from memory without the right passage if asked to, and refuses if the documents do not say', () => {
    const rows = draw();
    const lacking = rows.findIndex(({ oracle }) => !oracle);
    expect(written(questions[lacking], rows[lacking], 'answer').answer).toBe(questions[lacking].answer);
    expect(written(UNANSWERABLE, rows.at(-1)!, 'answer').answer).toBe(REFUSAL);
  });

  test('has an answer by the template of a person, which must hold the answer', async () => {
    expect(new AnswerTemplate('So: {{ answer }}').render('four', [{ text: 'x', number: 1 }])).toBe(
      'So: four',
    );
    await graftError(() => new AnswerTemplate('{{ refusal }}'), 'answer-template');
    await graftError(() => new AnswerTemplate('{{ answer'), 'answer-template');
  });
});
