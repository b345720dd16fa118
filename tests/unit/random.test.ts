import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.ts';

/** xoshiro128** 1.1 in BigInt, from its authors' C source. */
function* reference(state: readonly number[]): Generator<number> {
  const s = state.map(BigInt);
  const M = 0xffffffffn;
  const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & M;
  for (;;) {
    yield Number((rotl((s[1] * 5n) & M, 7n) * 9n) & M);
    const t = (s[1] << 9n) & M;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11n);
  }
}

describe('the seeded generator', () => {
  it('is xoshiro128**', () => {
    const random = Random.from([1, 2, 3, 4]);
    const expected = reference([1, 2, 3, 4]);
    for (let i = 0; i < 1000; i++) expect(random.next()).toBe(expected.next().value);
    const seeded = new Random(42);
    const again = reference(seeded.state);
    for (let i = 0; i < 1000; i++) expect(seeded.next()).toBe(again.next().value);
  });

  it('gives the same sequence for the same seed, and another for another', () => {
    const draw = (seed: number): number[] =>
      Array.from(
        { length: 4 },
        (
          (random) => () =>
            random.next()
        )(new Random(seed)),
      );
    expect(draw(7)).toEqual(draw(7));
    const seeds = [0, 1, 2, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
    expect(new Set(seeds.map((seed) => draw(seed).join())).size).toBe(seeds.length);
    // It must never change: saved runs resume with it.
    expect(draw(1)).toMatchInlineSnapshot(`
      [
        393288148,
        2174103013,
        3814759091,
        2092745082,
      ]
    `);
  });

  it('continues from its state', () => {
    const random = new Random(3);
    random.next();
    const copy = Random.from(JSON.parse(JSON.stringify(random.state)) as number[]);
    expect([copy.next(), copy.next()]).toEqual([random.next(), random.next()]);
    for (const bad of [
      [0, 0, 0, 0],
      [1, 2, 3],
      [1, 2, 3, -1],
      [1, 2, 3, 2 ** 32],
      [0.5, 1, 1, 1],
    ]) {
      expect(() => Random.from(bad)).toThrow(RangeError);
    }
  });

  it('below(n) and float() are uniform', () => {
    const random = new Random(5);
    const counts = new Array<number>(7).fill(0);
    let sum = 0;
    for (let i = 0; i < 70_000; i++) {
      counts[random.below(7)]++;
      const x = random.float();
      expect(x >= 0 && x < 1).toBe(true);
      sum += x;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400); // four standard deviations
    expect(Math.abs(sum / 70_000 - 0.5)).toBeLessThan(0.005);
    for (const n of [0, -1, 1.5, 2 ** 32 + 1, NaN]) expect(() => random.below(n)).toThrow(RangeError);
    expect(random.below(1)).toBe(0);
  });

  it('below(n) has no modulo bias', () => {
    const random = new Random(9);
    const n = 3 * 2 ** 30; // a plain remainder would be in the first third half of the time
    let low = 0;
    for (let i = 0; i < 30_000; i++) if (random.below(n) < n / 3) low++;
    expect(Math.abs(low - 10_000)).toBeLessThan(400);
  });

  it('shuffles into each order equally often', () => {
    const random = new Random(11);
    const orders = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = random.shuffle([0, 1, 2, 3]).join('');
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(140);
  });
});
