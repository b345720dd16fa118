/** Questions that a model drafts: what is read of its replies, and that quotes stand in their passages. */
import { expect, test } from 'vitest';
import { draftQuestions, passagesToAsk, placesToAsk } from '../../../src/retrieval/draft-questions.ts';
import { placeOfQuote } from '../../../src/retrieval/quote-place.ts';
import { headingAt, QuestionTemplates } from '../../../src/retrieval/template-questions.ts';
import { DEFAULT_QUESTION, DEFAULT_QUESTION_ANSWER } from '../../../src/retrieval/question-templates.ts';
import { graftError } from '../expect-graft-error.ts';

const TEXT = 'Beans need warmth.\nSow beans in May, after the last frost. Cut the "pods" (all) by hand.';

test.each([
  ['Sow beans in May, after the last frost.', 'Sow beans in May, after the last frost.'],
  ['“sow  beans\nin May”', 'Sow beans in May'],
  ['Beans need warmth. Sow beans', 'Beans need warmth.\nSow beans'],
  ['Cut the "pods" (all) by hand.', 'Cut the "pods" (all) by hand.'],
])('finds %j in a text, word for word', (quote, text) => {
  const start = TEXT.indexOf(text);
  expect(placeOfQuote(TEXT, quote)).toEqual({ start, end: start + text.length, text });
});

test.each(['Sow peas in May', 'Sow.beans', '', '“”', 'Sow '.repeat(2)])('finds no place for %j', (quote) => {
  expect(placeOfQuote(TEXT, quote)).toBeUndefined();
});

/** Replies by turn: questions, quotes, answers. */
const replying =
  (...turns: string[][]) =>
  (prompts: readonly string[]): Promise<readonly string[]> => {
    const replies = turns.shift() ?? [];
    expect(replies).toHaveLength(prompts.length);
    return Promise.resolve(replies);
  };
const passages = (count: number): { text: string; start: number }[] =>
  Array.from({ length: count }, () => ({ text: TEXT, start: 100 }));

test('reads a question, the longest quote of the passage, and an answer, with labels and marks around them', async () => {
  const start = 100 + TEXT.indexOf('Sow beans');
  const [draft] = await draftQuestions(
    passages(1),
    replying(
      ['Here it is:\n1. **Question: When are beans sown?** It is easy.'],
      ['The sentence is: "Sow beans in May, after the last frost." That says it.'],
      ['\nAnswer: In May.\nBecause of the frost.'],
    ),
  );
  expect(draft).toEqual({
    question: 'When are beans sown?',
    answer: 'In May.',
    quoted: 'The sentence is: "Sow beans in May, after the last frost." That says it.',
    quote: { start, end: start + 39, text: 'Sow beans in May, after the last frost.' },
  });
});

test('keeps a draft without a quote if the model quotes other words, and names what it did not write', async () => {
  const drafts = await draftQuestions(
    passages(3),
    replying(
      ['Beans are green.', 'What needs warmth?', 'Who?'],
      ['Beans like the sun a lot.', 'Beans need warmth.'],
      ['Beans', ' \n'],
    ),
  );
  expect(drafts).toEqual([
    { problem: 'wrote no question' },
    { question: 'What needs warmth?', answer: 'Beans', quoted: 'Beans like the sun a lot.' },
    { problem: 'wrote no answer to “Who?”' },
  ]);
});

test('asks for passages evenly over a document, and for each twice only if there are too few', async () => {
  expect(placesToAsk(10, 2)).toEqual([2, 7]);
  expect(placesToAsk(3, 3)).toEqual([0, 1, 2]);
  expect(placesToAsk(2, 4)).toEqual([0, 0, 1, 1]);
  const chunk = (file: string, n: number) => ({
    ...{ id: `${file}#${n}`, file, start: 0, end: 1, page: null, text: 'x' },
  });
  const chunks = [chunk('a', 0), chunk('b', 0), chunk('b', 1), chunk('b', 2)];
  expect(passagesToAsk(chunks, 1).map(({ id }) => id)).toEqual(['a#0', 'b#1']);
  await graftError(() => passagesToAsk([], 1), 'draft-questions');
});

const SOURCE = {
  id: 'g/beans.md#0',
  file: 'g/beans.md',
  page: null,
  start: 10,
  end: 10 + TEXT.length,
  text: TEXT,
};

test('templates ask about a heading, and answer with the first whole sentence, which is the quote', () => {
  const templates = new QuestionTemplates(DEFAULT_QUESTION, DEFAULT_QUESTION_ANSWER);
  expect(templates.draft(SOURCE, 'Sowing')).toMatchObject({
    question: 'What does beans say about Sowing?',
    answer: 'Sow beans in May, after the last frost.',
    quote: { start: 10 + TEXT.indexOf('Sow'), text: 'Sow beans in May, after the last frost.' },
  });
  expect(templates.draft(SOURCE, undefined)?.question).toBe('What does beans say about beans?');
  expect(templates.draft({ ...SOURCE, text: 'Beans, peas' }, 'Sowing')).toBeUndefined();
  const text = '# Peas #\n\nx\n\nKale\n====\ny';
  const headings = [
    { start: 0, end: 8 },
    { start: 13, end: 22 },
  ];
  expect([headingAt(text, headings, 10), headingAt(text, headings, 23), headingAt(text, [], 3)]).toEqual([
    'Peas',
    'Kale',
    undefined,
  ]);
});

test.each([
  ['{{ name', '{{ sentence }}'],
  ['{{ name }}', ''],
  ['{% if %}', 'x'],
])('refuses the templates %j and %j', async (question, answer) => {
  await graftError(() => new QuestionTemplates(question, answer), 'question-template');
});
