/** The router and the expert-wise linear layers, with all gradients, against float64. */
import { expect, test } from 'vitest';
import type { Device } from '../../src/engine/device.ts';
import { expertLinear } from '../../src/engine/ops/expert_linear.ts';
import { route } from '../../src/engine/ops/routing.ts';
import { scaleRows } from '../../src/engine/ops/scale_rows.ts';
import { createWeight, shardsOf } from '../../src/engine/shards.ts';
import { createQuantised, writeQuantised } from '../../src/engine/quantised.ts';
import { sizeOf, type Tensor } from '../../src/engine/tensor.ts';
import { float32ToFloat16 } from '../../src/weights/dtypes.ts';
import { dequantise } from '../../src/weights/layouts.ts';
import { describeBuilds } from './adapters.ts';
import { someBlocks } from './blocks.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

interface Case {
  M: number;
  E: number;
  kept: number;
  /** Inputs, width of the experts, outputs. */
  C: number;
  F: number;
  normalised: boolean;
  R?: number;
}

const CASES: Case[] = [
  { M: 1, E: 4, kept: 2, C: 4, F: 8, normalised: false },
  { M: 19, E: 5, kept: 3, C: 72, F: 12, normalised: true, R: 4 },
  // More rows than a block of the CPU engine, and an expert without rows.
  { M: 620, E: 4, kept: 2, C: 8, F: 12, normalised: false, R: 4 },
];

describeBuilds('expertLinear', (context) => {
  for (const item of CASES) {
    const { M, E, kept, C, F, normalised, R } = item;
    test.skipIf(!context.all && M > 1)(
      `${kept} of ${E} experts, [${M}, ${C}] to ${F} and back${R ? `, rank ${R}` : ''}`,
      async () => {
        const values = inputsOf(item);
        const expected = reference(item, values);
        const { device } = context;
        const results = await runTape(device, (tape) => {
          const leaf = (name: string, shape: number[]): Tensor =>
            constant(device, shape, values.get(name)!, 'f32', true);
          const x = constant(device, [M, C], values.get('x')!);
          const logits = constant(device, [M, E], values.get('logits')!);
          const gradients = watch(tape, x, logits);
          const routing = route(tape, logits, { kept, normalised });
          const up = leaf('up', [E, F, C]);
          const down = leaf('down', [E, C, F]);
          const factors = R
            ? [
                leaf('upA', [E, R, C]),
                leaf('upB', [E, F, R]),
                leaf('downA', [E, R, F]),
                leaf('downB', [E, C, R]),
              ]
            : [];
          const [upA, upB, downA, downB] = factors;
          const inner = expertLinear(tape, x, up, {
            routing,
            into: 'experts',
            ...(R && { lora: { a: upA, b: upB, scale: 0.5 } }),
          });
          const y = expertLinear(tape, scaleRows(tape, inner, routing), down, {
            routing,
            into: 'tokens',
            residual: x,
            ...(R && { lora: { a: downA, b: downB, scale: 2 } }),
          });
          backwardFrom(tape, y, constant(device, [M, C], values.get('dy')!));
          const leaves = [up, down, ...factors].map(({ gradient }) => gradient!);
          return [routing.weights, routing.chosen, y, ...gradients(), ...leaves];
        });
        const names = ['weights', 'chosen', 'y', 'x', 'logits', 'up', 'down', 'upA', 'upB', 'downA', 'downB'];
        results.forEach((result, i) =>
          expect(worstError(result, expected.get(names[i])!), names[i]).toBeLessThan(2e-5),
        );
      },
    );
  }

  test.skipIf(!context.all)('matrices in f16, in blocks and in shards of whole experts', async () => {
    const { device } = context;
    const [E, N, K, M, kept] = [5, 64, 64, 21, 2];
    const numbers = Float32Array.from(noise(E * N * K, 3));
    const x = noise(M * K, 4);
    const logits = noise(M * E, 5);
    const product = async (w: Tensor, into: 'experts' | 'tokens'): Promise<Float64Array[]> =>
      runTape(device, (tape) => {
        const rows = into === 'experts' ? M : M * kept;
        const input = constant(device, [rows, K], into === 'experts' ? x : noise(rows * K, 6));
        const gradients = watch(tape, input);
        const routing = route(tape, constant(device, [M, E], logits), { kept, normalised: true });
        const y = expertLinear(tape, input, w, { routing, into });
        backwardFrom(tape, y, constant(device, [...y.shape], noise(y.size, 7)));
        return [y, ...gradients()];
      });
    const plain = constant(device, [E, N, K], numbers);
    const same = async (w: Tensor, values: Float32Array<ArrayBuffer>): Promise<void> => {
      const expected = constant(device, [E, N, K], values);
      for (const into of ['experts', 'tokens'] as const) {
        const [found, wanted] = [await product(w, into), await product(expected, into)];
        found.forEach((result, i) => expect(worstError(result, wanted[i])).toBeLessThan(1e-5));
      }
    };
    for (const type of ['q8_0', 'q4_0', 'nf4'] as const) {
      const w = createQuantised(device, [E, N, K], type, type);
      const blocks = someBlocks(type, E * N * K, 3);
      writeQuantised(device, w, 0, blocks);
      await same(w, dequantise(blocks, type));
    }
    if (device.features.f16) {
      const half = device.upload([E, N, K], 'f16', 'half', float32ToFloat16(numbers));
      await same(half, Float32Array.from(stored(Float64Array.from(numbers), 'f16')));
    }
    // Two matrices fit in a shard: a split would be in the middle of one.
    const limited = {
      limits: { ...device.limits, largestWeight: 2.5 * N * K * 4 },
      upload: device.upload.bind(device),
    } as unknown as Device;
    const sharded = createWeight(limited, [E, N, K], 'f32', 'sharded');
    const shards = shardsOf(sharded);
    expect(shards.map(({ tensor }) => tensor.shape[0])).toEqual([2, 2, 1]);
    for (const { firstRow, tensor } of shards)
      device.write(tensor, numbers.slice(firstRow * K, firstRow * K + sizeOf(tensor.shape)));
    for (const into of ['experts', 'tokens'] as const)
      expect(await product(sharded, into)).toEqual(await product(plain, into));
  });

  test.skipIf(!context.all)(
    'equal logits: the experts of the lower indices, as on every device',
    async () => {
      const { device } = context;
      const logits = [1, 3, 3, 0, 3, 1, NaN, NaN, NaN, NaN, NaN, NaN];
      const [chosen, offsets, rows, places] = await runTape(device, (tape) => {
        const routing = route(tape, constant(device, [2, 6], logits), { kept: 4, normalised: false });
        return [routing.chosen, routing.offsets, routing.rows, routing.places];
      });
      expect([...chosen.subarray(0, 4)]).toEqual([1, 2, 4, 0]);
      expect(chosen.subarray(4).every((expert) => expert < 6)).toBe(true);
      expect(offsets[6]).toBe(8);
      expect([...rows].map((choice) => places[choice])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    },
  );
});

function inputsOf({ M, E, C, F, kept, R = 0 }: Case): Map<string, Float64Array> {
  const logits = noise(M * E, 9);
  // The last expert is never chosen: its gradients are zero.
  if (E > kept + 1) for (let m = 0; m < M; m++) logits[m * E + E - 1] = -20;
  return new Map(
    Object.entries({
      x: noise(M * C, 1),
      up: noise(E * F * C, 2, 0.3),
      down: noise(E * C * F, 3, 0.3),
      dy: noise(M * C, 4),
      upA: noise(E * R * C, 5, 0.3),
      upB: noise(E * F * R, 6, 0.3),
      downA: noise(E * R * F, 7, 0.3),
      downB: noise(E * C * R, 8, 0.3),
      logits,
    }).map(([name, numbers]) => [name, stored(numbers, 'f32')]),
  );
}

/** The same computed token by token with the merged matrices of each expert. */
function reference(
  { M, E, kept, C, F, normalised, R = 0 }: Case,
  values: Map<string, Float64Array>,
): Map<string, Float64Array> {
  const get = (name: string): Float64Array => values.get(name)!;
  const out = new Map([...values].map(([name, { length }]) => [name, new Float64Array(length)]));
  const weights = new Float64Array(M * kept);
  const chosen = new Float64Array(M * kept);
  const y = get('x').slice();
  out.get('x')!.set(get('dy'));
  const merged = (w: string, e: number, N: number, K: number, scale: number): Float64Array =>
    Float64Array.from({ length: N * K }, (_, i) => {
      const [n, k] = [Math.floor(i / K), i % K];
      let sum = 0;
      for (let r = 0; r < R; r++)
        sum += get(`${w}B`)[(e * N + n) * R + r] * get(`${w}A`)[(e * R + r) * K + k];
      return get(w)[e * N * K + i] + scale * sum;
    });
  const ups = Array.from({ length: E }, (_, e) => merged('up', e, F, C, 0.5));
  const downs = Array.from({ length: E }, (_, e) => merged('down', e, C, F, 2));
  /** Adds the gradient of a merged matrix, d ⊗ a, to that of the matrix and of its factors. */
  const addGradient = (w: string, e: number, d: Float64Array, a: Float64Array, scale: number): void => {
    const [N, K] = [d.length, a.length];
    const [A, B, dW, dA, dB] = [get(`${w}A`), get(`${w}B`), ...[w, `${w}A`, `${w}B`].map((x) => out.get(x)!)];
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < K; k++) {
        const g = d[n] * a[k];
        dW[(e * N + n) * K + k] += g;
        for (let r = 0; r < R; r++) {
          const [atA, atB] = [(e * R + r) * K + k, (e * N + n) * R + r];
          dA[atA] += scale * g * B[atB];
          dB[atB] += scale * g * A[atA];
        }
      }
    }
  };
  for (let m = 0; m < M; m++) {
    const logits = [...get('logits').subarray(m * E, (m + 1) * E)];
    const order = logits.map((_, e) => e).sort((a, b) => logits[b] - logits[a] || a - b);
    const own = order.slice(0, kept);
    const among = normalised ? own : order;
    const total = among.reduce((sum, e) => sum + Math.exp(logits[e]), 0);
    const p = logits.map((z, e) => (among.includes(e) ? Math.exp(z) / total : 0));
    const x = get('x').subarray(m * C, (m + 1) * C);
    const dy = get('dy').subarray(m * C, (m + 1) * C);
    const dp = logits.map(() => 0);
    own.forEach((e, j) => {
      weights[m * kept + j] = p[e];
      chosen[m * kept + j] = e;
      const inner = new Float64Array(F);
      for (let f = 0; f < F; f++) for (let c = 0; c < C; c++) inner[f] += ups[e][f * C + c] * x[c];
      const weighted = inner.map((value) => p[e] * value);
      const dWeighted = new Float64Array(F);
      for (let c = 0; c < C; c++) {
        for (let f = 0; f < F; f++) {
          y[m * C + c] += downs[e][c * F + f] * weighted[f];
          dWeighted[f] += downs[e][c * F + f] * dy[c];
        }
      }
      addGradient('down', e, dy, weighted, 2);
      dp[e] = dWeighted.reduce((sum, value, f) => sum + value * inner[f], 0);
      const dInner = dWeighted.map((value) => p[e] * value);
      addGradient('up', e, dInner, x, 0.5);
      for (let f = 0; f < F; f++)
        for (let c = 0; c < C; c++) out.get('x')![m * C + c] += ups[e][f * C + c] * dInner[f];
    });
    const common = own.reduce((sum, e) => sum + p[e] * dp[e], 0);
    logits.forEach((_, e) => (out.get('logits')![m * E + e] = p[e] * (dp[e] - common)));
  }
  return out.set('weights', weights).set('chosen', chosen).set('y', y);
}
