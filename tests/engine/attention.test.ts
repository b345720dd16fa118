import { describe, expect, test, vi } from 'vitest';
import { attention } from '../../src/engine/ops/attention.ts';
import type { AttentionFamily } from '../../src/engine/webgpu/lower/attention.ts';
import type { Device } from '../../src/engine/device.ts';
import type { DType, Tensor } from '../../src/engine/tensor.ts';
import * as reference from '../reference/attention.ts';
import { describeAdapters, describeGpuBuilds, PART, TEST_KERNELS, type AdapterContext } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

interface Case {
  name: string;
  /** Lengths of segments laid end to end. */
  segments: number[];
  H: number;
  KV: number;
  D: number;
  window?: number;
  /** Every query sees its whole segment, as in an encoder. */
  bothWays?: true;
  /** Queries that see nothing. */
  empty?: number[];
  /** Whether only the CPU engine is asked. */
  cpu?: true;
  /** Spread of the queries: large ones make scores that exp cannot take without the maximum. */
  spread?: number;
}

const CASES: Case[] = [
  { name: 'one query, one key', segments: [1], H: 1, KV: 1, D: 8 },
  { name: 'one segment', segments: [37], H: 4, KV: 2, D: 32 },
  { name: 'segments, one of length 1', segments: [7, 1, 40, 3], H: 3, KV: 1, D: 64 },
  { name: 'more than two tiles', segments: [70, 29], H: 2, KV: 2, D: 16 },
  { name: 'odd head size', segments: [5, 34], H: 4, KV: 1, D: 80 },
  { name: 'head size 96', segments: [9], H: 2, KV: 1, D: 96 },
  { name: 'head size 128', segments: [33, 2], H: 2, KV: 1, D: 128 },
  { name: 'head size 256', segments: [18, 17], H: 4, KV: 1, D: 256 },
  { name: 'window', segments: [50, 4], H: 4, KV: 2, D: 8, window: 5 },
  { name: 'window of one', segments: [11], H: 2, KV: 2, D: 32, window: 1 },
  { name: 'window wider than all', segments: [9, 6], H: 2, KV: 2, D: 12, window: 1000 },
  { name: 'empty ranges', segments: [12, 30], H: 2, KV: 1, D: 20, empty: [0, 3, 12, 41] },
  { name: 'nothing to see', segments: [3], H: 2, KV: 1, D: 16, empty: [0, 1, 2] },
  { name: 'both ways', segments: [37, 1, 30], H: 3, KV: 3, D: 32, bothWays: true },
  // The CPU engine packs 144 keys of this size at a time.
  { name: 'many large keys', segments: [9, 170], H: 1, KV: 1, D: 256, cpu: true, spread: 4 },
  { name: 'many large keys, both ways', segments: [160], H: 1, KV: 1, D: 256, cpu: true, bothWays: true },
  // As many heads for each key's as above, so that the kernels are the same.
  { name: 'large scores', segments: [40], H: 3, KV: 1, D: 64, spread: 60 },
];

interface Inputs {
  problem: reference.AttentionProblem;
  dO: Float64Array;
  queryRanges: number[];
  M: number;
}

function inputs(
  { segments, H, KV, D, window, bothWays, empty = [], spread = 1 }: Case,
  dtype: DType,
): Inputs {
  const keyRanges: number[] = [];
  const queryRanges: number[] = [];
  let start = 0;
  for (const length of segments) {
    for (let m = start; m < start + length; m++) {
      const end = bothWays ? start + length : m + 1;
      keyRanges.push(start, empty.includes(m) ? start : end);
      queryRanges.push(bothWays ? start : m, start + length);
    }
    start += length;
  }
  const M = start;
  const problem = {
    q: stored(noise(M * H * D, 1, spread), dtype),
    k: stored(noise(M * KV * D, 2), dtype),
    v: stored(noise(M * KV * D, 3), dtype),
    keyRanges,
    heads: H,
    kvHeads: KV,
    headSize: D,
    scale: 1 / Math.sqrt(D),
    window,
  };
  return { problem, dO: stored(noise(M * H * D, 4), dtype), queryRanges, M };
}

function upload(
  device: Device,
  { problem, dO, queryRanges, M }: Inputs,
  dtype: DType,
): Record<'q' | 'k' | 'v' | 'keyRanges' | 'queryRanges' | 'dO', Tensor> {
  const { q, k, v, keyRanges, heads, kvHeads, headSize } = problem;
  return {
    q: constant(device, [M, heads * headSize], q, dtype),
    k: constant(device, [M, kvHeads * headSize], k, dtype),
    v: constant(device, [M, kvHeads * headSize], v, dtype),
    keyRanges: constant(device, [M, 2], keyRanges, 'u32'),
    queryRanges: constant(device, [M, 2], queryRanges, 'u32'),
    dO: constant(device, [M, heads * headSize], dO, dtype),
  };
}

function expectClose(actual: Float64Array, expected: Float64Array, tolerance: number): void {
  // A query of one key has dp = delta, up to rounding.
  if (expected.every((value) => value === 0))
    expect(Math.max(...actual.map(Math.abs))).toBeLessThan(tolerance);
  else expect(worstError(actual, expected)).toBeLessThan(tolerance);
}

/**
 * Software adapters take seconds for each variant of the tiles, and there is one for every 32 numbers of a head and type of number. Each is compiled with
 * `GRAFT_TEST_KERNELS=gpu`; otherwise SwiftShader, the slower one, has two, of which `npm test` runs the odd one, and lavapipe all in f32, of which `npm test`
 * leaves out those of more than three parts, and one of more than a part in f16.
 */
function compilesFast(
  { name, all }: AdapterContext,
  family: AttentionFamily,
  D: number,
  dtype: DType,
): boolean {
  if (TEST_KERNELS === 'gpu' || family !== 'tiles' || D <= 32) return true;
  if (name === 'swiftshader') return dtype === 'f32' && (D === 80 || (D === 64 && all));
  return D === 64 || (dtype === 'f32' && (!PART || D <= 96));
}

function describeCaches(context: AdapterContext, families: readonly AttentionFamily[]): void {
  describe('over a cache', () => {
    // Sequences of a cache of 150 rows each, with some rows of queries at the end of what is filled.
    const shapes = [
      { H: 1, KV: 1, D: 8, filled: [1], queries: 1 },
      { H: 4, KV: 2, D: 32, filled: [65, 0, 150], queries: 1 },
      { H: 3, KV: 1, D: 64, filled: [129, 20], queries: 3 },
      { H: 9, KV: 3, D: 64, filled: [100], queries: 1, window: 17 },
      { H: 4, KV: 1, D: 80, filled: [70], queries: 2 },
      { H: 4, KV: 1, D: 256, filled: [90, 91], queries: 1, window: 64 },
    ];
    for (const family of families) {
      for (const { H, KV, D, filled, queries, window } of shapes) {
        for (const dtype of ['f32', 'f16'] as const) {
          if (!compilesFast(context, family, D, dtype)) continue;
          test.skipIf(dtype === 'f16' && !context.f16)(
            `${family}: ${H} heads, ${KV} for keys, size ${D}, ${filled} filled, ${dtype}`,
            async () => {
              const { device } = context;
              const rows = 150;
              const M = filled.length * queries;
              const N = filled.length * rows;
              const keyRanges = filled.flatMap((end, s) =>
                Array.from({ length: queries }, (_, i) => [
                  s * rows,
                  s * rows + Math.max(0, end - queries + 1 + i),
                ]).flat(),
              );
              const problem = {
                q: stored(noise(M * H * D, 5, 2), dtype),
                k: stored(noise(N * KV * D, 6, 2), dtype),
                v: stored(noise(N * KV * D, 7), dtype),
                keyRanges,
                heads: H,
                kvHeads: KV,
                headSize: D,
                scale: 1 / Math.sqrt(D),
                window,
              };
              const q = constant(device, [M, H * D], problem.q, dtype);
              const k = constant(device, [N, KV * D], problem.k, dtype);
              const v = constant(device, [N, KV * D], problem.v, dtype);
              const ranges = constant(device, [M, 2], keyRanges, 'u32');
              const run = (): Promise<Float64Array[]> =>
                runTape(
                  device,
                  (tape) => [
                    attention(tape, {
                      q,
                      k,
                      v,
                      keyRanges: ranges,
                      heads: H,
                      kvHeads: KV,
                      headSize: D,
                      scale: problem.scale,
                      window,
                      family,
                    }),
                  ],
                  false,
                );
              const [o] = await run();
              expectClose(o, reference.attention(problem), dtype === 'f32' ? 1e-5 : 2e-3);
              expect(await run()).toEqual([o]);
            },
          );
        }
      }
    }
  });
}

/** Runs a case forward and backward: the result, and the gradients of q, k and v. */
function resultAndGradients(
  context: AdapterContext,
  one: Case,
  family: AttentionFamily,
): () => Promise<Float64Array[]> {
  const { device } = context;
  const all = inputs(one, 'f32');
  const { q, k, v, keyRanges, queryRanges, dO } = upload(device, all, 'f32');
  const { heads, kvHeads, headSize, scale } = all.problem;
  return () =>
    runTape(device, (tape) => {
      const gradients = watch(tape, q, k, v);
      const out = attention(tape, {
        q,
        k,
        v,
        keyRanges,
        queryRanges,
        heads,
        kvHeads,
        headSize,
        scale,
        family,
      });
      backwardFrom(tape, out, dO);
      return [out, ...gradients()];
    });
}

describeAdapters('attention', (context) => {
  // The CPU engine has one family, which it takes whatever the name.
  const families: AttentionFamily[] = context.webgpu ? ['lanes', 'tiles'] : ['lanes'];
  for (const family of families) {
    describe(family, () => {
      for (const one of CASES) {
        if (one.cpu && context.webgpu) continue;
        for (const dtype of ['f32', 'f16'] as const) {
          if (!compilesFast(context, family, one.D, dtype)) continue;
          test.skipIf(dtype === 'f16' && !context.f16)(`${one.name}, ${dtype}`, async () => {
            const { device } = context;
            const all = inputs(one, dtype);
            const { q, k, v, keyRanges, queryRanges, dO } = upload(device, all, dtype);
            const { heads, kvHeads, headSize, scale, window } = all.problem;
            const [o, dq, dk, dv] = await runTape(device, (tape) => {
              const gradients = watch(tape, q, k, v);
              const out = attention(tape, {
                q,
                k,
                v,
                keyRanges,
                queryRanges,
                heads,
                kvHeads,
                headSize,
                scale,
                window,
                family,
              });
              backwardFrom(tape, out, dO);
              return [out, ...gradients()];
            });
            const expected = reference.attentionBackward(all.problem, all.dO);
            const tolerance = (dtype === 'f32' ? 1e-5 : 2e-3) * (one.spread ? 3 : 1);
            expectClose(o, reference.attention(all.problem), tolerance);
            expectClose(dq, expected.dq, tolerance);
            expectClose(dk, expected.dk, tolerance);
            expectClose(dv, expected.dv, tolerance);
            const width = heads * headSize;
            for (const m of one.empty ?? [])
              expect(
                [...o.subarray(m * width, (m + 1) * width), ...dq.subarray(m * width, (m + 1) * width)].every(
                  (value) => value === 0,
                ),
              ).toBe(true);
          });
        }
      }

      test('adds to gradients that are there, and twice gives the same bits', async () => {
        const { device } = context;
        const all = inputs(compilesFast(context, family, CASES[2].D, 'f32') ? CASES[2] : CASES[4], 'f32');
        const { q, k, v, keyRanges, queryRanges, dO } = upload(device, all, 'f32');
        const { heads, kvHeads, headSize, scale } = all.problem;
        const run = (times: number): Promise<Float64Array[]> =>
          runTape(device, (tape) => {
            const gradients = watch(tape, q, k, v);
            const outputs = Array.from({ length: times }, () =>
              attention(tape, { q, k, v, keyRanges, queryRanges, heads, kvHeads, headSize, scale, family }),
            );
            const loss = tape.tensor([1], 'f32', 'loss');
            tape.record([loss], outputs, () => outputs.forEach((output) => tape.passGradient(output, dO)));
            tape.backward(loss);
            return gradients();
          });
        const once = await run(1);
        expect(await run(1)).toEqual(once);
        const twice = await run(2);
        twice.forEach((gradient, i) =>
          expectClose(
            gradient,
            once[i].map((value) => 2 * value),
            1e-6,
          ),
        );
      });

      test.skipIf(family === 'tiles' || !context.webgpu || !context.all)(
        'computes the same without quads',
        async () => {
          const run = resultAndGradients(context, CASES[2], family);
          const { gpu } = context;
          const { tuning } = gpu;
          const inQuads = await run();
          gpu.tuning = { ...tuning, matmul: { ...tuning.matmul, quads: false } };
          const alone = await run();
          gpu.tuning = tuning;
          alone.forEach((values, i) => expectClose(values, inQuads[i], 1e-6));
        },
      );

      // Over queries, and in the backward over keys as well.
      test.skipIf(!context.webgpu || !context.all)(
        'has the same bits if it is too large for one dispatch',
        async () => {
          const run = resultAndGradients(context, CASES[3], family);
          const { gpu } = context;
          const { tuning } = gpu;
          const whole = await run();
          const submits = vi.spyOn(gpu.lowering, 'split');
          gpu.tuning = { ...tuning, flopsPerSubmit: 1e5 };
          const cut = await run();
          gpu.tuning = tuning;
          const kernels = submits.mock.calls[0][0].map(({ label }) => label);
          submits.mockRestore();
          expect(kernels.filter((label) => label.startsWith('attention')).length).toBeGreaterThan(8);
          expect(cut).toEqual(whole);
        },
      );

      test.each(['q', 'k', 'v'] as const)('computes only the gradient of %s', async (name) => {
        const { device } = context;
        const all = inputs(CASES[1], 'f32');
        const tensors = upload(device, all, 'f32');
        const { heads, kvHeads, headSize, scale } = all.problem;
        const [gradient] = await runTape(device, (tape) => {
          const gradients = watch(tape, tensors[name]);
          const { q, k, v, keyRanges, queryRanges } = tensors;
          backwardFrom(
            tape,
            attention(tape, { q, k, v, keyRanges, queryRanges, heads, kvHeads, headSize, scale, family }),
            tensors.dO,
          );
          return gradients();
        });
        const expected = reference.attentionBackward(all.problem, all.dO);
        expectClose(gradient, expected[`d${name}`], 1e-5);
      });
    });
  }

  describeCaches(context, context.webgpu ? ['decode', ...families] : families);
});

describeGpuBuilds('attention', (context) => describeCaches(context, ['decode']));
