/** How a prompt of a person's own is put to a model that knows rows of a table, and no chat. */
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

describe('without a chat template', () => {
  test('a prompt ends as those of the rows do, which a model has learned to answer behind a new line', () => {
    expect(asRowsAsk(rows(false), 'Where is it?', PLAIN)).toBe('Where is it?\n');
    expect(asRowsAsk(rows(false), 'Who is there?', PLAIN)).toBe('Who is there?\n');
  });
  test('white space at its end is there already', () => {
    expect(asRowsAsk(rows(false), 'Ends with a space: ', PLAIN)).toBe('Ends with a space: ');
    expect(asRowsAsk(rows(false), 'Another one:\n', PLAIN)).toBe('Another one:\n');
  });
  test('rows that put prompt and completion together as they are leave it as it is', () => {
    const plain = questionsOf([{ kind: 'completion', prompt: 'a', completion: 'b', line: 1 }], false);
    expect(asRowsAsk({ questions: plain, places: [] }, 'a', PLAIN)).toBe('a');
    expect(asRowsAsk({ questions: [], places: [] }, 'a', PLAIN)).toBe('a');
  });
});

test('a chat template needs nothing of it', () => {
  expect(asRowsAsk(rows(true), 'Where is it?', CHAT)).toBe('Where is it?');
});
