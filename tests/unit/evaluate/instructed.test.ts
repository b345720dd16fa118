/** Engineered prompts: the instruction, the examples, what fits, and what it costs. */
import { describe, expect, test } from 'vitest';
import type { Example } from '../../../src/data/example.ts';
import { questionsOf, type Question } from '../../../src/data/questions.ts';
import { fewShot } from '../../../src/evaluate/methods/few-shot.ts';
import { instructed, instructedFewShot } from '../../../src/evaluate/methods/instructed.ts';
import {
  instructionLabels,
  usualInstruction,
  withInstruction,
} from '../../../src/evaluate/methods/instruction.ts';
import type { EvalModel, EvalRequest, Demonstration } from '../../../src/evaluate/methods/method.ts';
import { nearestFirst } from '../../../src/evaluate/methods/nearest.ts';
import { graftError } from '../expect-graft-error.ts';

const row = (prompt: string, answer: string): Example => ({
  kind: 'completion',
  prompt,
  completion: answer,
  separator: '\n',
  line: 1,
});
const pairOf = (example: Example): Demonstration => ({ example, question: questionsOf([example], false)[0] });

describe('the usual instruction', () => {
  test('is the task as a sentence, and the list of the labels', () => {
    const labels = instructionLabels(['tree', 'tool', 'tree', 'tool ', 'tool']);
    expect(labels).toEqual(['tool', 'tree']);
    expect(usualInstruction('Say what it is', labels)).toBe(
      'Say what it is. Answer with one of these labels and nothing else: tool, tree.',
    );
    expect(usualInstruction('', ['It is a tool.', 'It is a tree.'])).toBe(
      'Answer with one of these labels and nothing else:\nIt is a tool.\nIt is a tree.',
    );
    expect(usualInstruction('  ', labels)).toMatch(/^Answer with/);
    expect(usualInstruction('Be brief!', [])).toBe('Be brief!');
    expect(usualInstruction('', [])).toBe('');
  });

  test('names no labels where answers are texts', () => {
    expect(instructionLabels(['one', 'two', 'three', 'four'])).toEqual([]);
    for (const long of ['a'.repeat(61), 'I cannot answer that from the manual.'])
      expect(instructionLabels([long, 'b', long, 'b'])).toEqual([]);
  });
});

describe('an instruction', () => {
  const turns = (example: Example): unknown =>
    'messages' in example ? example.messages.map(({ role, content }) => [role, content]) : example;

  test('stands before the first words of the user', () => {
    expect(turns(withInstruction(row('Why?', 'So.'), 'Be brief.', true))).toEqual([
      ['user', 'Be brief.\n\nWhy?'],
      ['assistant', 'So.'],
    ]);
  });

  test('follows a system message of the row', () => {
    const own: Example = {
      kind: 'messages',
      line: 1,
      messages: [
        { role: 'system', content: 'You are a clerk.' },
        { role: 'user', content: 'Why?' },
        { role: 'assistant', content: 'So.' },
      ],
    };
    expect(turns(withInstruction(own, 'Be brief.', true))).toEqual([
      ['system', 'You are a clerk.\n\nBe brief.'],
      ['user', 'Why?'],
      ['assistant', 'So.'],
    ]);
  });

  test('stands before the question of a pair, with its chosen answer', () => {
    const side = (completion: string) => ({
      kind: 'completion' as const,
      ...{ prompt: 'Why?', completion, separator: '\n' },
    });
    const pair: Example = { kind: 'pair', line: 3, chosen: side('So.'), rejected: side('No.') };
    for (const chat of [true, false]) {
      const [question] = questionsOf([withInstruction(pair, 'Be brief.', chat)], chat);
      expect(question.expected).toBe('So.');
      expect(JSON.stringify(question.ask)).toContain('Be brief.');
    }
  });

  test('begins the text for a model without a chat template', () => {
    expect(withInstruction(row('Why?', 'So.'), 'Be brief.', false)).toMatchObject({
      prompt: 'Be brief.\n\nWhy?',
    });
  });
});

test('the nearest rows come in order, and rows without a common word last', () => {
  const find = nearestFirst(['red apple', 'green apple', 'blue sky', 'red sky']);
  expect(find('a red apple', 3)).toEqual([0, 3, 1]);
  expect(find('nothing', 2)).toEqual([0, 1]);
  expect(find('red', 9)).toHaveLength(4);
});

const train = ['red apple', 'green apple', 'blue sky', 'red sky'].map((text, at) =>
  pairOf(row(text, at < 2 ? 'fruit' : 'air')),
);
const asked = ['my red apple', 'the blue sky is wide'].map((text) => pairOf(row(text, 'fruit')));

/** A model that keeps what it was asked, and counts characters as tokens. */
function examOf(more: Partial<EvalRequest> & { readonly maxPositions?: number }): {
  exam: EvalRequest;
  heard: string[];
} {
  const heard: string[] = [];
  const model: EvalModel = {
    ...{ name: 'ears', chat: false, maxPositions: more.maxPositions ?? 1000, newTokens: 10 },
    tokensOf: ({ ask }) => (ask as string).length,
    answer(questions: readonly Question[]) {
      heard.push(...questions.map(({ ask }) => ask as string));
      return Promise.resolve(questions.map(() => ({ text: 'fruit' })));
    },
    loss: () => Promise.resolve(undefined),
    lossWith: () => Promise.resolve(undefined),
    likelihoods: () => Promise.resolve(undefined),
  };
  return {
    exam: {
      ...{ train, asked, model, shots: 2, seed: 1, signal: new AbortController().signal },
      each: (items, work) => Promise.resolve(items.forEach(work)),
      ...more,
    },
    heard,
  };
}

describe('the instructed base model', () => {
  test('hears the instruction before each question, and says what it costs', async () => {
    const { exam, heard } = examOf({ instruction: 'Name the kind.' });
    const answered = await instructed.answer(exam);
    expect(heard).toEqual(['Name the kind.\n\nmy red apple\n', 'Name the kind.\n\nthe blue sky is wide\n']);
    const lengths = heard.map(({ length }) => length);
    expect(answered?.detail).toEqual({
      instruction: 'Name the kind.',
      promptTokens: Math.max(...lengths),
      meanPromptTokens: (lengths[0] + lengths[1]) / 2,
      window: 1000,
    });
  });

  test('is left out where nothing is known of the task', async () => {
    expect(await instructed.answer(examOf({}).exam)).toBeUndefined();
    expect(await instructedFewShot.answer(examOf({ instruction: '' }).exam)).toBeUndefined();
  });

  test('sees the nearest rows of training, the nearest right before the question', async () => {
    const { exam, heard } = examOf({ instruction: 'Name the kind.' });
    const answered = await instructedFewShot.answer(exam);
    expect(heard[0]).toBe('Name the kind.\n\nred sky\nair\n\nred apple\nfruit\n\nmy red apple\n');
    expect(answered?.detail).toMatchObject({ nearest: 2 });
  });

  test('drops the farthest examples where they do not fit', async () => {
    const { exam, heard } = examOf({ instruction: 'Kind?', maxPositions: 55 });
    const answered = await instructedFewShot.answer(exam);
    expect(heard[0]).toBe('Kind?\n\nred apple\nfruit\n\nmy red apple\n');
    expect(answered?.detail).toMatchObject({ nearest: 2, fitted: 1 });
    expect(Math.max(...heard.map(({ length }) => length)) + 10).toBeLessThanOrEqual(55);
  });

  test('refuses an instruction that leaves no room for the question', async () => {
    const { exam } = examOf({ instruction: 'long '.repeat(50), maxPositions: 100 });
    const { remedy } = await graftError(() => instructed.answer(exam), 'evaluate-shots');
    expect(remedy).toBe('Write a shorter instruction.');
  });
});

describe('examples that are similar by meaning', () => {
  /** Says what each text is about; what it does not know lies between. */
  const about: Readonly<Record<string, readonly [number, number]>> = {
    ...{ 'red apple': [2, 0.2], 'green apple': [1, 0], 'blue sky': [0, 1], 'red sky': [0.1, 5] },
    ...{ 'my red apple': [0, 3], 'the blue sky is wide': [1, 0.03] },
  };
  const made: string[][] = [];
  const encoder = {
    name: 'meaning',
    embed(texts: readonly string[]) {
      made.push([...texts]);
      return Promise.resolve(Float32Array.from(texts.flatMap((text) => about[text] ?? [1, 1])));
    },
  };

  test('are the rows with the highest cosine, the nearest right before the question', async () => {
    const { exam, heard } = examOf({ examples: 'similar', encoder });
    const answered = await fewShot.answer(exam);
    // By words these would be the apples; the vectors say otherwise, and their lengths do not count.
    expect(heard).toEqual([
      'red sky\nair\n\nblue sky\nair\n\nmy red apple\n',
      'red apple\nfruit\n\ngreen apple\nfruit\n\nthe blue sky is wide\n',
    ]);
    expect(answered?.detail).toMatchObject({ nearest: 2, encoder: 'meaning' });
    expect(answered?.detail?.shots).toBeUndefined();
    expect(fewShot.what(answered?.detail ?? {})).toBe('the 2 rows nearest by meaning before each question');
    // All vectors are made at once.
    expect(made).toHaveLength(1);
    expect(made[0]).toHaveLength(6);
  });

  test('need an encoder', async () => {
    await graftError(() => fewShot.answer(examOf({ examples: 'similar' }).exam), 'evaluate-shots');
  });
});

describe('random examples', () => {
  test('are the same before every question, as many as the longest leaves room for', async () => {
    const { exam, heard } = examOf({ maxPositions: 57 });
    const answered = await fewShot.answer(exam);
    const [first, second] = heard.map((text) => text.split('\n\n').slice(0, -1));
    expect(first).toEqual(second);
    expect(first).toHaveLength(1);
    expect(answered?.detail).toMatchObject({ fitted: 1 });
    expect(answered?.detail?.shots).toHaveLength(1);
  });

  test('are refused where not one fits', async () => {
    const { remedy } = await graftError(
      () => fewShot.answer(examOf({ maxPositions: 34 }).exam),
      'evaluate-shots',
    );
    expect(remedy).toBe('Ask without examples.');
  });
});
