import { expect, test } from 'vitest';
import { add } from '../../src/engine/ops/add.ts';
import { rope } from '../../src/engine/ops/rope.ts';
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
