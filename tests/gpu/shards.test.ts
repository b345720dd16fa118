/** Weights in shards: the same numbers as with whole weights. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/engine/device.ts';
import { embedding, linkOccurrences } from '../../src/engine/ops/embedding.ts';
import { linear } from '../../src/engine/ops/linear.ts';
import { matmul } from '../../src/engine/ops/matmul.ts';
import type { Kernel } from '../../src/engine/webgpu/lower/matmul-kernel.ts';
import { shardsOf, ShardedTensor } from '../../src/engine/shards.ts';
import type { Tape } from '../../src/engine/tape.ts';
import { byteLength, Tensor, type DType } from '../../src/engine/tensor.ts';
import { describeAdapters } from '../engine/adapters.ts';
import { backwardFrom, constant, noise, runTape, watch, worstError } from '../engine/run.ts';

/** A matrix in shards of `rows` rows. */
function inPieces(
  device: Device,
  [rows, columns]: [number, number],
  values: Float64Array,
  step: number,
  dtype: DType = 'f32',
  grad = false,
): ShardedTensor {
  const pieces = Array.from({ length: Math.ceil(rows / step) }, (_, i) => {
    const firstRow = i * step;
    const count = Math.min(step, rows - firstRow);
    const part = values.subarray(firstRow * columns, (firstRow + count) * columns);
    return { firstRow, tensor: constant(device, [count, columns], part, dtype, grad) };
  });
  const split = new ShardedTensor('split', [rows, columns], dtype, pieces);
  if (grad) {
    const gradients = pieces.map(({ firstRow, tensor }) => ({ firstRow, tensor: tensor.gradient! }));
    split.requiresGrad = true;
    split.gradient = new ShardedTensor('d split', [rows, columns], 'f32', gradients);
  }
  return split;
}

const tensorsOf = (tensor: Tensor): Tensor[] => shardsOf(tensor).map((piece) => piece.tensor);
/** Joins what `runTape` read of shards to one tensor. */
const joined = (parts: readonly Float64Array[]): Float64Array =>
  Float64Array.from(parts.flatMap((p) => [...p]));

describe('shards', () => {
  test('columns of a matrix start on a boundary and end with the last row', () => {
    const tape = { tensor: (shape: number[], dtype: DType) => new Tensor({} as never, shape, dtype) };
    const matrix = tape.tensor([3, 256], 'f16');
    const part = matrix.sliceColumns(128, 64);
    expect([part.offset, part.pitch, part.columns, part.bytes]).toEqual([256, 256, 64, (2 * 256 + 64) * 2]);
    expect(part.bytes + part.offset).toBeLessThanOrEqual(byteLength([3, 256], 'f16'));
    expect(() => matrix.sliceColumns(64, 64)).toThrow('boundary');
    expect(() => part.reshape(192)).toThrow('reshape');
  });
});

describeAdapters('Products in pieces', (context) => {
  let device: Device;
  beforeAll(() => {
    device = context.device;
  });

  for (const [M, N, K, dtype, activations] of [
    [1, 300, 64, 'f32', 'f32'],
    [37, 301, 64, 'f32', 'f32'],
    [33, 300, 64, 'f16', 'f16'],
  ] as const) {
    test(`linear [${M}, ${K}] → ${N}, weights ${dtype}, activations ${activations}`, async () => {
      if ([dtype, activations].includes('f16') && !context.f16) return;
      const R = 4;
      const [x, w, a, b, bias, residual, dy] = [M * K, N * K, R * K, N * R, N, M * N, M * N].map(
        (size, seed) => noise(size, seed + 1),
      );
      const trained = dtype === 'f32';
      const run = async (weight: Tensor): Promise<Float64Array[]> => {
        const input = constant(device, [M, K], x, activations);
        const rest = constant(device, [M, N], residual, activations);
        const loraA = constant(device, [R, K], a, 'f32', true);
        const loraB = constant(device, [N, R], b, 'f32', true);
        const offset = constant(device, [N], bias, 'f32', true);
        return runTape(device, (tape) => {
          const gradients = watch(tape, input, rest);
          const lora = { a: loraA, b: loraB, scale: 1.75 };
          const out = linear(tape, input, weight, { bias: offset, residual: rest, lora });
          backwardFrom(tape, out, constant(device, [M, N], dy, activations));
          const weights = weight.gradient ? tensorsOf(weight.gradient) : [];
          return [out, ...gradients(), loraA.gradient!, loraB.gradient!, offset.gradient!, ...weights];
        });
      };
      const [y, dx, ...others] = await run(constant(device, [N, K], w, dtype, trained));
      const [splitY, splitDx, ...splitOthers] = await run(inPieces(device, [N, K], w, 128, dtype, trained));
      expect(splitY).toEqual(y);
      expect(worstError(splitDx, dx)).toBeLessThan(activations === 'f32' ? 1e-6 : 1e-3);
      expect(splitOthers.slice(0, 4)).toEqual(others.slice(0, 4));
      if (trained) expect(joined(splitOthers.slice(4))).toEqual(others[4]);
    });
  }

  // Each adapter takes those that it compiles in a second or two.
  const kernels: Kernel[] =
    context.name === 'swiftshader'
      ? [
          { family: 'register', tile: { rows: 2, columns: 2 }, lanes: 4, alongN: true, parts: 2 },
          { family: 'register', tile: { rows: 1, columns: 4 }, lanes: 4, alongN: false },
        ]
      : [{ family: 'plain', parts: 3 }, { family: 'sliced' }, { family: 'tiled', rows: 2 }];
  for (const kernel of kernels) {
    test(`all layouts by ${JSON.stringify(kernel)}`, async () => {
      const [M, N, K] = [20, 516, 96];
      const pitch = 516;
      const [x, w, dy, start] = [M * K, N * K, M * pitch, M * pitch].map((size, seed) =>
        noise(size, seed + 1),
      );
      const run = (weight: Tensor): Promise<Float64Array[]> => {
        const [input, output] = [constant(device, [M, K], x), constant(device, [M, pitch], dy)];
        const logits = constant(device, [M, pitch], start);
        return runTape(device, (tape: Tape) => {
          matmul(tape, {
            a: input,
            b: weight,
            layout: 'NT',
            c: logits,
            accumulate: true,
            scale: 0.5,
            kernel,
          });
          const dx = matmul(tape, {
            a: output,
            b: weight,
            layout: 'NN',
            kernel,
            c: tape.tensor([M, K], 'f32', 'dx'),
          });
          matmul(tape, { a: output, b: input, layout: 'TN', c: weight.gradient!, accumulate: true, kernel });
          return [logits, dx, ...tensorsOf(weight.gradient!)];
        });
      };
      const [y, dx, dw] = await run(constant(device, [N, K], w, 'f32', true));
      const [splitY, splitDx, ...splitDw] = await run(inPieces(device, [N, K], w, 128, 'f32', true));
      expect(splitY).toEqual(y);
      expect(worstError(splitDx, dx)).toBeLessThan(1e-6);
      expect(joined(splitDw)).toEqual(dw);
    });
  }

  test('an embedding, and its gradient', async () => {
    const [M, V, C] = [90, 300, 33];
    const ids = Uint32Array.from(noise(M, 5), (value) => Math.abs(Math.floor(value * 1000)) % V);
    expect(ids.some((id) => id < 128)).toBe(true);
    expect(ids.some((id) => id >= 256)).toBe(true);
    const [w, dy] = [noise(V * C, 1), noise(M * C, 2)];
    const run = (weight: Tensor): Promise<Float64Array[]> =>
      runTape(device, (tape) => {
        const chain = constant(device, [M, 2], linkOccurrences(ids), 'u32');
        const tokens = constant(device, [M], ids, 'u32');
        const out = embedding(tape, tokens, weight, { dtype: 'f32', scale: 1.5, chain });
        backwardFrom(tape, out, constant(device, [M, C], dy));
        return [out, ...tensorsOf(weight.gradient!)];
      });
    const [x, dw] = await run(constant(device, [V, C], w, 'f32', true));
    const [splitX, ...splitDw] = await run(inPieces(device, [V, C], w, 128, 'f32', true));
    expect(splitX).toEqual(x);
    expect(joined(splitDw)).toEqual(dw);
  });
});
