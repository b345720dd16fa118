import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Example } from '../../../src/data/example.ts';
import { questionsOf } from '../../../src/data/questions.ts';
import { mostFrequent } from '../../../src/evaluate/methods/frequent.ts';
import { nearest, nearestFirst } from '../../../src/evaluate/methods/nearest.ts';
import { withShots } from '../../../src/evaluate/methods/turns.ts';

const pair = (
  example: Example,
  chat: boolean,
): { example: Example; question: ReturnType<typeof questionsOf>[0] } => ({
  example,
  question: questionsOf([example], chat)[0],
});
const completion = (prompt: string, answer: string): Example => ({
  kind: 'completion',
  prompt,
  completion: answer,
  separator: '\n',
  line: 1,
});
const chat = (...contents: string[]): Example => ({
  kind: 'messages',
  line: 1,
  messages: contents.map((content, i) => ({
    role:
      contents.length % 2 === 1 && i === 0
        ? 'system'
        : (i + contents.length) % 2 === 0
          ? 'user'
          : 'assistant',
    content,
  })),
});

test('examples precede the question as turns, and are not measured', () => {
  const shots = [pair(chat('Be brief.', 'One?', '1'), true), pair(completion('Two?', '2'), true)];
  const asked = withShots(chat('Be kind.', 'Three?', '3'), shots, true);
  expect(asked).toEqual({
    kind: 'messages',
    line: 1,
    messages: [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'One?' },
      { role: 'assistant', content: '1', supervised: false },
      { role: 'user', content: 'Two?' },
      { role: 'assistant', content: '2', supervised: false },
      { role: 'user', content: 'Three?' },
      { role: 'assistant', content: '3' },
    ],
  });
  const [question] = questionsOf([asked], true);
  expect(question.expected).toBe('3');
  expect(question.ask).toHaveLength(6);
});

test('they are text for a model without a chat template', () => {
  const shots = [pair(completion('One?', '1'), false)];
  const asked = withShots(completion('Two?', '2'), shots, false);
  expect(questionsOf([asked], false)).toMatchObject([{ ask: 'One?\n1\n\nTwo?\n', expected: '2' }]);
});

test('the most frequent answer is one that repeats', () => {
  expect(mostFrequent(['a', 'b', ' b ', 'a', 'b'])).toEqual({ answer: 'b', count: 3 });
  expect(mostFrequent(['a', 'b'])).toBeUndefined();
  expect(mostFrequent([])).toBeUndefined();
});

test('the nearest row shares the rare words', () => {
  const known = ['Where is my card', 'Where is my money', 'How do I close the account'];
  const texts = ['My CARD, where is it?', 'the account', 'nothing alike', 'money money'];
  expect(texts.map(nearest(known))).toEqual([0, 2, 0, 1]);
});

test('one rare word in common counts for more than a frequent one', () => {
  const find = nearest(['the cat', 'rare thing', 'the dog', 'the sun']);
  // Without weights both would share one word of two with the first and with the second.
  expect(find('the rare')).toBe(1);
});

test('the nearest rows are those of a plain computation, whatever the texts are', () => {
  const wordsOf = (text: string): string[] => [...new Set(text.split(' ').filter((word) => word !== ''))];
  const word = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const text = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 12 }), text, (known, asked) => {
      const weight = (one: string): number =>
        Math.log(1 + known.length / known.filter((other) => wordsOf(other).includes(one)).length) ** 2;
      const scores = known.map((other) => {
        const norm = Math.sqrt(wordsOf(other).reduce((sum, one) => sum + weight(one), 0));
        const shared = wordsOf(asked).filter((one) => wordsOf(other).includes(one));
        return shared.reduce((sum, one) => sum + weight(one) / norm, 0);
      });
      const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
      const list = { length: known.length, at: (at: number) => known[at] };
      for (const many of [1, 3, 20]) expect(nearestFirst(list)(asked, many)).toEqual(order.slice(0, many));
    }),
  );
});
