/** The questions that are held out from the tuning of a retriever. */
import { expect, test } from 'vitest';
import { keyOf, assignSides, type Sides } from '../../../src/retrieval/question-sides.ts';

const NONE: Sides = { trained: [], held: [] };

const asked = (files: number, each: number) =>
  Array.from({ length: files * each }, (_, at) => ({
    ...{ question: `Question ${at}?`, file: `file-${at % files}.md` },
  }));

test('a third is held out, and all questions to a document are on one side', () => {
  const questions = asked(12, 4);
  const { trained, held } = assignSides(questions, NONE);
  expect(trained.length + held.length).toBe(48);
  expect(held.length).toBeGreaterThanOrEqual(12);
  expect(held.length).toBeLessThanOrEqual(20);
  const sideOf = new Map<string, Set<boolean>>();
  for (const one of questions)
    sideOf.set(one.file, (sideOf.get(one.file) ?? new Set()).add(held.includes(keyOf(one))));
  expect([...sideOf.values()].every(({ size }) => size === 1)).toBe(true);
});

test('questions to few documents are divided one by one', () => {
  const { trained, held } = assignSides(asked(1, 9), NONE);
  expect([trained.length, held.length]).toEqual([6, 3]);
});

test.each([4, 5, 6, 7, 30])('some of %d questions are on each side', (count) => {
  const { trained, held } = assignSides(asked(count, 1), NONE);
  expect(trained.length).toBeGreaterThanOrEqual(2);
  expect(held.length).toBeGreaterThanOrEqual(1);
});

test('a question stays on its side when others come, go and come back', () => {
  const first = asked(6, 1);
  const before = assignSides(first, NONE);
  const more = asked(40, 2);
  const after = assignSides(more, before);
  expect(after.trained).toEqual(expect.arrayContaining([...before.trained]));
  expect(after.held).toEqual(expect.arrayContaining([...before.held]));
  // Those that are gone are remembered.
  expect(assignSides(first.slice(2), after)).toEqual(after);
  const again = assignSides(first, assignSides([], before));
  expect(again).toEqual(before);
});

test('a new question to a document that was trained on is never held out', () => {
  const first = asked(8, 1);
  const before = assignSides(first, NONE);
  const trained = first.filter((one) => before.trained.includes(keyOf(one)));
  const more = trained.map(({ file }) => ({ file, question: `More of ${file}?` }));
  const { held } = assignSides([...first, ...more], before);
  expect(more.some((one) => held.includes(keyOf(one)))).toBe(false);
});
