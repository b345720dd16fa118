/** Counts measured rows that training saw, however they are split now. */
import { beforeAll, expect, test } from 'vitest';
import type { DataFile, DataOptions, Seen } from '../../../src/worker/api.ts';
import type { RowSet } from '../../../src/data/row-set.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { openData } from '../../../src/data/open-data.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { seenRows, type TrainedOn } from '../../../src/worker/evaluation/trained-on.ts';
import { openSprig } from './open-sprig.ts';

let model: OpenModel;
beforeAll(async () => {
  model = await openSprig();
});

const OPTIONS: DataOptions = { maxLength: 64, overlong: 'truncate-end', validation: 0, test: 0.4, seed: 1 };
const { signal } = new AbortController();

const file = (name: string, lines: readonly object[]): DataFile => ({
  name,
  bytes: new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join('\n')),
});
const pairs = (count: number, from = 0): object[] =>
  Array.from({ length: count }, (_, i) => ({ prompt: `Say ${from + i}`, completion: ` yes ${from + i}` }));
const rows = file('rows.jsonl', pairs(20));

async function open(from: DataFile, version: string, options = OPTIONS): Promise<RowSet> {
  const { data } = await openData(model, from, options, undefined, new Slices(() => undefined, signal));
  return { ...data, ref: { name: from.name, version, created: 0 } };
}

/** The stored facts of an adapter that was trained on version `a`. */
const trained = (dataOptions: DataOptions): TrainedOn => ({
  projectId: 'p',
  runId: 'r',
  data: { name: 'rows', version: 'a', created: 0 },
  dataOptions,
});
const seen = (data: RowSet, of: TrainedOn, kept: DataFile | undefined = rows): Promise<Seen> =>
  seenRows(
    of,
    data,
    [0, 1, 2, 3].slice(0, data.questions.length),
    model,
    new Slices(() => undefined, signal),
    () => Promise.resolve(kept && { file: kept }),
  );
const linesOf = ({ places }: RowSet, wanted: 'train' | 'test'): number[] =>
  places.filter(({ part }) => part === wanted).map(({ line }) => line);

test('the split of training has none of its test rows, kept or not', async () => {
  const data = await open(rows, 'a');
  expect(await seen(data, trained({ ...OPTIONS }), undefined)).toEqual({ asked: 0, test: 0, of: 8 });
});

test.each<[string, Partial<DataOptions>]>([
  ['another seed', { seed: 7 }],
  ['a larger test part', { test: 0.6 }],
  ['another length', { seed: 7, maxLength: 48 }],
])('the rows that training saw are counted with %s', async (_, change) => {
  const before = await open(rows, 'a');
  const now = await open(rows, 'a', { ...OPTIONS, ...change });
  const train = linesOf(before, 'train');
  const test = linesOf(now, 'test');
  const both = test.filter((line) => train.includes(line)).length;
  expect(both).toBeGreaterThan(0);
  expect(await seen(now, trained(OPTIONS))).toEqual({
    asked: test.slice(0, 4).filter((line) => train.includes(line)).length,
    test: both,
    of: test.length,
  });
});

test('rows of another data set are recognised by their content', async () => {
  const other = await open(file('other.jsonl', pairs(10, 100)), 'b');
  expect(await seen(other, trained(OPTIONS))).toEqual({ asked: 0, test: 0, of: 4 });
  const same = await open(file('again.jsonl', pairs(20).reverse()), 'b', { ...OPTIONS, test: 0.9 });
  expect(await seen(same, trained({ ...OPTIONS, test: 0 }))).toEqual({ asked: 4, test: 18, of: 18 });
});

test('a repeated row was seen although its copy is held out', async () => {
  const twice = file('rows.jsonl', [...pairs(10), ...pairs(10)]);
  const data = await open(twice, 'a');
  const { test: found } = (await seen(data, trained(OPTIONS))) as Exclude<Seen, string>;
  expect(found).toBe(data.leaked.size);
  expect(found).toBeGreaterThan(0);
});

test('nothing is claimed if it cannot be known', async () => {
  const data = await open(rows, 'a', { ...OPTIONS, seed: 7 });
  const { runId: _, ...imported } = trained(OPTIONS);
  expect(await seen(data, imported)).toBe('imported');
  const { dataOptions: __, ...old } = trained(OPTIONS);
  expect(await seen(data, old)).toBe('before');
  const gone = seenRows(trained(OPTIONS), data, [0], model, new Slices(() => undefined, signal), () =>
    Promise.resolve(undefined),
  );
  expect(await gone).toBe('rows');
  const text = { name: 'text.txt', bytes: new TextEncoder().encode('word '.repeat(600)) };
  const cut = await open(text, 'a', { ...OPTIONS, maxLength: 32 });
  expect(await seen(cut, trained(OPTIONS), text)).toBe('rows');
});
