/** Judged answers as rows, and findings in them beside the rows of a project. */
import { describe, expect, test } from 'vitest';
import {
  feedbackFile,
  lookAtFeedback,
  rowsOfEntry,
  entryReference,
  type AskingRow,
  type JudgedAnswer,
} from '../../../src/data/feedback.ts';
import { ExampleReader } from '../../../src/data/formats.ts';

const entry = (id: string, more: Partial<JudgedAnswer> = {}): JudgedAnswer => ({
  id,
  prompt: [{ role: 'user', content: 'Where is my card?' }],
  answer: 'No idea.',
  verdict: 'bad',
  ...more,
});
const LIKED = entry('liked', { verdict: 'good', answer: 'In the post.' });
const CORRECTED = entry('corrected', { correction: 'In the post.' });
const DISLIKED = entry('disliked');

const lines = (text: string): unknown[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);

describe('the rows of a judgement', () => {
  test('are the liked answer itself, the correction of a corrected one, and nothing for a dislike', () => {
    expect([LIKED, CORRECTED, DISLIKED].map(entryReference)).toEqual([
      'In the post.',
      'In the post.',
      undefined,
    ]);
    expect([LIKED, CORRECTED, DISLIKED].map((one) => rowsOfEntry(one, 'answers'))).toEqual([1, 1, 0]);
  });

  test('are a good and a bad answer for a correction, and a bad one for a dislike, if they are judged', () => {
    expect(lines(feedbackFile([LIKED, CORRECTED, DISLIKED], 'judged', true))).toEqual([
      { prompt: 'Where is my card?', completion: 'In the post.', label: true },
      { prompt: 'Where is my card?', completion: 'In the post.', label: true },
      { prompt: 'Where is my card?', completion: 'No idea.', label: false },
      { prompt: 'Where is my card?', completion: 'No idea.', label: false },
    ]);
  });

  test('an answer of white space teaches nothing', () => {
    expect(feedbackFile([entry('blank', { answer: ' \n' })], 'judged', true)).toBe('');
  });

  test('a model without a chat template learns behind the text that it continued', () => {
    const plain = { ...LIKED, plain: 'Where is my card?\n' };
    expect(lines(feedbackFile([plain], 'answers', false))).toEqual([
      { prompt: 'Where is my card?\n', completion: 'In the post.' },
    ]);
    // If another model is open, its own template is used.
    expect(lines(feedbackFile([plain], 'answers', true))).toEqual([
      { prompt: 'Where is my card?', completion: 'In the post.' },
    ]);
    expect(lines(feedbackFile([plain, LIKED], 'answers', undefined))).toEqual([
      { prompt: 'Where is my card?\n', completion: 'In the post.' },
      { prompt: 'Where is my card?', completion: 'In the post.' },
    ]);
  });

  test('a conversation stays one, and both shapes are read from one file', () => {
    const turns = entry('turns', {
      correction: 'Tuesday.',
      prompt: [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'When?' },
      ],
    });
    const text = feedbackFile([turns, LIKED], 'judged', true);
    const reader = new ExampleReader(new TextEncoder().encode(text), { fileName: 'feedback.jsonl' });
    for (const _ of reader.read());
    const { examples, problemCount } = reader.result();
    expect(problemCount).toBe(0);
    expect(examples.map(({ kind }) => kind)).toEqual(['unpaired', 'unpaired', 'unpaired']);
    expect(examples[0]).toMatchObject({
      desirable: true,
      answer: {
        kind: 'messages',
        messages: [
          { role: 'system', content: 'Be short.' },
          { role: 'user', content: 'When?' },
          { role: 'assistant', content: 'Tuesday.' },
        ],
      },
    });
  });
});

describe('findings', () => {
  const rows: AskingRow[] = [
    { prompt: 'where is  my card?', expected: 'Lost', part: 'test', line: 7 },
    { prompt: 'When does it come?', expected: 'On  Tuesday.', part: 'train', line: 3 },
    { prompt: 'Who are you?', expected: 'Graft', part: 'validation', line: 9 },
  ];
  const asking = (id: string, content: string, correction: string): JudgedAnswer =>
    entry(id, { prompt: [{ role: 'user', content }], correction });

  test('a test row that asks the same, whatever its capitals and spaces', () => {
    expect(lookAtFeedback([DISLIKED], rows).get('disliked')).toEqual([
      { kind: 'leak', part: 'test', line: 7 },
    ]);
    expect(lookAtFeedback([asking('v', 'Who are you?', 'A cat')], rows).get('v')).toEqual([
      { kind: 'leak', part: 'validation', line: 9 },
    ]);
  });

  test('a row that teaches the same already, and not one that teaches another answer', () => {
    const found = lookAtFeedback(
      [asking('same', 'When does it come?', 'On Tuesday.'), asking('other', 'When does it come? ', 'Never.')],
      rows,
    );
    expect(found.get('same')).toEqual([{ kind: 'known', line: 3 }]);
    expect(found.get('other')).toEqual([{ kind: 'contrary', of: 'same' }]);
  });

  test('name entries that teach the same or contradict an earlier one, which a mere dislike does not', () => {
    const found = lookAtFeedback(
      [
        asking('one', 'Hi', 'Hello'),
        asking('two', 'hi ', 'Hello '),
        asking('three', 'Hi', 'Hey'),
        asking('four', 'Ho', 'Hello'),
      ],
      [],
    );
    expect([...found]).toEqual([
      ['two', [{ kind: 'copy', of: 'one' }]],
      ['three', [{ kind: 'contrary', of: 'one' }]],
    ]);
    expect(lookAtFeedback([DISLIKED, { ...DISLIKED, id: 'again' }], []).size).toBe(0);
  });

  test('take a conversation as another question than its last turn', () => {
    const turns = entry('turns', {
      correction: 'Lost',
      prompt: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello' },
        { role: 'user', content: 'Where is my card?' },
      ],
    });
    expect(lookAtFeedback([turns], rows).size).toBe(0);
  });
});
