/** A wrong answer on its way to training. */
import { expect, test } from 'vitest';
import { askedIn, draftOf, isSameQuestion } from '../../../src/data/from-error.ts';
import type { ExampleContent } from '../../../src/text/trainable.ts';

const completion: ExampleContent = { kind: 'completion', prompt: 'Where?', completion: 'Here.' };

test('a row is read as its question and its answer', () => {
  expect(askedIn(completion)).toEqual({
    prompt: 'Where?',
    expected: 'Here.',
    turns: [{ role: 'user', content: 'Where?' }],
  });
  const messages = [
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: 'Where?' },
    { role: 'assistant', content: 'Here.' },
  ] as const;
  expect(askedIn({ kind: 'messages', messages })).toEqual({
    prompt: 'system: Be short.\nuser: Where?',
    expected: 'Here.',
    turns: messages.slice(0, 2),
  });
});

test('a row without a question, or with calls of tools before it, has none', () => {
  expect(askedIn({ kind: 'text', text: 'Once.' })).toBeUndefined();
  const call = { type: 'function', function: { name: 'look', arguments: {} } } as const;
  expect(
    askedIn({
      kind: 'messages',
      messages: [
        { role: 'user', content: 'Where?' },
        { role: 'assistant', content: '', tool_calls: [call] },
        { role: 'tool', content: 'in the shed' },
        { role: 'assistant', content: 'In the shed.' },
      ],
    }),
  ).toBeUndefined();
});

test('questions are the same with other capitals, spaces and punctuation, and differ with another word', () => {
  expect(isSameQuestion('Where is the rake?', '  where is the  RAKE')).toBe(true);
  expect(isSameQuestion('Where is the rake?', 'Where is my rake?')).toBe(false);
  expect(isSameQuestion('Where is the rake?', 'Where is the rake now?')).toBe(false);
  // Without a word only the characters are left to compare.
  expect(isSameQuestion('?', '?')).toBe(true);
  expect(isSameQuestion('?', '!')).toBe(false);
});

test('the draft of a pair rejects what the model answered', () => {
  expect(draftOf(completion, 'There.')).toBe(completion);
  const pair: ExampleContent = {
    kind: 'pair',
    chosen: completion,
    rejected: { ...completion, completion: 'Nowhere.' },
  };
  expect(draftOf(pair, 'There.')).toEqual({
    ...pair,
    rejected: { ...completion, completion: 'There.' },
  });
  const turns = (content: string): ExampleContent & { kind: 'messages' } => ({
    kind: 'messages',
    messages: [
      { role: 'user', content: 'Where?' },
      { role: 'assistant', content },
    ],
  });
  expect(draftOf({ kind: 'pair', chosen: turns('Here.'), rejected: turns('Nowhere.') }, 'There.')).toEqual({
    kind: 'pair',
    chosen: turns('Here.'),
    rejected: turns('There.'),
  });
});
