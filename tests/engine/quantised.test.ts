/** Products with and gathers of quantised weights, against float64 on the dequantised numbers. */
import { expect, test } from 'vitest';
import type { Device } from '../../src/engine/device.ts';
import { embedding } from '../../src/engine/ops/embedding.ts';
import { linear } from '../../src/engine/ops/linear.ts';
import { matmul, wholeColumns } from '../../src/engine/ops/matmul.ts';
import type { Kernel } from '../../src/engine/webgpu/lower/matmul-kernel.ts';
import {
  createQuantised,
  quantisedFormats,
  QUANTISED_TYPES,
  writeQuantised,
  type QuantisedTensor,
  type QuantisedType,
} from '../../src/engine/quantised.ts';
import { dequantise, LAYOUTS } from '../../src/weights/layouts.ts';
import * as reference from '../reference/matmul.ts';
import { describeAdapters, PART } from './adapters.ts';
import { someBlocks } from './blocks.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

/** Blocks on the device, written in two calls, and their dequantised numbers. */
function weights(
  device: Device,
  rows: number,
  columns: number,
  type: QuantisedType,
  spread = 1,
): { tensor: QuantisedTensor; values: Float64Array } {
  const blocks = someBlocks(type, rows * columns, 9, spread);
  const tensor = createQuantised(device, [rows, columns], type, 'weight');
  const half = 2 * Math.floor(rows / 4);
  const { bits, block, scaleBytes } = quantisedFormats[type];
  const cut = { quants: (half * columns * bits) / 8, scales: ((half * columns) / block) * scaleBytes };
  const { quants, scales } = blocks;
  writeQuantised(device, tensor, 0, {
    quants: quants.subarray(0, cut.quants),
    scales: scales.subarray(0, cut.scales),
  });
  writeQuantised(device, tensor, half, {
    quants: quants.subarray(cut.quants),
    scales: scales.subarray(cut.scales),
  });
  return { tensor, values: Float64Array.from(dequantise(blocks, type)) };
}

/** A length of rows that no tile divides, in whole blocks. */
function oddColumns(type: QuantisedType): number {
  const { block } = quantisedFormats[type];
  return block * (block > 64 ? 3 : 192 / block);
}

const NARROW = { rows: 2, columns: 2 } as const;

const FAMILIES: Record<string, Kernel> = {
  plain: { family: 'plain' },
  tiled: { family: 'tiled', rows: 1 },
  'register along N': { family: 'register', tile: NARROW, lanes: 4, alongN: true },
  'quad along N': { family: 'quad', tile: NARROW, lanes: 8, alongN: true },
  'quad along M': { family: 'quad', tile: { rows: 1, columns: 4 }, lanes: 4, alongN: false },
};

const TOLERANCE = { f32: 2e-6, f16: 1e-3 };

describeAdapters('Quantised weights', (context) => {
  interface Case {
    layout: 'NT' | 'NN';
    M: number;
    N: number;
    K: number;
    type: QuantisedType;
    kernel?: Kernel;
    dtype?: 'f32' | 'f16';
    R?: number;
    spread?: number;
  }

  /** Everything that a layer adds to a product: the low-rank term, bias, residual, and the previous value. */
  async function check({ layout, M, N, K, type, kernel, dtype = 'f32', R, spread }: Case): Promise<void> {
    const { device } = context;
    const shape: [number, number] = layout === 'NT' ? [N, K] : [K, N];
    const { tensor, values } = weights(device, ...shape, type, spread);
    const a = stored(noise(M * K, 1), dtype);
    const before = stored(noise(M * N, 3), dtype);
    const residual = stored(noise(M * N, 5), dtype);
    const [bias, z, l] = [N, M * (R ?? 0), N * (R ?? 0)].map((size, i) => stored(noise(size, 6 + i), 'f32'));
    const [actual] = await runTape(device, (tape) => [
      matmul(tape, {
        a: constant(device, [M, K], a, dtype),
        b: tensor,
        c: constant(device, [M, N], before, dtype),
        layout,
        kernel,
        ...(R
          ? {
              lowRank: {
                z: constant(device, [M, R], z),
                l: constant(device, layout === 'NT' ? [N, R] : [R, N], l),
                scale: 0.75,
              },
              bias: constant(device, [N], bias),
              residual: constant(device, [M, N], residual, dtype),
              accumulate: true,
              scale: 0.5,
            }
          : {}),
      }),
    ]);
    const expected = reference.matmul({
      a,
      b: values,
      layout,
      M,
      N,
      K,
      ...(R ? { lowRank: { z, l, R, scale: 0.75 }, bias, residual, before, scale: 0.5 } : {}),
    });
    const what = `${type} ${layout} ${M}×${N}×${K} ${JSON.stringify(kernel)} ${dtype}`;
    expect(worstError(actual, expected), what).toBeLessThan(TOLERANCE[dtype]);
  }

  // What the tuning chooses for whole layers is tested in quantised-model.test.ts. Blocks with an offset cover the others: each family once, each
  // type once.
  for (const [name, kernel] of Object.entries(FAMILIES)) {
    test(`${name}: forward and backward`, async () => {
      const type = 'q4_1';
      for (const layout of ['NT', 'NN'] as const) {
        // Rows of the weight: 4, 12, 68.
        for (const [M, rows, columns] of [
          [1, 4, 32],
          [5, 12, 96],
        ]) {
          const [N, K] = layout === 'NT' ? [rows, columns] : [columns, rows];
          await check({ layout, M, N, K, type, kernel, R: 4 });
        }
        const [N, K] = layout === 'NT' ? [68, 160] : [160, 68];
        await check({ layout, M: 33, N, K, type, kernel, R: 4 });
      }
    });
  }

  // The types below have them with one family everywhere.
  for (const [name, kernel] of Object.entries(context.all ? FAMILIES : {})) {
    test(`${name}: scales for sixteen numbers, in blocks of 256`, async () => {
      for (const layout of ['NT', 'NN'] as const) {
        const [N, K] = layout === 'NT' ? [20, 512] : [512, 20];
        await check({ layout, M: 5, N, K, type: 'q2_k', kernel, R: 4 });
      }
    });
  }

  test('layouts are those that the loader writes', () => {
    for (const type of QUANTISED_TYPES) expect(quantisedFormats[type]).toMatchObject(LAYOUTS[type]);
  });

  for (const [at, type] of QUANTISED_TYPES.entries()) {
    test(`${type}: forward, backward and decoding`, async () => {
      const kernel = FAMILIES['quad along N'];
      const columns = oddColumns(type);
      await check({ layout: 'NT', M: 9, N: 36, K: columns, type, kernel, R: 8 });
      // One pipeline of each type, where they take long to compile.
      if (!context.all) return;
      await check({ layout: 'NN', M: 9, N: columns, K: 36, type, kernel, R: 8 });
      await check({ layout: 'NT', M: 1, N: 100, K: columns, type });
      if (!context.f16 || type === 'q4_0') return;
      // What differs in f16 is how numbers are read and written: `npm test` has one layout of each type.
      if (!PART || at % 2 === 0)
        await check({ layout: 'NT', M: 9, N: 36, K: columns, type, R: 4, dtype: 'f16' });
      if (!PART || at % 2 === 1)
        await check({ layout: 'NN', M: 9, N: columns, K: 36, type, R: 4, dtype: 'f16' });
    });

    test(`${type}: embedding, every row of it exactly`, async () => {
      const { device } = context;
      const [V, C] = [5, oddColumns(type)];
      const { tensor, values } = weights(device, V, C, type);
      const ids = [4, 0, 3, 3, 1, 2];
      const [x] = await runTape(device, (tape) => [
        embedding(tape, constant(device, [ids.length], ids, 'u32'), tensor, { dtype: 'f32' }),
      ]);
      const expected = ids.flatMap((id) => [...values.subarray(id * C, (id + 1) * C)]);
      expect(worstError(x, expected)).toBe(0);
    });
  }

  test('decoding: one to four rows', async () => {
    for (const type of ['q8_0', 'q4_0', 'nf4', 'q3_k', 'q4_k', 'q6_k'] as const)
      for (const M of [1, 3])
        await check({
          layout: 'NT',
          M,
          // A bias and a residual are read as vec4s.
          N: M === 3 ? 36 : 37,
          K: oddColumns(type),
          type,
          kernel: { family: 'vector' },
          R: M === 3 ? 4 : undefined,
        });
  });

  test('rows that are not whole vec4s', async () => {
    await check({ layout: 'NT', M: 3, N: 7, K: 64, type: 'q8_0', R: 4 });
    await check({ layout: 'NT', M: 3, N: 37, K: 96, type: 'q4_0', R: 4 });
    await check({ layout: 'NN', M: 3, N: 64, K: 7, type: 'nf4', R: 4 });
    await check({ layout: 'NT', M: 3, N: 7, K: 256, type: 'q3_k', R: 4 });
    await check({ layout: 'NN', M: 3, N: 256, K: 7, type: 'q5_k', R: 4 });
  });

  test('split K keeps blocks whole', async () => {
    const kernel: Kernel = { family: 'quad', tile: NARROW, lanes: 8, alongN: true, parts: 3 };
    await check({ layout: 'NT', M: 3, N: 20, K: 224, type: 'q4_1', kernel });
    await check({ layout: 'NT', M: 3, N: 20, K: 512, type: 'q6_k', kernel });
    await check({ layout: 'NN', M: 3, N: 32, K: 229, type: 'q4_1', kernel: { family: 'plain', parts: 3 } });
  });

  test('scales too small for a normal f16', async () => {
    for (const type of ['q8_0', 'q4_1', 'q4_k'] as const)
      await check({ layout: 'NT', M: 2, N: 8, K: type === 'q4_k' ? 256 : 64, type, spread: 2e-4 });
  });

  test('an odd head: logits in padded rows, and their backward', async () => {
    const { device } = context;
    const [R, V, C] = [6, 37, 64];
    const { tensor, values } = weights(device, V, C, 'q4_0');
    const pitch = wholeColumns(V);
    const x = noise(R * C, 1);
    const dz = noise(R * V, 2);
    const padded = new Float64Array(R * pitch);
    for (let r = 0; r < R; r++) padded.set(dz.subarray(r * V, (r + 1) * V), r * pitch);
    const [logits, dx] = await runTape(device, (tape) => [
      matmul(tape, {
        a: constant(device, [R, C], x),
        b: tensor,
        layout: 'NT',
        c: tape.tensor([R, pitch], 'f32', 'logits'),
      }),
      matmul(tape, { a: constant(device, [R, pitch], padded), b: tensor, layout: 'NN' }),
    ]);
    const rows = Float64Array.from({ length: R * V }, (_, i) => logits[Math.floor(i / V) * pitch + (i % V)]);
    const product = reference.matmul;
    expect(worstError(rows, product({ a: x, b: values, layout: 'NT', M: R, N: V, K: C }))).toBeLessThan(2e-6);
    expect(worstError(dx, product({ a: dz, b: values, layout: 'NN', M: R, N: C, K: V }))).toBeLessThan(2e-6);
  });

  test.each(['nf4', 'q4_k'] as const)(
    '%s: a frozen linear layer under an adapter has the gradients of its numbers',
    async (type) => {
      const { device } = context;
      const [M, N, K, R] = [9, 20, quantisedFormats[type].block, 4];
      const { tensor, values } = weights(device, N, K, type);
      const [x, a, b, dy] = [M * K, R * K, N * R, M * N].map((size, i) => noise(size, i + 1));
      const both = [tensor, constant(device, [N, K], values)].map((weight) =>
        runTape(device, (tape) => {
          const input = constant(device, [M, K], x);
          const loraA = constant(device, [R, K], a, 'f32', true);
          const loraB = constant(device, [N, R], b, 'f32', true);
          const gradients = watch(tape, input);
          const y = linear(tape, input, weight, { lora: { a: loraA, b: loraB, scale: 1.5 } });
          backwardFrom(tape, y, constant(device, [M, N], dy));
          return [y, ...gradients(), loraA.gradient!, loraB.gradient!];
        }),
      );
      const [actual, expected] = await Promise.all(both);
      actual.forEach((result, i) => expect(worstError(result, expected[i])).toBeLessThan(2e-6));
    },
  );
});
