/** Searches in the rows of a large file: the worker answers meanwhile, and a search that nobody wants any more ends. */
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { distributing, distributionOf } from '../../../src/data/distribution.ts';
import { openData } from '../../../src/data/open-data.ts';
import type { RowSet } from '../../../src/data/row-set.ts';
import type { Progress } from '../../../src/worker/api.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { RowSearches } from '../../../src/worker/data/row-searches.ts';
import { Slices, type SliceWatch } from '../../../src/worker/slices.ts';
import { graftError } from '../expect-graft-error.ts';
import { openSprig } from './open-sprig.ts';

const ROWS = 1500;
const OPTIONS = { maxLength: 64, overlong: 'drop', validation: 0, test: 0.1, seed: 1 } as const;

let model: OpenModel;
let data: RowSet;
beforeAll(async () => {
  model = await openSprig();
  const row = (_: unknown, i: number): string => {
    const messages = [
      { role: 'user', content: `Say ${(i * 7919) % ROWS}` },
      { role: 'assistant', content: i % 3 === 0 ? 'yes' : 'no' },
    ];
    return JSON.stringify({ messages });
  };
  const bytes = new TextEncoder().encode(Array.from({ length: ROWS }, row).join('\n'));
  const slices = new Slices(() => undefined, new AbortController().signal);
  const file = { name: 'rows.jsonl', bytes };
  // Nothing is held of it.
  ({ data } = await openData(model, file, OPTIONS, {}, slices, undefined, { rows: 0, bytes: 0 }));
});

// Every look at the clock is a second later: each slice ends as soon as it may.
let now = 0;
beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000)));
afterEach(() => void vi.restoreAllMocks());

function watch(): SliceWatch & { readonly heard: Progress[]; readonly stop: () => void } {
  const controller = new AbortController();
  const heard: Progress[] = [];
  const { signal } = controller;
  return { heard, signal, onProgress: (progress) => heard.push(progress), stop: () => controller.abort() };
}

const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

test('lets other work run, reports how far it is, and finds what is there', async () => {
  const searches = new RowSearches();
  const own = watch();
  let isDone = false;
  const search = searches.find(data, { text: 'yes' }, model.tokenizer, undefined, own);
  void search.then(() => (isDone = true));
  await nextTask();
  await nextTask();
  expect(isDone).toBe(false);
  expect(own.heard[0]).toMatchObject({ what: 'searching', total: ROWS });
  expect(await search).toEqual(Array.from({ length: ROWS / 3 }, (_, i) => 3 * i));
  expect(own.heard.length).toBeGreaterThan(10);
});

test('ends a search whose caller wants another one', async () => {
  const searches = new RowSearches();
  const [older, newer] = [watch(), watch()];
  const first = searches.find(data, { text: 'Say 5' }, model.tokenizer, undefined, older);
  await nextTask();
  older.stop();
  const second = searches.find(data, { text: 'Say 77' }, model.tokenizer, undefined, newer);
  await graftError(() => first, 'worker-aborted');
  const before = older.heard.length;
  expect((await second).length).toBe(11);
  expect(older.heard.length).toBe(before);
});

test('searches once for calls that ask for the same, as long as one of them waits', async () => {
  const searches = new RowSearches();
  const [one, other] = [watch(), watch()];
  const first = searches.find(data, { text: 'no' }, model.tokenizer, undefined, one);
  await nextTask();
  const second = searches.find(data, { text: 'no' }, model.tokenizer, undefined, other);
  one.stop();
  await graftError(() => first, 'worker-aborted');
  expect((await second).length).toBe(1000);
  // It began before the second call.
  expect(other.heard[0].done).toBeGreaterThan(one.heard[0].done);
});

test('sorts by numbers and by texts in slices', async () => {
  const searches = new RowSearches();
  const sortedBy = (by: 'part' | { column: string }, down: boolean): Promise<readonly number[]> =>
    searches.find(data, { sort: { by, down } }, model.tokenizer, undefined, watch());
  const numberOf = (at: number): number => (at * 7919) % ROWS;
  const places = [...Array(ROWS).keys()];
  // The prompts have each number once, and a collator compares numbers by their values.
  const byNumber = places.toSorted((a, b) => numberOf(a) - numberOf(b));
  expect(await sortedBy({ column: 'Prompt' }, false)).toEqual(byNumber);
  expect(await sortedBy({ column: 'Prompt' }, true)).toEqual(byNumber.toReversed());
  const isTrained = (at: number): boolean => data.entries[at].part === 'train';
  const trained = places.filter(isTrained);
  expect(await sortedBy('part', false)).toEqual([...trained, ...places.filter((at) => !isTrained(at))]);
});

test('counts statistics in slices', async () => {
  const own = watch();
  const slices = new Slices(own.onProgress, own.signal);
  const counted = await slices.through('counting', data.places.length, distributing(data, true));
  expect(counted).toEqual(distributionOf(data, true));
  expect(counted.turns).toEqual([{ name: '2', train: 1350, validation: 0, test: 150 }]);
  expect(own.heard.length).toBeGreaterThan(10);
});
