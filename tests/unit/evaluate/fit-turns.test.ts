/** The turns of a conversation that a model has room for. */
import { expect, test } from 'vitest';
import { fitTurns } from '../../../src/evaluate/fit-turns.ts';
import { graftError } from '../expect-graft-error.ts';

const turns = ['a', 'bb', 'ccc', 'dddd', 'eeeee'].map((content) => ({ role: 'user', content }));
/** A token for each character. */
const idsOf = (kept: readonly { content: string }[]): number[] =>
  kept.flatMap(({ content }) => [...content].map(() => content.length));

test('keeps all turns that there is room for', () => {
  expect(fitTurns(turns, 15, idsOf)).toEqual({ ids: idsOf(turns), dropped: 0 });
});

test('leaves out the first questions with their answers', () => {
  expect(fitTurns(turns, 14, idsOf)).toEqual({ ids: idsOf(turns.slice(2)), dropped: 1 });
  expect(fitTurns(turns, 11, idsOf)).toEqual({ ids: idsOf(turns.slice(4)), dropped: 2 });
});

test('refuses a question that is too long without any other turn', async () => {
  const { what } = await graftError(async () => fitTurns(turns, 4, idsOf), 'prompt-length');
  expect(what).toBe('The question has 5 tokens, but there is room for only 4 before the answer.');
});
