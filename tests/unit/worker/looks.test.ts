/** Looks at the test part: counted for evaluations of something tuned, whatever happens to the other rows. */
import { expect, test } from 'vitest';
import type { DataOptions } from '../../../src/data/options.ts';
import type { StoredResult } from '../../../src/storage/records.ts';
import type { GraftWorker } from '../../../src/worker/api.ts';
import type { DataSet } from '../../../src/worker/data/data.ts';
import { countingLooks, haveSameRows, Looks, type LookStore } from '../../../src/worker/edits/looks.ts';
import { graftError } from '../expect-graft-error.ts';
import { openSprig, readRows } from './open-sprig.ts';

const OPTIONS: DataOptions = { maxLength: 64, overlong: 'drop', validation: 0.2, test: 0.2, seed: 1 };
const model = await openSprig();
const bytes = new TextEncoder().encode(
  Array.from({ length: 20 }, (_, i) => `{"prompt": "Say ${i}", "completion": "yes ${i}"}`).join('\n'),
);
const open = (options: Partial<DataOptions> = {}): Promise<DataSet> =>
  readRows(model, { name: 'rows.jsonl', bytes }, { ...OPTIONS, ...options });

function looksOf(): Looks {
  let kept: StoredResult[] = [];
  const store: LookStore = {
    list: () => Promise.resolve(structuredClone(kept)),
    put: (_, results) => {
      kept = [...results];
      return Promise.resolve(true);
    },
  };
  return new Looks({ id: 'p' }, store);
}

test('counts evaluations of adapters that worked, and none of the base model alone', async () => {
  const session = { data: await open() };
  let works = true;
  const answer = (): Promise<object> => Promise.resolve({ ok: works });
  const api = { evaluate: answer, measureFewShot: answer, measureTuned: answer, lossOfMixture: answer };
  const counting = countingLooks(api as unknown as GraftWorker, session, looksOf());
  const sample = {} as never;
  const looked = async (): Promise<number> => {
    const outcome = await counting.testLooks();
    return outcome.ok ? outcome.looks.count : -1;
  };
  await counting.evaluate([], sample);
  await counting.measureFewShot(2, sample);
  expect(await looked()).toBe(0);
  await counting.evaluate([{ id: 'a' }], sample);
  expect(await looked()).toBe(1);
  works = false;
  await counting.evaluate([{ id: 'a' }], sample);
  expect(await looked()).toBe(1);
  works = true;
  await counting.measureFewShot(2, sample, undefined, { id: 'a' });
  await counting.measureTuned({} as never, sample);
  expect(await looked()).toBe(3);
  // A mixture is chosen by its loss on the test rows.
  await counting.lossOfMixture();
  expect(await looked()).toBe(4);
});

test('knows the test part by its rows, whatever happens to the others', async () => {
  const looks = looksOf();
  const data = await open();
  await looks.add(data);
  const train = data.places.find(({ part }) => part === 'train')!.line;
  expect(await looks.at(await open({ skip: [[train]], maxLength: 48 }))).toMatchObject({ count: 1 });
  expect(await looks.at(await open({ seed: 2 }))).toEqual({ count: 0, locked: false });
  await looks.add(await open({ seed: 2 }));
  await looks.add(data);
  expect((await looks.at(data)).count).toBe(2);
});

test('know that a file next to the same rows makes another test part of them', async () => {
  const other = {
    name: 'other.jsonl',
    bytes: new TextEncoder().encode('{"prompt": "a", "completion": "b"}'),
  };
  const rows = { name: 'rows.jsonl', bytes };
  const data = await readRows(model, rows, OPTIONS);
  expect(haveSameRows(data, await readRows(model, rows, OPTIONS, { heldOut: other }))).toBe(true);
  expect(haveSameRows(data, await readRows(model, { ...rows, name: 'renamed.jsonl' }, OPTIONS))).toBe(true);
  expect(haveSameRows(data, await readRows(model, other, { ...OPTIONS, validation: 0, test: 0 }))).toBe(
    false,
  );
  // Rows that came back with a run have no files.
  expect(haveSameRows({}, {})).toBe(false);
});

test('count a look at the rows of another project there', async () => {
  const kept = new Map<string, StoredResult[]>();
  const store: LookStore = {
    list: (id) => Promise.resolve(kept.get(id) ?? []),
    put: (id, results) => {
      kept.set(id, [...results]);
      return Promise.resolve(true);
    },
  };
  const data = await open();
  await new Looks({ id: 'p' }, store).add(data, 'q');
  expect((await new Looks({ id: 'p' }, store).at(data)).count).toBe(0);
  expect((await new Looks({ id: 'q' }, store).at(data)).count).toBe(1);
});

test('keep the rows of a test part until a person unlocks it', async () => {
  const looks = looksOf();
  const [data, other] = [await open(), await open({ seed: 2 })];
  await looks.guard(data, other);
  await looks.add(data);
  expect(await looks.at(data)).toMatchObject({ count: 1, locked: true });
  const { what } = await graftError(() => looks.guard(data, other), 'test-locked');
  expect(what).toMatch(/looked at once/);
  const train = data.places.find(({ part }) => part === 'train')!.line;
  await looks.guard(data, await open({ skip: [[train]] }));
  await looks.unlock(data);
  expect((await looks.at(data)).locked).toBe(false);
  await looks.guard(data, other);
  // Only that part is unlocked.
  await looks.add(other);
  await graftError(() => looks.guard(other, data), 'test-locked');
});
