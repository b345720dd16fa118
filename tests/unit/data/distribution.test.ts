/** The statistics of open rows, against counts by hand. */
import { beforeAll, describe, expect, test } from 'vitest';
import { distributionOf } from '../../../src/data/distribution.ts';
import { openData } from '../../../src/data/open-data.ts';
import type { DataOptions } from '../../../src/data/options.ts';
import type { RowSet } from '../../../src/data/row-set.ts';
import { whole } from '../../../src/data/findings/slow.ts';
import { epochStatistics } from '../../../src/runs/epoch-statistics.ts';
import { START } from '../../../src/app/train/kept-settings.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { openSprig } from '../worker/open-sprig.ts';

let model: OpenModel;
beforeAll(async () => {
  model = await openSprig();
});
const OPTIONS: DataOptions = { maxLength: 48, overlong: 'drop', validation: 0.25, test: 0, seed: 1 };

async function open(rows: readonly object[], options = OPTIONS): Promise<RowSet> {
  const bytes = new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n'));
  const slices = new Slices(() => undefined, new AbortController().signal);
  return (await openData(model, { name: 'rows.jsonl', bytes }, options, undefined, slices)).data;
}
const ticket = (i: number): object => ({ prompt: `Ticket ${i}`, completion: i % 4 === 0 ? 'fees' : 'cards' });

describe('the distribution', () => {
  test('counts labels by part, and rows that repeat others', async () => {
    const data = await open([...Array.from({ length: 12 }, (_, i) => ticket(i)), ticket(3)]);
    const { labels, repeated, rows, supervised } = distributionOf(data, true);
    const of = (label: string, part: string): number =>
      data.places.filter(
        (place) =>
          place.part === part && place.example?.kind === 'completion' && place.example.completion === label,
      ).length;
    expect(labels).toEqual(
      ['cards', 'fees'].map((name) => ({
        ...{ name, train: of(name, 'train'), validation: of(name, 'validation'), test: 0 },
      })),
    );
    expect([rows, repeated]).toEqual([13, 1]);
    expect(supervised.counts.reduce((sum, count) => sum + count, 0)).toBe(13);
  });

  test('counts the turns of conversations by role and by number', async () => {
    const talk = (turns: number): object => ({
      messages: Array.from({ length: turns }, (_, i) => ({
        role: i % 2 === 0 ? 'user' : 'assistant',
        content: `${i}`,
      })),
    });
    const data = await open([talk(2), talk(4), talk(2), talk(2)], {
      ...OPTIONS,
      maxLength: 200,
      validation: 0,
    });
    const { roles, turns } = distributionOf(data, false);
    expect(roles.map(({ name, train }) => [name, train])).toEqual([
      ['user', 5],
      ['assistant', 5],
    ]);
    expect(turns.map(({ name, train }) => [name, train])).toEqual([
      ['2', 3],
      ['4', 1],
    ]);
  });

  test('says how many rows each limit would cut, the rows that are left out for it among them', async () => {
    const data = await open([ticket(1), ticket(2), { prompt: 'word '.repeat(80), completion: 'yes' }]);
    const lengths = data.entries.map(({ length }) => length);
    const { cut } = distributionOf(data, false);
    expect(cut.map(({ limit }) => limit)).toEqual(expect.arrayContaining([32, 48, 64, 128]));
    for (const { limit, rows } of cut) expect(rows).toBe(lengths.filter((length) => length > limit).length);
    expect(cut.find(({ limit }) => limit === 48)?.rows).toBe(1);
    expect(cut.at(-1)?.rows).toBe(0);
  });
});

describe('a pass of a run', () => {
  const form = { ...START, name: 'run', targets: ['q_proj'], batch: 2, accumulate: 2, maxLength: 48 };

  test('has the tokens of the training rows, and padding for the rest of what it computes', async () => {
    const data = await open(Array.from({ length: 16 }, (_, i) => ticket(i)));
    const found = whole(epochStatistics(form, data))!;
    const train = data.places.filter(({ part }) => part === 'train');
    expect(found).toMatchObject({
      rows: 12,
      steps: 3,
      tokens: train.reduce((sum, { row }) => sum + row.ids.length, 0),
      supervised: train.reduce((sum, { supervised }) => sum + supervised, 0),
    });
    for (const share of [found.packed, found.unpacked]) {
      expect(share).toBeGreaterThan(0);
      expect(share).toBeLessThanOrEqual(1);
    }
  });

  test('finds the share of tokens that rows begin with in common', async () => {
    const system = 'You sort tickets into queues and answer with one word only.';
    const data = await open(
      Array.from({ length: 8 }, (_, i) => ({
        messages: [
          { role: 'system', content: system },
          { role: 'user', content: `${i}` },
          { role: 'assistant', content: 'cards' },
        ],
      })),
      { ...OPTIONS, maxLength: 200, validation: 0 },
    );
    expect(whole(epochStatistics({ ...form, batch: 4, accumulate: 1 }, data))!.repeated).toBeGreaterThan(0.4);
    const other = await open(
      Array.from({ length: 8 }, (_, i) => ({ text: `${i} ${'x'.repeat(i)}` })),
      OPTIONS,
    );
    expect(whole(epochStatistics(form, other))!.repeated).toBeLessThan(0.2);
  });

  test('is not counted for rows that its objective cannot learn from', async () => {
    const data = await open(
      Array.from({ length: 8 }, (_, i) => ({ prompt: `Q ${i}`, chosen: 'a', rejected: 'b' })),
    );
    expect(whole(epochStatistics(form, data))).toBeUndefined();
  });
});
