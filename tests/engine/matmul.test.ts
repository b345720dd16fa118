import { describe, expect, test } from 'vitest';
import type { Device } from '../../src/engine/device.ts';
import { matmul, wholeColumns, type Layout, type MatmulShape } from '../../src/engine/ops/matmul.ts';
import { chooseKernel, type Kernel } from '../../src/engine/webgpu/lower/matmul-kernel.ts';
import { measureTuning } from '../../src/engine/webgpu/measure-tuning.ts';
import { isTuning } from '../../src/engine/webgpu/tuning.ts';
import * as reference from '../reference/matmul.ts';
import { describeAdapters, PART, type AdapterContext } from './adapters.ts';
import { constant, noise, runTape, stored, worstError } from './run.ts';

type Float = 'f32' | 'f16';

interface Case extends MatmulShape {
  layout: Layout;
  kernel?: Kernel;
  types?: { a?: Float; b?: Float; c?: Float; z?: Float; l?: Float };
  R?: number;
  bias?: boolean;
  residual?: boolean;
  accumulate?: boolean;
  scale?: number;
}

const TOLERANCE = { f32: 2e-6, f16: 1e-3 };

/** Runs a product and gives its result beside the reference's. */
async function run(
  device: Device,
  { layout, M, N, K, kernel, types = {}, R, bias, residual, accumulate, scale }: Case,
): Promise<{ actual: Float64Array; expected: Float64Array }> {
  const { a: typeA = 'f32', b: typeB = 'f32', c: typeC = 'f32', z: typeZ = 'f32', l: typeL = 'f32' } = types;
  const a = stored(noise(M * K, 1), typeA);
  const b = stored(noise(N * K, 2), typeB);
  const before = stored(noise(M * N, 3), typeC);
  const biases = stored(noise(N, 4), 'f32');
  const residuals = stored(noise(M * N, 5), typeC);
  const z = stored(noise(M * (R ?? 0), 6), typeZ);
  const l = stored(noise(N * (R ?? 0), 7), typeL);
  const c = constant(device, [M, N], before, typeC);
  const [actual] = await runTape(device, (tape) => [
    matmul(tape, {
      a: constant(device, layout === 'TN' ? [K, M] : [M, K], a, typeA),
      b: constant(device, layout === 'NT' ? [N, K] : [K, N], b, typeB),
      c,
      layout,
      kernel,
      lowRank: R
        ? {
            z: constant(device, [M, R], z, typeZ),
            l: constant(device, layout === 'NT' ? [N, R] : [R, N], l, typeL),
            scale: 0.75,
          }
        : undefined,
      bias: bias ? constant(device, [N], biases) : undefined,
      residual: residual ? constant(device, [M, N], residuals, typeC) : undefined,
      accumulate,
      scale,
    }),
  ]);
  const expected = reference.matmul({
    a,
    b,
    layout,
    M,
    N,
    K,
    scale,
    lowRank: R ? { z, l, R, scale: 0.75 } : undefined,
    bias: bias ? biases : undefined,
    residual: residual ? residuals : undefined,
    before: accumulate ? before : undefined,
  });
  return { actual, expected };
}

const LAYOUTS: Layout[] = ['NT', 'NN', 'TN'];

const NARROW = { rows: 2, columns: 2 } as const;

const FAMILIES: Record<string, Kernel> = {
  plain: { family: 'plain' },
  'tiled 64×64': { family: 'tiled', rows: 1 },
  'tiled 128×64': { family: 'tiled', rows: 2 },
  sliced: { family: 'sliced' },
  'register 8×8 along N': { family: 'register', tile: NARROW, lanes: 4, alongN: true },
  'register 8×8 along M': { family: 'register', tile: NARROW, lanes: 8, alongN: false },
  'quad 8×8 along N': { family: 'quad', tile: NARROW, lanes: 8, alongN: true },
  'quad 8×8 along M': { family: 'quad', tile: NARROW, lanes: 4, alongN: false },
  'quad 4×16 along N': { family: 'quad', tile: { rows: 1, columns: 4 }, lanes: 4, alongN: true },
  'quad 16×4 along M': { family: 'quad', tile: { rows: 4, columns: 1 }, lanes: 4, alongN: false },
};

/**
 * SwiftShader compiles kernels with shared memory for many seconds: `npm test` has them there in the tests of each family, and with lavapipe
 * everywhere.
 */
const compiled =
  ({ all }: AdapterContext) =>
  ({ family }: Kernel): boolean =>
    all || (family !== 'tiled' && family !== 'sliced');

// Sides that lie contiguously are multiples of four for all families but plain.
const SHAPES: Record<Layout, [number, number, number][]> = {
  NT: [
    [1, 4, 4],
    [5, 12, 36],
    [33, 68, 20],
    [130, 64, 64],
  ],
  NN: [
    [1, 4, 4],
    [5, 12, 36],
    [33, 68, 20],
    [130, 64, 64],
  ],
  TN: [
    [4, 4, 1],
    [12, 8, 37],
    [68, 36, 17],
    [132, 64, 65],
  ],
};

describeAdapters('Matrix product', (context) => {
  describe.skipIf(!context.webgpu)('every family', () => {
    for (const [at, [name, kernel]] of Object.entries(FAMILIES).entries()) {
      for (const layout of LAYOUTS) {
        // Tiles in shared memory take SwiftShader the longest to compile, and it never chooses them: one layout of each.
        if (!context.all && kernel.family === 'tiled' && layout !== (kernel.rows > 1 ? 'NT' : 'TN')) continue;
        test(`${name} ${layout}`, async () => {
          const [smallest, , odd] = SHAPES[layout];
          // The variant that adds everything has the code of the others: in `npm test` the tests below have those that add nothing.
          const everything = { R: 4, bias: true, residual: true, accumulate: true, scale: 0.5 };
          for (const [M, N, K] of context.all ? SHAPES[layout] : [smallest, odd])
            await check(context, { layout, M, N, K, kernel, ...everything });
          if (!PART)
            for (const [M, N, K] of SHAPES[layout]) await check(context, { layout, M, N, K, kernel });
        });
        // Variants that differ only in the tile are not repeated in f16: they take long to compile on llvmpipe.
        const repeated = 'tile' in kernel && (kernel.family === 'register' || kernel.tile !== NARROW);
        // Nor are layouts, in `npm test`: what differs in f16 is how numbers are read and written.
        if (PART && layout !== LAYOUTS[at % LAYOUTS.length]) continue;
        test.skipIf(!context.f16 || repeated)(`${name} ${layout} f16`, async () => {
          const [, , [M, N, K]] = SHAPES[layout];
          const types = { a: 'f16', b: 'f16', c: 'f16' } as const;
          await check(context, {
            layout,
            M,
            N,
            K,
            kernel,
            bias: true,
            residual: true,
            accumulate: true,
            scale: 0.5,
            R: 20,
            types,
          });
          await check(context, { layout, M, N, K, kernel, types: { a: 'f16' } });
        });
      }
    }
  });

  // llvmpipe never chooses them: even 16×16 compiled for seconds there.
  test.skipIf(context.name !== 'swiftshader')('tall tiles of large products', async () => {
    const kernel: Kernel = { family: 'quad', tile: { rows: 16, columns: 4 }, lanes: 4, alongN: true };
    await check(context, {
      layout: 'NT',
      M: 77,
      N: 84,
      K: 12,
      kernel,
      R: 4,
      bias: true,
      residual: true,
      accumulate: true,
      scale: 0.5,
    });
    // It compiles each for seconds: another layout, of another height.
    await check(context, {
      layout: 'TN',
      M: 132,
      N: 68,
      K: 21,
      kernel: { ...kernel, tile: { rows: 8, columns: 4 } },
    });
  });

  test('plain: sides of any length', async () => {
    for (const layout of LAYOUTS) {
      for (const [M, N, K] of [
        [1, 1, 1],
        [5, 7, 9],
        [33, 65, 17],
        [1, 130, 3],
        [130, 1, 5],
      ]) {
        if (context.webgpu) expect(chooseKernel(context.gpu, layout, { M, N, K }).family).toBe('plain');
        await check(context, {
          layout,
          M,
          N,
          K,
          R: 4,
          bias: true,
          residual: true,
          accumulate: true,
          scale: 0.5,
        });
      }
    }
  });

  test('an odd vocabulary in padded rows takes the fast kernels', async () => {
    const { device } = context;
    const families: Kernel[] = [
      { family: 'plain' },
      { family: 'tiled', rows: 1 },
      { family: 'sliced' },
      { family: 'register', tile: NARROW, lanes: 8, alongN: true },
      { family: 'quad', tile: NARROW, lanes: 4, alongN: false },
      // The first and the last in another form: not in `npm test`.
      ...(PART
        ? []
        : [
            { family: 'tiled', rows: 2 } as const,
            { family: 'quad', tile: NARROW, lanes: 8, alongN: true } as const,
          ]),
    ];
    const kernels = [undefined, ...(context.webgpu ? families.filter(compiled(context)) : [])];
    const [R, C] = [9, 12];
    for (const V of context.all ? [5, 50, 131] : [5, 131]) {
      const pitch = wholeColumns(V);
      const w = noise(V * C, 1);
      const x = noise(R * C, 2);
      const z = noise(R * V, 3);
      const padded = new Float64Array(R * pitch);
      for (let r = 0; r < R; r++) padded.set(z.subarray(r * V, (r + 1) * V), r * pitch);
      for (const layout of context.webgpu ? LAYOUTS : [])
        expect(chooseKernel(context.gpu, layout, shapeOfHead(layout, R, V, C)).family).not.toBe('plain');
      for (const kernel of kernels) {
        const [logits, dx, dw] = await runTape(device, (tape) => {
          const weight = constant(device, [V, C], w);
          const input = constant(device, [R, C], x);
          const gradient = constant(device, [R, pitch], padded);
          const c = constant(device, [R, pitch], new Float64Array(R * pitch));
          return [
            matmul(tape, { a: input, b: weight, layout: 'NT', c, kernel }),
            matmul(tape, { a: gradient, b: weight, layout: 'NN', kernel }),
            matmul(tape, { a: gradient, b: input, layout: 'TN', c: constant(device, [V, C], w), kernel }),
          ];
        });
        const without = Float64Array.from(
          { length: R * V },
          (_, i) => logits[Math.floor(i / V) * pitch + (i % V)],
        );
        const label = `V ${V}, ${JSON.stringify(kernel)}`;
        const product = reference.matmul;
        const expected = product({ a: x, b: w, layout: 'NT', M: R, N: V, K: C });
        expect(worstError(without, expected), label).toBeLessThan(TOLERANCE.f32);
        expect(worstError(dx, product({ a: z, b: w, layout: 'NN', M: R, N: C, K: V })), label).toBeLessThan(
          TOLERANCE.f32,
        );
        expect(worstError(dw, product({ a: z, b: x, layout: 'TN', M: V, N: C, K: R })), label).toBeLessThan(
          TOLERANCE.f32,
        );
      }
    }
  });

  test.skipIf(!context.webgpu)('vector: one to four rows', async () => {
    const kernel: Kernel = { family: 'vector' };
    for (const M of [1, 2, 3, 4]) {
      await check(context, { layout: 'NT', M, N: 37, K: 132, kernel });
      await check(context, {
        layout: 'NT',
        M,
        N: 8,
        K: 4,
        kernel,
        R: 8,
        bias: true,
        residual: true,
        accumulate: true,
        scale: 0.5,
      });
      if (context.f16)
        await check(context, {
          layout: 'NT',
          M,
          N: 37,
          K: 132,
          kernel,
          R: 4,
          types: { a: 'f16', b: 'f16', c: 'f16', l: 'f32' },
        });
    }
  });

  test.skipIf(!context.webgpu)('split K', async () => {
    const tiles: Kernel = { family: 'tiled', rows: 1, columns: 2, across: 8, down: 8, depth: 32, parts: 4 };
    if (context.all)
      for (const layout of LAYOUTS)
        await check(context, {
          ...{ layout, M: 36, N: 68, K: 300, kernel: tiles, R: 20 },
          ...{ bias: true, residual: true, accumulate: true, scale: 0.5 },
        });
    const kernels: Kernel[] = [
      { family: 'sliced' },
      { family: 'quad', tile: NARROW, lanes: 8, alongN: true, parts: 3 },
      { family: 'register', tile: NARROW, lanes: 8, alongN: false, parts: 5 },
      { family: 'plain', parts: 4 },
    ];
    for (const kernel of kernels.filter(compiled(context))) {
      await check(context, { layout: 'TN', M: 8, N: 36, K: 301, kernel });
      await check(context, {
        layout: 'TN',
        M: 8,
        N: 36,
        K: 301,
        kernel,
        bias: true,
        residual: true,
        accumulate: true,
        scale: 0.5,
      });
      await check(context, { layout: 'NT', M: 8, N: 36, K: 300, kernel, bias: true });
    }
  });

  test('is right with the kernels that the tuning chooses', async () => {
    const shapes: [number, number, number][] = [
      [1, 64, 64],
      [2, 256, 64],
      [64, 8, 256],
      [8, 64, 2052],
      [256, 64, 8],
      [96, 100, 64],
      [4, 4, 4],
    ];
    for (const layout of LAYOUTS)
      for (const [M, N, K] of shapes) await check(context, { layout, M, N, K, accumulate: true });
    if (context.f16)
      for (const layout of LAYOUTS)
        await check(context, { layout, M: 4, N: 4, K: 4, types: { a: 'f16', b: 'f16', c: 'f16' } });
  });

  test('sums longer than a stretch, blocks larger than a tile, everything that is added', async () => {
    const all = { R: 20, bias: true, residual: true, accumulate: true, scale: 0.75 };
    for (const layout of LAYOUTS) {
      await check(context, { layout, M: 261, N: 116, K: 1092, ...all });
      await check(context, { layout, M: 12, N: 404, K: 516, ...all, scale: 1 });
      await check(context, { layout, M: 520, N: 8, K: 64, accumulate: true });
    }
  });

  test.skipIf(context.webgpu)('takes weights in half precision with f32', async () => {
    for (const layout of ['NT', 'NN'] as const)
      for (const M of [1, 3, 61])
        await check(context, { layout, M, N: 116, K: 67, bias: true, types: { b: 'f16' } });
  });

  test('the same bits every time', async () => {
    const sliced: Kernel = { family: 'sliced' };
    for (const kernel of [undefined, ...(compiled(context)(sliced) ? [sliced] : [])]) {
      const options: Case = { layout: 'TN', M: 8, N: 64, K: 2048, kernel };
      const first = await run(context.device, options);
      const second = await run(context.device, options);
      expect(first.actual).toEqual(second.actual);
    }
  });

  test('tensors that do not fit are refused', async () => {
    const { device } = context;
    const a = constant(device, [2, 4], noise(8, 1));
    await expect(
      runTape(device, (tape) => [
        matmul(tape, { a, b: constant(device, [8, 8], noise(64, 2)), layout: 'NT' }),
      ]),
    ).rejects.toThrow('the inner sides differ');
  });

  test.skipIf(!context.webgpu)('the measurement gives a tuning that computes right', async () => {
    const { gpu: device } = context;
    const before = device.tuning;
    const tuning = await measureTuning(device);
    expect(isTuning(JSON.parse(JSON.stringify(tuning)))).toBe(true);
    device.tuning = tuning;
    try {
      for (const layout of LAYOUTS) await check(context, { layout, M: 68, N: 72, K: 76 });
    } finally {
      device.tuning = before;
    }
  });
});

/** Logits, their backward to x and to w: R rows, V columns in padded rows, C channels. */
function shapeOfHead(layout: Layout, R: number, V: number, C: number): MatmulShape {
  if (layout === 'NT') return { M: R, N: V, K: C, pitchC: wholeColumns(V) };
  if (layout === 'NN') return { M: R, N: C, K: V, pitchA: wholeColumns(V) };
  return { M: V, N: C, K: R, pitchA: wholeColumns(V) };
}

async function check(context: AdapterContext, options: Case): Promise<void> {
  const { actual, expected } = await run(context.device, options);
  const { layout, M, N, K } = options;
  expect(worstError(actual, expected), `${layout} ${M}×${N}×${K} ${JSON.stringify(options)}`).toBeLessThan(
    TOLERANCE[options.types?.c ?? 'f32'],
  );
}
