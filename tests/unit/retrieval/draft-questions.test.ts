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

/** Replies by turn: questions, answers. */
const replying =
  (...turns: string[][]) =>
  (conversations: readonly object[]): Promise<readonly string[]> => {
    const replies = turns.shift() ?? [];
    expect(replies).toHaveLength(conversations.length);
    return Promise.resolve(replies);
  };
const SENTENCE = 'Sow beans in May, after the last frost.';
const passages = (count: number): { text: string; start: number }[] =>
  Array.from({ length: count }, () => ({ text: TEXT, start: 100 }));

test('asks about a sentence of the passage, which is the quote, and reads question and answer with labels and marks around them', async () => {
  const start = 100 + TEXT.indexOf('Sow beans');
  const asked: (string | undefined)[] = [];
  const reply = replying(
    ['Here it is:\n1. **Question: Well. When are beans sown?** It is easy.'],
    ['\nAnswer: In May.\nBecause of the frost.'],
  );
  const [draft] = await draftQuestions(passages(1), (conversations) => {
    asked.push(...conversations.map((turns) => turns.at(-1)?.content));
    return reply(conversations);
  });
  expect(draft).toEqual({
    question: 'When are beans sown?',
    answer: 'In May.',
    quote: { start, end: start + SENTENCE.length, text: SENTENCE },
  });
  expect(asked).toEqual([
    `Write a question that this sentence answers.\n\n${SENTENCE}`,
    `${SENTENCE}\n\nWhen are beans sown?`,
  ]);
});

test('leaves out a question about something else, and takes the sentence for an answer in other words', async () => {
  const drafts = await draftQuestions(
    passages(7),
    replying(
      [
        'Beans are green.',
        'When are beans sown?',
        "I'm here to help you with your garden. What do you need?",
        'When does the library open on weekdays?',
        'When is the last frost?',
        'What about these beans in May?',
        'How do you sow beans in May?',
      ],
      ['Beans like the sun a lot.', ' \n', 'Sow beans in May.'],
    ),
  );
  expect(drafts).toMatchObject([
    { problem: 'the model wrote no question' },
    { question: 'When are beans sown?', answer: SENTENCE },
    { problem: 'the model wrote a question about something else' },
    { problem: 'the model wrote a question about something else' },
    { question: 'When is the last frost?', answer: SENTENCE },
    { problem: 'the model wrote a question about “this”' },
    // The answer has only words of the question.
    { question: 'How do you sow beans in May?', answer: SENTENCE },
  ]);
});

test.each([
  [
    'the sentence with most words, and not one that points back to another',
    'Kale is hardy. It stands the winter and the snow and the wind in March. Peas climb a net of wire.',
    'What do peas climb, and what stands the winter?',
    ['Peas climb a net of wire.', 'It stands the winter and the snow and the wind in March.'],
  ],
  [
    'no code, link or fragment',
    '# Install\nRun the installer before you start.\n\n.. _pip: https://pip.pypa.io\n\n    $ beet play --randomize my query\n\nof the second bed are marrows and leeks.',
    'When do you run the installer?',
    ['Run the installer before you start.'],
  ],
  [
    'Chinese, which puts no space between words and sentences',
    '豆类需要温暖的土壤，在霜冻之后才播种。甘蓝很耐寒。',
    '豆类何时播种？',
    ['豆类需要温暖的土壤，在霜冻之后才播种。'],
  ],
])('asks about %s', async (_, text, question, wanted) => {
  const quotes: (string | undefined)[] = [];
  for (const turn of wanted.keys()) {
    const [draft] = await draftQuestions([{ text, start: 0, turn }], (conversations) =>
      Promise.resolve(conversations.map(() => question)),
    );
    quotes.push('quote' in draft ? draft.quote.text : undefined);
  }
  expect(quotes).toEqual(wanted);
});

test('says so if a passage has no sentence, without a call of the model', async () => {
  const never = (): Promise<never> => Promise.reject(new Error('There is nothing to ask'));
  expect(await draftQuestions([{ text: 'Beans, peas, kale', start: 0 }], never)).toEqual([
    { problem: 'the passage has no whole sentence' },
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
  const turns = passagesToAsk(chunks, 2).map(({ id, turn }) => [id, turn]);
  expect(turns).toEqual([
    ['a#0', 0],
    ['a#0', 1],
    ['b#0', 0],
    ['b#2', 0],
  ]);
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
