import { expect, test } from 'vitest';
import { add } from '../../src/engine/ops/add.ts';
import { rope, ropeIntoCache, ropes } from '../../src/engine/ops/rope.ts';
import * as reference from '../reference/rope.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

function frequencies(rotary: number, base = 10000): Float64Array {
  return stored(
    Float64Array.from({ length: rotary / 2 }, (_, i) => base ** ((-2 * i) / rotary)),
    'f32',
  );
}

describeAdapters('rope', (context) => {
  const shapes = [
    { M: 1, heads: 1, headSize: 2, rotary: 2 },
    { M: 5, heads: 3, headSize: 64, rotary: 64 },
    { M: 7, heads: 2, headSize: 80, rotary: 32 },
    { M: 33, heads: 1, headSize: 6, rotary: 2, attentionScaling: 1.3 },
  ];
  for (const { M, ...problem } of shapes) {
    for (const dtype of ['f32', 'f16'] as const) {
      test.skipIf(dtype === 'f16' && !context.f16)(
        `[${M}, ${problem.heads} · ${problem.headSize}], ${problem.rotary} turn, ${dtype}`,
        async () => {
          const { device } = context;
          const { heads, headSize, rotary } = problem;
          const shape = [M, heads * headSize];
          const x = stored(noise(M * heads * headSize, 1), dtype);
          const dy = stored(noise(M * heads * headSize, 2), dtype);
          const positions = Array.from({ length: M }, (_, m) => (m * 37) % 300);
          const inverse = frequencies(rotary);
          const place = constant(device, [M], positions, 'u32');
          const inverseFrequencies = constant(device, [rotary / 2], inverse);
          const input = constant(device, shape, x, dtype);
          const [y, dx] = await runTape(device, (tape) => {
            const gradients = watch(tape, input);
            const out = rope(tape, input, place, { ...problem, inverseFrequencies });
            backwardFrom(tape, out, constant(device, shape, dy, dtype));
            return [out, ...gradients()];
          });
          const tolerance = dtype === 'f32' ? 2e-5 : 2e-3;
          expect(worstError(y, reference.rope(x, positions, inverse, problem))).toBeLessThan(tolerance);
          expect(worstError(dx, reference.rope(dy, positions, inverse, problem, -1))).toBeLessThan(tolerance);
        },
      );
    }
  }

  test('positions up to 8192', async () => {
    const { device } = context;
    const rotary = 64;
    const positions = [0, 1, 2, 3, 710, 1024, 4095, 5461, 8191, 8192];
    const M = positions.length;
    const inverse = frequencies(rotary);
    // Pairs (1, 0) become (cos, sin).
    const x = Float64Array.from({ length: M * rotary }, (_, i) => (i % rotary < rotary / 2 ? 1 : 0));
    const [y] = await runTape(
      device,
      (tape) => [
        rope(tape, constant(device, [M, rotary], x), constant(device, [M], positions, 'u32'), {
          heads: 1,
          headSize: rotary,
          inverseFrequencies: constant(device, [rotary / 2], inverse),
        }),
      ],
      false,
    );
    // The angle is rounded to f32 first, as in transformers: half a unit in the last place of 8192 is 2.4e-4 to 4.9e-4.
    const asTransformers = Float64Array.from({ length: M * rotary }, (_, i) => {
      const pair = i % (rotary / 2);
      const angle = Math.fround(positions[Math.floor(i / rotary)] * inverse[pair]);
      return i % rotary < rotary / 2 ? Math.cos(angle) : Math.sin(angle);
    });
    const exact = reference.rope(x, positions, inverse, { heads: 1, headSize: rotary, rotary });
    expect(worstError(y, asTransformers)).toBeLessThan(2e-5);
    expect(worstError(y, exact)).toBeLessThan(1e-3);
  });

  test('turns queries and keys at once, and their gradients back', async () => {
    const { device } = context;
    const [M, H, G, D, rotary] = [3, 3, 1, 12, 8];
    const positions = [4, 5, 6];
    const inverse = frequencies(rotary);
    const [q, k, dq, dk] = [H, G, H, G].map((heads, i) => noise(M * heads * D, i + 1));
    const [queries, keys] = [constant(device, [M, H * D], q), constant(device, [M, G * D], k)];
    const results = await runTape(device, (tape) => {
      const gradients = watch(tape, queries, keys);
      const [turned, other] = ropes(
        tape,
        [
          { x: queries, heads: H },
          { x: keys, heads: G },
        ],
        constant(device, [M], positions, 'u32'),
        { headSize: D, rotary, inverseFrequencies: constant(device, [rotary / 2], inverse) },
      );
      const loss = tape.tensor([1], 'f32', 'loss');
      tape.record([loss], [turned, other], () => {
        tape.passGradient(turned, constant(device, [M, H * D], dq));
        tape.passGradient(other, constant(device, [M, G * D], dk));
      });
      tape.backward(loss);
      return [turned, other, ...gradients()];
    });
    const expected = [q, k, dq, dk].map((x, i) =>
      reference.rope(
        stored(x, 'f32'),
        positions,
        inverse,
        { heads: [H, G][i % 2], headSize: D, rotary },
        i < 2 ? 1 : -1,
      ),
    );
    results.forEach((actual, i) => expect(worstError(actual, expected[i])).toBeLessThan(2e-5));
  });

  test('turns queries, and writes turned keys and values to their rows of a cache', async () => {
    const { device } = context;
    const [M, H, G, D, rotary, T] = [3, 4, 2, 8, 4, 5];
    const positions = [7, 2, 9];
    const inverse = frequencies(rotary);
    const rows = [3, 2 ** 32 - 1, 0];
    for (const dtype of context.f16 ? (['f32', 'f16'] as const) : (['f32'] as const)) {
      const [q, k, v] = [H, G, G].map((heads, i) => stored(noise(M * heads * D, i + 1), dtype));
      const before = stored(noise(T * G * D, 9), dtype);
      const cache = ['keys', 'values'].map(() => constant(device, [T, G * D], before, dtype));
      const [turned, keys, values] = await runTape(
        device,
        (tape) => {
          const turnedQ = ropeIntoCache(
            tape,
            {
              q: { x: constant(device, [M, H * D], q, dtype), heads: H },
              k: { x: constant(device, [M, G * D], k, dtype), heads: G },
              v: constant(device, [M, G * D], v, dtype),
            },
            { keys: cache[0], values: cache[1], rows: constant(device, [M], rows, 'u32') },
            constant(device, [M], positions, 'u32'),
            { headSize: D, rotary, inverseFrequencies: constant(device, [rotary / 2], inverse) },
          );
          return [turnedQ, ...cache];
        },
        false,
      );
      const turn = (x: Float64Array, heads: number): Float64Array =>
        reference.rope(x, positions, inverse, { heads, headSize: D, rotary });
      const cached = (x: Float64Array): Float64Array => {
        const all = before.slice();
        rows.forEach((row, m) => row < T && all.set(x.subarray(m * G * D, (m + 1) * G * D), row * G * D));
        return all;
      };
      const tolerance = dtype === 'f32' ? 2e-5 : 2e-3;
      expect(worstError(turned, turn(q, H))).toBeLessThan(tolerance);
      expect(worstError(keys, cached(turn(k, G)))).toBeLessThan(tolerance);
      expect(values).toEqual(cached(v));
    }
  });

  test('leaves a gradient that others hold as it is', async () => {
    const { device } = context;
    const problem = { heads: 2, headSize: 8, rotary: 8 };
    const x = noise(48, 3);
    const z = noise(48, 4);
    const dy = stored(noise(48, 5), 'f32');
    const positions = [4, 5, 6];
    const inverse = frequencies(8);
    const input = constant(device, [3, 16], x);
    const other = constant(device, [3, 16], z);
    const [dx, dz] = await runTape(device, (tape) => {
      const gradients = watch(tape, input, other);
      const turned = rope(tape, input, constant(device, [3], positions, 'u32'), {
        ...problem,
        inverseFrequencies: constant(device, [4], inverse),
      });
      backwardFrom(tape, add(tape, turned, other), constant(device, [3, 16], dy));
      return gradients();
    });
    expect(worstError(dx, reference.rope(dy, positions, inverse, problem, -1))).toBeLessThan(2e-5);
    expect(dz).toEqual(dy);
  });
});
