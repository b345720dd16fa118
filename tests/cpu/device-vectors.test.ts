/** Search with the products on the CPU engine against products in f64. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import type { Device } from '../../src/engine/device.ts';
import { Random } from '../../src/random.ts';
import { searchVectors } from '../../src/retrieval/cosine.ts';
import { DeviceVectors } from '../../src/retrieval/device-vectors.ts';

let device: Device;
beforeAll(async () => {
  device = await openProcessor({ threads: 1 });
});
afterAll(() => device.close());

/** Vectors of length 1, of which many are nearly the same. */
function vectorsOf(count: number, size: number, random: Random): Float32Array {
  const vectors = new Float32Array(count * size);
  for (let row = 0; row < count; row++) {
    const from = row % 3 === 0 || row === 0 ? undefined : vectors.slice((row - 1) * size, row * size);
    const own = Float64Array.from({ length: size }, (_, i) =>
      from ? from[i] + 1e-7 * (random.float() - 0.5) : random.float() - 0.5,
    );
    const length = Math.hypot(...own);
    vectors.set(
      own.map((value) => value / length),
      row * size,
    );
  }
  return vectors;
}

test.each([
  ['a few chunks', 5, 24],
  ['a size that is no multiple of four', 300, 30],
  ['chunks in several blocks', 2000, 40],
])('ranks %s as f64 does, equal scores included', async (_, count, size) => {
  const random = new Random(7);
  const vectors = vectorsOf(count, size, random);
  const search = await DeviceVectors.open(device, vectors, size, 2 ** 16);
  for (const at of [0, 1, count - 1]) {
    const question = vectors.slice(at * size, (at + 1) * size);
    expect(await search.search(question, 10)).toEqual(searchVectors(vectors, question, 10));
    const odd = (chunk: number): boolean => chunk % 2 === 1;
    expect(await search.search(question, 4, odd)).toEqual(searchVectors(vectors, question, 4, odd));
  }
  expect(await search.search(vectors.slice(0, size), 10, () => false)).toEqual([]);
  search.destroy();
});
