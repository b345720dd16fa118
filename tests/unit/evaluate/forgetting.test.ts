/** Forgetting, scored and in words. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import {
  countPrompts,
  forgettingSentences,
  forgettingVerdict,
  isWarning,
} from '../../../src/evaluate/forgetting.ts';
import { marked } from '../../../src/evaluate/forgetting-check.ts';
import { isPutOff, isRight, promptsFileOf, readPrompts } from '../../../src/evaluate/general-prompts.ts';
import type { JsonObject } from '../../../src/json.ts';
import { graftError } from '../expect-graft-error.ts';

describe('an answer', () => {
  it('is right if it names the expected thing, whatever the case', () => {
    const rule = { prompt: 'How many days?', says: ['seven', '7'] };
    expect(isRight(rule, 'There are Seven.')).toBe(true);
    expect(isRight(rule, '7')).toBe(true);
    expect(isRight(rule, 'six')).toBe(false);
  });

  it('is a text if it has enough words and is not a promise', () => {
    const rule = { prompt: 'Write.', words: 6 };
    expect(isRight(rule, 'The frog croaks and it is green.')).toBe(true);
    expect(isRight(rule, 'The frog.')).toBe(false);
    expect(isRight(rule, 'Sure, I shall work on that in the morning.')).toBe(false);
  });

  it.each([
    ['Sure, I shall work on that in the morning.', true],
    ['I’ll get back to you tomorrow.', true],
    ['Let me look at it later.', true],
    ['On Sunday we rest on the bench.', false],
    ['I will tell you: the rose is red.', false],
    ['When the sun came out in the morning, the fox slept.', false],
    [`I will begin in the morning. ${'The fox ran over the field. '.repeat(6)}`, false],
  ])('%s', (answer, expected) => expect(isPutOff(answer)).toBe(expected));
});

test('the bundled prompts can be read, and suit the model', () => {
  const at = (vocabulary: number): string => promptsFileOf({ vocabulary });
  expect([at(1024), at(49_152)]).toEqual(['garden.prompts.json', 'general.prompts.json']);
  for (const name of [at(1024), at(49_152)]) {
    const path = new URL(`../../../public/texts/${name}`, import.meta.url);
    expect(readPrompts(JSON.parse(readFileSync(path, 'utf8')) as JsonObject)).toHaveLength(12);
  }
});

test.each([undefined, {}, { prompts: [] }, { prompts: [{ prompt: 'a' }] }, { prompts: ['a'] }])(
  'no list of prompts: %j',
  async (json) => void (await graftError(() => readPrompts(json), 'data-rows')),
);

test('gives sentences once both sides are known', () => {
  const rules = [
    { prompt: 'Colour?', says: ['red'] },
    { prompt: 'Write.', words: 3 },
  ];
  const before = ['It is red.', 'The fox ran home.'];
  const half = { before: 1, prompts: marked(rules, before) };
  expect(countPrompts(half)).toBeUndefined();
  expect(forgettingSentences(half)).toEqual([]);
  const kept = {
    before: 1,
    after: 1,
    prompts: marked(rules, before, before),
    kl: { before: 0, after: 0.25 },
  };
  expect(isWarning(countPrompts(kept)!)).toBe(false);
  expect(forgettingSentences(kept)).toEqual([
    'The loss on general text is as it was: 1.0000 → 1.0000 (perplexity 2.72 → 2.72).',
    'It answered 2 of 2 general prompts correctly before and answers 2 now. 0 answers have changed.',
    'On prompts of the rows it is 0.25 nats per token from the base (KL; 0.00 before the run).',
  ]);
  const after = ['It is red.', 'Sure, I will do it in the evening.'];
  const lost = { before: 1, after: 1.1, prompts: marked(rules, before, after) };
  expect(isWarning(countPrompts(lost)!)).toBe(true);
  expect(forgettingSentences(lost)).toEqual([
    'The loss on general text is higher: 1.0000 → 1.1000 (perplexity 2.72 → 3.00).',
    'It answered 2 of 2 general prompts correctly before and answers 1 now. 1 answer has changed.',
    'One of them is put off: “Write.” gets “Sure, I will do it in the evening.”. The model has learned to promise what it is asked for and not to do it, as the rows do.',
  ]);
  // An estimate that is a little below 0 says the same.
  const near = forgettingSentences({ before: 1, after: 1, kl: { before: 0, after: -0.002 } });
  expect(near.slice(1)).toEqual([
    'On prompts of the rows it is 0.00 nats per token from the base (KL; 0.00 before the run).',
  ]);
});

test.each<[number, 'kept' | 'lost' | undefined, string, boolean]>([
  [1.01, 'kept', 'Nothing was forgotten to speak of.', false],
  [1.01, undefined, 'Nothing was forgotten to speak of.', false],
  [0.9, 'kept', 'Nothing was forgotten to speak of, and it knows the general text better now.', false],
  [1.1, 'kept', 'It forgot some of the general text, and answers general prompts as well as before.', false],
  [1.1, undefined, 'It forgot some of the general text.', false],
  [
    1.01,
    'lost',
    'It answers general prompts worse than before, though it knows the general text as well.',
    true,
  ],
  [
    1.1,
    'lost',
    'It answers general prompts worse than before, and it forgot some of the general text.',
    true,
  ],
])('one verdict on text and prompts: %d, %s', (after, prompts, sentence, isBad) => {
  const rules = [{ prompt: 'Colour?', says: ['red'] }];
  const answers = { kept: ['Red.'], lost: ['Blue.'] };
  expect(
    forgettingVerdict({
      ...{ before: 1, after },
      ...(prompts && { prompts: marked(rules, answers.kept, answers[prompts]) }),
    }),
  ).toEqual({ sentence, isBad });
});
