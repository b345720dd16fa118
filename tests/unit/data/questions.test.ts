/** How a person's prompt is written for a model that was tuned on rows of a table and has no chat template. */
import { describe, expect, test } from 'vitest';
import { compileMapping } from '../../../src/data/mapping.ts';
import { asRowsAsk, questionsOf } from '../../../src/data/questions.ts';

const PLAIN = { chatTemplate: undefined };
const CHAT = { chatTemplate: '{{ messages }}' };
const example = compileMapping({ prompt: '{{q}}', answer: '{{a}}' });
const examples = [
  { ...example({ q: 'Where is it?', a: 'here' }), line: 1 },
  { ...example({ q: 'Ends with a space: ', a: 'yes' }), line: 2 },
];
const rows = (chatTemplate: boolean) => ({ questions: questionsOf(examples, chatTemplate), places: [] });

describe('a model without a chat template', () => {
  test('a prompt ends like those of the rows: the model has learned to answer after a new line', () => {
    expect(asRowsAsk(rows(false), 'Where is it?', PLAIN)).toBe('Where is it?\n');
    expect(asRowsAsk(rows(false), 'Who is there?', PLAIN)).toBe('Who is there?\n');
  });
  test('existing white space at its end is enough', () => {
    expect(asRowsAsk(rows(false), 'Ends with a space: ', PLAIN)).toBe('Ends with a space: ');
    expect(asRowsAsk(rows(false), 'Another one:\n', PLAIN)).toBe('Another one:\n');
  });
  test('rows that join prompt and completion directly leave it unchanged', () => {
    const plain = questionsOf([{ kind: 'completion', prompt: 'a', completion: 'b', line: 1 }], false);
    expect(asRowsAsk({ questions: plain, places: [] }, 'a', PLAIN)).toBe('a');
    expect(asRowsAsk({ questions: [], places: [] }, 'a', PLAIN)).toBe('a');
  });
});

test('a chat template leaves it unchanged', () => {
  expect(asRowsAsk(rows(true), 'Where is it?', CHAT)).toBe('Where is it?');
});
