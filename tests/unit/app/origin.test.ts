/** A measurement is out of date once its inputs have changed, and only then. */
import { recordOf } from '../../../src/evaluate/record.ts';
import { describe, expect, test } from 'vitest';
import {
  adapterName,
  comparable,
  isLarger,
  outdated,
  type NowOpen,
} from '../../../src/app/evaluate/origin.ts';
import type { DataOptions, Origin } from '../../../src/worker/api.ts';

const OPTIONS: DataOptions = { maxLength: 64, overlong: 'drop', validation: 0.1, test: 0.1, seed: 42 };
const MODEL = { name: 'sprig', bundled: true, fingerprint: 'f' };
const ORIGIN: Origin = {
  time: 0,
  model: MODEL,
  data: { name: 'rows', version: 'a', options: OPTIONS },
  adapter: { name: 'Captain', id: '1' },
};
const NOW: NowOpen = {
  model: MODEL,
  // The same options in another order.
  rows: { version: 'a', options: { seed: 42, test: 0.1, validation: 0.1, overlong: 'drop', maxLength: 64 } },
  adapters: [{ id: '1', name: 'Skipper' }],
  runs: [{ id: 'r', step: 8 }],
};

describe('out of date', () => {
  test('does not apply to equal inputs, even under another name', () => {
    expect(outdated(ORIGIN, NOW)).toBeUndefined();
    expect(adapterName(ORIGIN.adapter, NOW)).toBe('Skipper');
  });

  test('is not claimed for the mixture of the workshop until it changes', () => {
    const origin = { ...ORIGIN, adapter: { name: '0.5 × Captain', id: 'mixture' } };
    expect(outdated(origin, { ...NOW, mixture: '0.5 × Captain' })).toBeUndefined();
    expect(outdated(origin, { ...NOW, mixture: '0.7 × Captain' })).toMatch(/another mixture/);
    expect(outdated(origin, NOW)).toMatch(/or none/);
  });

  test('is not claimed while it is unknown', () => {
    expect(outdated(ORIGIN, { model: { name: 'sprig', bundled: true }, rows: NOW.rows })).toBeUndefined();
    const { options: _, ...rows } = ORIGIN.data!;
    expect(outdated({ ...ORIGIN, data: rows }, NOW)).toBeUndefined();
  });

  test.each<[string, Partial<NowOpen>, RegExp]>([
    ['another model', { model: { ...MODEL, name: 'oak' } }, /base model is oak now/],
    ['one kept under the same name', { model: { ...MODEL, bundled: false } }, /base model is Sprig now/],
    ['other weights', { model: { ...MODEL, fingerprint: 'g' } }, /other weights/],
    ['other rows', { rows: { version: 'b', options: OPTIONS } }, /Other rows/],
    ['another split', { rows: { version: 'a', options: { ...OPTIONS, seed: 7 } } }, /split differently/],
    [
      'a row more',
      { rows: { version: 'a', options: { ...OPTIONS, skip: [[3]] } } },
      /^Other rows are left out/,
    ],
    [
      'copies',
      { rows: { version: 'a', options: { ...OPTIONS, dropCopies: true } } },
      /^Other rows are left out/,
    ],
    ['rows that are gone', { rows: undefined }, /not kept any more/],
    ['an adapter that is gone', { adapters: [] }, /“Captain” is deleted/],
  ])('is what was measured with %s', (_, change, words) => {
    expect(outdated(ORIGIN, { ...NOW, ...change })).toMatch(words);
  });

  test('applies to a run that was continued or deleted', () => {
    const half: Origin = { ...ORIGIN, adapter: { name: 'voice 1', runId: 'r', step: 8 } };
    expect(outdated(half, NOW)).toBeUndefined();
    expect(adapterName(half.adapter, NOW)).toBe('voice 1, step 8');
    expect(outdated(half, { ...NOW, runs: [{ id: 'r', step: 9 }] })).toMatch(/now at step 9/);
    expect(outdated(half, { ...NOW, runs: [] })).toMatch(/“voice 1” is deleted/);
  });

  test('answers of a conversation do not depend on rows', () => {
    const { data: _, ...answer } = ORIGIN;
    expect(outdated(answer, { ...NOW, rows: undefined })).toBeUndefined();
  });
});

test('only measurements of the same rows by the same model compare', () => {
  expect(comparable(ORIGIN, { ...ORIGIN, adapter: undefined })).toBe(true);
  expect(comparable(ORIGIN, { ...ORIGIN, model: { ...MODEL, fingerprint: 'g' } })).toBe(false);
  expect(comparable(ORIGIN, { ...ORIGIN, data: { ...ORIGIN.data!, version: 'b' } })).toBe(false);
  expect(comparable(ORIGIN, { ...ORIGIN, data: { ...ORIGIN.data!, options: { ...OPTIONS, seed: 7 } } })).toBe(
    false,
  );
});

test('a sample that was cut short is only replaced by a larger one of the same model, rows and adapter', () => {
  const rows = (many: number, { adapter, ...made } = ORIGIN) =>
    recordOf(
      { ...made, time: 1 },
      Array.from({ length: many }, () => ({ prompt: '', expected: '' })),
      [
        {
          subject: { method: 'adapter', label: 'One', ...(adapter && { adapter }) },
          answers: [],
          scores: {},
        },
      ],
      [],
    );
  expect(isLarger(rows(20), rows(8))).toBe(true);
  expect(isLarger(rows(8), rows(8))).toBe(false);
  expect(isLarger(rows(20, { ...ORIGIN, adapter: { name: 'other', id: 'x' } }), rows(8))).toBe(false);
  expect(isLarger(rows(20, { ...ORIGIN, model: { ...MODEL, fingerprint: 'g' } }), rows(8))).toBe(false);
});
