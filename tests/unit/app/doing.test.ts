/** The words for a run's phase between its steps. */
import { expect, test } from 'vitest';
import { compileDoing, openingDoing, WorkPace, phaseDoing, sentence } from '../../../src/app/train/doing.ts';

test('a validation shows its progress and the time left', () => {
  const phase = { kind: 'validating', step: 12, done: 210, total: 512 } as const;
  expect(sentence(phaseDoing(phase))).toBe('Validating: 210 of 512 rows');
  expect(sentence(phaseDoing({ ...phase, step: 0, seconds: 17.2 }))).toBe(
    'Validating the base model: 210 of 512 rows, about 17 s left',
  );
});

test('an answer counts its tokens, a checkpoint names its step', () => {
  expect(sentence(phaseDoing({ kind: 'answering', step: 0, done: 3, total: 48 }))).toBe(
    'The base model answers the prompt: 3 of at most 48 tokens',
  );
  expect(sentence(phaseDoing({ kind: 'saving', step: 1200 }))).toBe('Saving step 1,200');
});

test('the start of an adapter counts batches, which may be fewer, and matrices', () => {
  const start = { kind: 'starting', step: 0 } as const;
  expect(sentence(phaseDoing({ ...start, what: 'reading', done: 3, total: 1200 }))).toBe(
    'Reading activations: 3 of at most 1,200 batches',
  );
  expect(sentence(phaseDoing({ ...start, what: 'vectors', done: 40, total: 210, seconds: 31 }))).toBe(
    'Finding singular vectors: 40 of 210 matrices, about 31 s left',
  );
});

test('compiling and loading show the time left only if it is long', () => {
  expect(sentence(compileDoing({ done: 12, total: 40 }, 4))).toBe('Compiling shaders: 12 of 40');
  expect(sentence(compileDoing({ done: 12, total: 40 }, 70))).toBe(
    'Compiling shaders: 12 of 40, about 1 min 10 s left',
  );
  const opening = { what: 'loading', done: 2 ** 20, total: 3 * 2 ** 20 } as const;
  expect(sentence(openingDoing(opening, 20))).toBe('Loading the model: 1 MiB of 3 MiB, about 20 s left');
  expect(sentence(openingDoing({ what: 'reading', done: 0, total: 0 }))).toBe('Loading the model');
});

test('each thing is timed from when it was first seen', () => {
  const pace = new WorkPace();
  expect(pace.left('shaders', 2, 10, 1000)).toBeUndefined();
  expect(pace.left('shaders', 4, 10, 3000)).toBe(6);
  expect(pace.left('model', 4, 10, 3000)).toBeUndefined();
  expect(pace.left('model', 7, 10, 4500)).toBe(1.5);
});
