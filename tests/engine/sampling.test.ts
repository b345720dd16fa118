import { expect, test } from 'vitest';
import {
  encodeSettings,
  markSeen,
  NO_DRAW,
  readRecord,
  RECORD_WORDS,
  sample,
  samplingTensors,
  type Picked,
} from '../../src/engine/ops/sampling.ts';
import { Tape } from '../../src/engine/tape.ts';
import { greedy, type Sampling } from '../../src/model/sampling.ts';
import { Random } from '../../src/random.ts';
import { candidates, draw, mostLikely } from '../reference/sampling.ts';
import { describeBuilds } from './adapters.ts';
import { noise } from './run.ts';

const NONE: readonly number[] = [];

describeBuilds('sampling', (context) => {
  interface Row {
    logits: Float32Array;
    draw: number;
    before?: readonly number[];
  }

  /** Chooses a token for each row, `times` times in a row from the same logits. */
  async function choose(
    rows: readonly Row[],
    sampling: Sampling | readonly Sampling[],
    { count = 0, times = 1 } = {},
  ): Promise<{ ids: number[]; picked: Picked[]; seen: Uint32Array }> {
    const { device } = context;
    const S = rows.length;
    const V = rows[0].logits.length;
    const pitch = Math.ceil(V / 4) * 4;
    const tape = new Tape(device);
    const logits = tape.pinned([S, pitch], 'f32', 'logits');
    const ids = tape.pinned([S], 'u32', 'ids');
    const tensors = samplingTensors(tape, S, V);
    sample(tape, logits, V, ids, tensors);
    const pool = device.createPool();
    const plan = await device.compile(tape, pool);
    const seen = new Uint32Array(S * tensors.seen.columns);
    rows.forEach(({ before = NONE }, row) =>
      markSeen(seen.subarray(row * tensors.seen.columns, (row + 1) * tensors.seen.columns), before),
    );
    // Columns beyond the vocabulary must not be chosen.
    const padded = new Float32Array(S * pitch).fill(1e9);
    rows.forEach((row, index) => padded.set(row.logits, index * pitch));
    plan.write(logits, padded);
    plan.write(tensors.seen, seen);
    plan.write(
      tensors.draws,
      Float32Array.from(rows, (row) => row.draw),
    );
    const settings = Array.isArray(sampling) ? sampling : rows.map(() => sampling);
    plan.write(tensors.settings, encodeSettings(settings.map((own) => ({ ...own, candidates: count }))));
    plan.write(ids, new Uint32Array(S).fill(77));
    for (let i = 0; i < times; i++) plan.run();
    const records = await plan.read(tensors.picked);
    expect(records.byteLength).toBe(S * RECORD_WORDS * 4);
    const result = {
      ids: [...new Uint32Array(await plan.read(ids))],
      picked: rows.map((_, row) => readRecord(records, row, count)),
      seen: new Uint32Array(await plan.read(tensors.seen)),
    };
    plan.destroy();
    pool.destroy();
    return result;
  }

  /** The choice on the host; undefined where the draw is so near a border that f32 may choose the neighbour. */
  function expected({ logits, draw: uniform, before = NONE }: Row, sampling: Sampling): number | undefined {
    const near = (shift: number): number =>
      draw(
        candidates(
          logits,
          {
            ...sampling,
            topP: sampling.topP < 1 ? sampling.topP * (1 + shift) : 1,
            minP: sampling.minP * (1 - shift),
          },
          before,
        ),
        Math.min(Math.max(0, uniform + shift), 1 - 2 ** -24),
      );
    const id = near(0);
    return near(2e-6) === id && near(-2e-6) === id ? id : undefined;
  }

  const settings: Partial<Sampling>[] = [
    {},
    { temperature: 1 },
    { temperature: 0.6, topK: 40 },
    { temperature: 1.3, topP: 0.9 },
    { temperature: 0.8, minP: 0.05 },
    { temperature: 1.1, topK: 50, topP: 0.95, minP: 0.02, repetitionPenalty: 1.2 },
  ];
  for (const V of [1, 37, 5000]) {
    test(`${V} tokens: the same choice as on the host, for all settings`, async () => {
      const random = new Random(V);
      const rows = Array.from({ length: 24 }, (_, row): Row => ({
        logits: Float32Array.from(noise(V, row + 1, 1 + (row % 5) * 2)),
        draw: random.unitFloat32(),
        before: [0, row % V, (row * 7) % V],
      }));
      let certain = 0;
      for (const changes of settings) {
        const sampling = { ...greedy, ...changes };
        const { ids, picked } = await choose(rows, sampling);
        expect(picked.map(({ id }) => id)).toEqual(ids);
        for (const [i, row] of rows.entries()) {
          const wanted = expected(row, sampling);
          if (wanted === undefined) continue;
          certain++;
          expect([changes, i, ids[i]]).toEqual([changes, i, wanted]);
        }
      }
      expect(certain).toBeGreaterThan(0.95 * rows.length * settings.length);
    });
  }

  test('a large vocabulary: a choice in each part of the distribution', async () => {
    const V = 262_144;
    const logits = Float32Array.from(noise(V, 3, 2));
    const rows = [0, 0.3, 0.9, 0.999].map((uniform): Row => ({ logits, draw: uniform }));
    for (const changes of [{ temperature: 1 }, { temperature: 1, topK: 1000, topP: 0.8 }]) {
      const sampling = { ...greedy, ...changes };
      const { ids } = await choose(rows, sampling);
      const from = candidates(logits, sampling);
      const places = new Map(from.map(({ id }, place) => [id, place]));
      for (const [i, row] of rows.entries()) {
        // Sums of this many numbers round: the neighbours in the order are as good.
        const wanted = places.get(draw(from, row.draw))!;
        expect(Math.abs(places.get(ids[i])! - wanted)).toBeLessThanOrEqual(1 + 1e-4 * from.length);
      }
    }
  });

  test('takes the first ids of equals, also if top-k and top-p cut between them', async () => {
    const logits = new Float32Array(3000).fill(-2);
    logits.fill(1, 2000, 2100);
    const at = (uniform: number): Row => ({ logits, draw: uniform });
    const rows = [at(0), at(0.499), at(0.501), at(0.999)];
    expect((await choose(rows, greedy)).ids).toEqual([2000, 2000, 2000, 2000]);
    const cold = { ...greedy, temperature: 0.05 };
    expect((await choose(rows, cold)).ids).toEqual([2000, 2049, 2050, 2099]);
    expect((await choose(rows, { ...cold, topK: 10 })).ids).toEqual([2000, 2004, 2005, 2009]);
    expect((await choose(rows, { ...cold, topP: 0.199 })).ids).toEqual([2000, 2009, 2010, 2019]);
  });

  test('frequencies follow the probabilities', async () => {
    const logits = Float32Array.from([0.1, 0.4, 0.2, 0.3], Math.log);
    const rows = Array.from({ length: 1000 }, (_, i): Row => ({ logits, draw: (i + 0.5) / 1000 }));
    const { ids } = await choose(rows, { ...greedy, temperature: 1 });
    for (const [id, p] of [0.1, 0.4, 0.2, 0.3].entries())
      expect(ids.filter((other) => other === id).length / 1000).toBeCloseTo(p, 2);
  });

  test('a chosen token has occurred, for the next choice', async () => {
    const logits = Float32Array.of(4, 3, 2, 1, -1);
    const row = { logits, draw: 0.5, before: [0] };
    const sampling = { ...greedy, repetitionPenalty: 1e6 };
    const { ids, seen } = await choose([row], sampling, { times: 3 });
    expect(ids).toEqual([3]);
    expect(seen[0]).toBe(0b1111);
  });

  test('each sequence is chosen by its own settings', async () => {
    const V = 700;
    const logits = Float32Array.from(noise(V, 5, 2));
    const rows = settings.map((): Row => ({
      logits,
      draw: 0.71,
      before: [logits.indexOf(Math.max(...logits))],
    }));
    const own = settings.map((changes) => ({ ...greedy, ...changes }));
    const together = await choose(rows, own);
    const apart = [];
    for (const [i, row] of rows.entries()) apart.push(...(await choose([row], own[i])).ids);
    expect(together.ids).toEqual(apart);
    expect(new Set(apart).size).toBeGreaterThan(2);
  });

  test('the logarithm of the chosen probability, also of a token that is not among the most likely', async () => {
    const V = 3001;
    const logits = Float32Array.from(noise(V, 11, 2));
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const rows = [0.01, 0.6, 0.999].map((uniform): Row => ({ logits, draw: uniform }));
    const { ids, picked } = await choose(rows, { ...greedy, temperature: 3 }, { count: 1 });
    for (const [i, id] of ids.entries())
      expect(picked[i].logProbability).toBeCloseTo(logits[id] - Math.log(total), 4);
    expect(picked[2].candidates.map(({ id }) => id)).not.toContain(ids[2]);
    expect((await choose(rows, greedy)).picked[0].logProbability).toBeUndefined();
  });

  test('leaves a sequence that has ended as it is', async () => {
    const logits = Float32Array.of(1, 5, 2, 0);
    const { ids, seen } = await choose(
      [
        { logits, draw: NO_DRAW },
        { logits, draw: 0 },
      ],
      greedy,
    );
    expect(ids).toEqual([77, 1]);
    expect([...seen]).toEqual([0, 0b10]);
  });

  test('gives the most likely tokens by only the logits', async () => {
    const V = 5003;
    const logits = Float32Array.from(noise(V, 9, 3));
    logits[1234] = logits[4321] = 11;
    const sampling = { ...greedy, temperature: 2, topK: 3, repetitionPenalty: 3 };
    for (const count of [1, 8, 20]) {
      const { picked } = await choose([{ logits, draw: 0.9, before: [1234] }], sampling, { count });
      const wanted = mostLikely(logits, count);
      expect(picked[0].candidates.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id));
      picked[0].candidates.forEach(({ probability }, n) =>
        expect(Math.abs(probability / wanted[n].probability - 1)).toBeLessThan(1e-4),
      );
    }
    const { picked } = await choose([{ logits: Float32Array.of(1, 0, 2), draw: 0 }], greedy, { count: 8 });
    expect(picked[0].candidates.map(({ id }) => id)).toEqual([2, 0, 1]);
  });

  test('a best score that is not a number is reported', async () => {
    for (const bad of [NaN, Infinity]) {
      for (const temperature of [0, 1]) {
        const logits = Float32Array.of(1, bad, 0, 2);
        const { picked } = await choose([{ logits, draw: 0.5 }], { ...greedy, temperature });
        expect(picked[0]).toMatchObject({ id: undefined, bestScore: bad });
      }
    }
    const never = Float32Array.of(-Infinity, 1, -Infinity, 0);
    const { picked } = await choose([{ logits: never, draw: 0.9999 }], { ...greedy, temperature: 1 });
    expect(picked[0].id).toBe(3);
  });
});
