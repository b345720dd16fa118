/** Several products in one operation, against float64: on GPUs one dispatch where their bindings allow it. */
import { expect, test } from 'vitest';
import type { Device } from '../../src/engine/device.ts';
import { gatedLinears } from '../../src/engine/ops/linear.ts';
import { matmuls, type Layout, type Product } from '../../src/engine/ops/matmul.ts';
import { createQuantised, writeQuantised, type QuantisedType } from '../../src/engine/quantised.ts';
import { sizePlan } from '../../src/engine/size.ts';
import { Tape } from '../../src/engine/tape.ts';
import { byteLength, Tensor, type DType } from '../../src/engine/tensor.ts';
import { dequantise } from '../../src/weights/layouts.ts';
import * as reference from '../reference/matmul.ts';
import { describeDevice, type AdapterContext } from './adapters.ts';
import { someBlocks } from './blocks.ts';
import { constant, noise, runTape, stored, worstError } from './run.ts';

/** A matrix on the device and the numbers that it holds. */
interface Matrix {
  readonly tensor: Tensor;
  readonly values: Float64Array;
}

type Float = 'f32' | 'f16';

const TOLERANCE = { f32: 2e-6, f16: 2e-3 };
/** Tokens of a case in both types: variants take long to compile on llvmpipe. */
const MIDDLE = 35;
let seed = 1;

function matrix(device: Device, shape: [number, number], dtype: Float = 'f32'): Matrix {
  const values = stored(noise(shape[0] * shape[1], seed++), dtype);
  return { tensor: constant(device, shape, values, dtype), values };
}

function blocks(device: Device, shape: [number, number], type: QuantisedType): Matrix {
  const quantised = someBlocks(type, shape[0] * shape[1], seed++);
  const tensor = createQuantised(device, shape, type, 'weight');
  writeQuantised(device, tensor, 0, quantised);
  return { tensor, values: Float64Array.from(dequantise(quantised, type)) };
}

/** Matrices side by side in one piece of memory, as `Tape.planes` and the parameters of an adapter lie. */
function planes(device: Device, shapes: readonly [number, number][], dtype: Float = 'f32'): Matrix[] {
  const size = { f32: 4, f16: 2 }[dtype];
  const starts: number[] = [];
  let end = 0;
  for (const shape of shapes) {
    starts.push(Math.ceil(end / 256) * 256);
    end = starts[starts.length - 1] + byteLength(shape, dtype);
  }
  const all = stored(noise(end / size, seed++), dtype);
  const { storage } = constant(device, [all.length], all, dtype);
  return shapes.map((shape, i) => ({
    tensor: new Tensor(storage, shape, dtype, starts[i]),
    values: all.slice(starts[i] / size, starts[i] / size + shape[0] * shape[1]),
  }));
}

interface One {
  a: Matrix;
  b: Matrix;
  c: Matrix;
  z?: Matrix;
  l?: Matrix;
  bias?: Matrix;
  accumulate?: boolean;
  scale?: number;
  loraScale?: number;
}

/** Runs products as one operation and compares each result. @returns how many dispatches they take */
async function check(
  device: Device,
  layout: Layout,
  all: One[],
  type: Float,
  terms = false,
): Promise<number> {
  const products = all.map((one): Product => {
    const { a, b, c, z, l, bias, accumulate, scale, loraScale = 0.5 } = one;
    const lowRank = z && l && { z: z.tensor, l: l.tensor, scale: loraScale };
    const operands = { a: a.tensor, b: b.tensor, c: c.tensor, bias: bias?.tensor.reshape(bias.tensor.size) };
    return { ...operands, layout, lowRank, accumulate, scale };
  });
  const tape = new Tape(device);
  matmuls(tape, products, terms);
  const count = sizePlan(tape, device.lowering).commands.length;
  const results = await runTape(device, (own) => {
    matmuls(own, products, terms);
    return terms ? [all[0].c.tensor] : all.map(({ c }) => c.tensor);
  });
  const expected = all.map(({ a, b, c, z, l, bias, accumulate, scale, loraScale = 0.5 }) => {
    const [M, N] = c.tensor.shape;
    const lowRank = z && l && { z: z.values, l: l.values, R: z.tensor.columns, scale: loraScale };
    return reference.matmul({
      ...{ a: a.values, b: b.values, layout, M, N, scale, lowRank, bias: bias?.values },
      K: layout === 'TN' ? a.tensor.rows : layout === 'NT' ? b.tensor.columns : b.tensor.rows,
      before: accumulate ? c.values : undefined,
    });
  });
  const sum = terms ? [expected.reduce((x, y) => x.map((value, i) => value + y[i]))] : expected;
  results.forEach((actual, i) =>
    expect(worstError(actual, sum[i]), `product ${i}`).toBeLessThan(TOLERANCE[type]),
  );
  return count;
}

/** On GPUs one dispatch; elsewhere as many as there are products. */
const isOne = (context: AdapterContext): boolean =>
  context.webgpu && context.gpu.tuning.matmul.family === 'tiles';

const describeProducts = (context: AdapterContext): void => {
  const types = (): Float[] => (context.f16 ? ['f32', 'f16'] : ['f32']);

  // Two rows as in decoding; few of a short prompt, for which K is sliced; more than two tall tiles.
  test.each([2, MIDDLE, 260])(
    'q, k and v of %i tokens with two adapters of different ranks and biases',
    async (M) => {
      const { device } = context;
      const [K, widths] = [36, M < 200 ? [40, 12, 20] : [1540, 260, 388]];
      for (const type of M === MIDDLE ? types() : (['f32'] as const)) {
        const a = matrix(device, [M, K], type);
        const z = planes(device, [
          [M, 4],
          [M, 20],
        ]);
        const l = planes(device, [
          [widths[0], 4],
          [widths[2], 20],
        ]);
        const c = planes(
          device,
          widths.map((width) => [M, width]),
          type,
        );
        const bias = planes(
          device,
          widths.map((width) => [1, width]),
        );
        const products = widths.map((width, i): One => {
          const at = [0, undefined, 1][i];
          const adapter = at === undefined ? {} : { z: z[at], l: l[at] };
          return { a, b: matrix(device, [width, K], type), c: c[i], ...adapter, bias: bias[i] };
        });
        expect(await check(device, 'NT', products, type)).toBe(isOne(context) ? 1 : 3);
      }
    },
  );

  test.each([3, MIDDLE, 260])(
    'the gradient of an input of %i tokens as a sum over three layers',
    async (M) => {
      const { device } = context;
      const [N, widths] = [M < 200 ? 44 : 1540, [40, 12, 20]];
      for (const type of M === MIDDLE ? types() : (['f32'] as const)) {
        const a = planes(
          device,
          widths.map((width) => [M, width]),
          type,
        );
        const z = planes(
          device,
          widths.map(() => [M, 8]),
        );
        const l = planes(
          device,
          widths.map(() => [8, N]),
        );
        const c = matrix(device, [M, N], type);
        const products = widths.map((width, i): One => {
          const common = { a: a[i], b: matrix(device, [width, N], type), c, scale: 0.75 };
          return { ...common, z: z[i], l: l[i], accumulate: false };
        });
        expect(await check(device, 'NN', products, type, true)).toBe(isOne(context) ? 1 : 3);
      }
    },
  );

  test('the gradients of both factors of two adapters, which add to what is there', async () => {
    const { device } = context;
    const [M, K, R] = [37, 24, 8];
    const widths = [40, 12];
    for (const type of types()) {
      const x = matrix(device, [M, K], type);
      const dy = planes(
        device,
        widths.map((width) => [M, width]),
        type,
      );
      const z = planes(
        device,
        widths.map(() => [M, R]),
      );
      const dz = planes(
        device,
        widths.map(() => [M, R]),
      );
      const c = planes(
        device,
        widths.flatMap((width): [number, number][] => [
          [width, R],
          [R, K],
        ]),
      );
      const products = widths.flatMap((_, i): One[] => [
        { a: dy[i], b: z[i], c: c[2 * i], scale: 0.5, accumulate: true },
        { a: dz[i], b: x, c: c[2 * i + 1], accumulate: true },
      ]);
      expect(await check(device, 'TN', products, 'f32')).toBe(isOne(context) ? 1 : 4);
    }
  });

  test('weights in blocks, and those of different layouts apart', async () => {
    const { device } = context;
    const K = 96;
    const run = (M: number, formats: QuantisedType[]): Promise<number> => {
      const a = matrix(device, [M, K]);
      const widths = [20, 8, 12].slice(0, formats.length);
      const c = planes(
        device,
        widths.map((width) => [M, width]),
      );
      return check(
        device,
        'NT',
        widths.map((width, i) => ({ a, b: blocks(device, [width, K], formats[i]), c: c[i] })),
        'f32',
      );
    };
    for (const M of [1, 18]) expect(await run(M, ['q4_1', 'q4_1', 'q4_1'])).toBe(isOne(context) ? 1 : 3);
    expect(await run(18, ['q4_1', 'q4_1', 'q8_0'])).toBe(isOne(context) ? 2 : 3);
  });

  test.each([1, 3, 6])('gate and up of %i tokens with adapters and biases, activated', async (M) => {
    const { device } = context;
    const [K, N, R] = [36, 20, 8];
    const x = matrix(device, [M, K]);
    const [a, l] = [
      planes(device, [
        [R, K],
        [R, K],
      ]),
      planes(device, [
        [N, R],
        [N, R],
      ]),
    ];
    const bias = planes(device, [
      [1, N],
      [1, N],
    ]);
    const weights = [matrix(device, [N, K]), matrix(device, [N, K])];
    const record = (tape: Tape): Tensor => {
      const [gate, up] = weights.map(({ tensor: w }, i) => {
        const lora = { a: a[i].tensor, b: l[i].tensor, scale: 0.5 };
        return { w, bias: bias[i].tensor.reshape(N), lora };
      });
      return gatedLinears(tape, x.tensor, [gate, up], 'silu');
    };
    const tape = new Tape(device);
    record(tape);
    const [actual] = await runTape(device, (own) => [record(own)], false);
    const [gate, up] = weights.map(({ values: b }, i) => {
      const low = reference.matmul({ a: x.values, b: a[i].values, layout: 'NT', M, N: R, K });
      const lowRank = { z: low, l: l[i].values, R, scale: 0.5 };
      return reference.matmul({ a: x.values, b, layout: 'NT', M, N, K, lowRank, bias: bias[i].values });
    });
    expect(
      worstError(
        actual,
        up.map((value, i) => (value * gate[i]) / (1 + Math.exp(-gate[i]))),
      ),
    ).toBeLessThan(1e-5);
    // Up to four rows there is a dispatch for both z and one for the rest; then the activation has its own.
    if (isOne(context)) expect(device.lowering.lower(tape.operations).length).toBe(M <= 4 ? 2 : 3);
  });

  test('results in pieces of memory of their own are apart', async () => {
    const { device } = context;
    const a = matrix(device, [5, 8]);
    const products = [12, 4].map((width) => ({
      a,
      b: matrix(device, [width, 8]),
      c: matrix(device, [5, width]),
    }));
    expect(await check(device, 'NT', products, 'f32')).toBe(2);
  });

  test('rows that are not whole vectors are computed one product after the other', async () => {
    const { device } = context;
    const a = matrix(device, [5, 7]);
    const c = planes(device, [
      [5, 3],
      [5, 9],
    ]);
    const products = [3, 9].map((width, i) => ({ a, b: matrix(device, [width, 7]), c: c[i] }));
    expect(await check(device, 'NT', products, 'f32')).toBe(2);
  });

  test('refuses products of different layouts and terms of different results', () => {
    const tape = new Tape(context.device);
    const of = (dtype: DType): Tensor => tape.tensor([4, 4], dtype, 'square');
    const [a, b, c, d] = ['f32', 'f32', 'f32', 'f32'].map((type) => of(type as DType));
    const one: Product = { a, b, c, layout: 'NT' };
    expect(() => matmuls(tape, [one, { ...one, layout: 'NN' }])).toThrow('does not go with the others');
    expect(() => matmuls(tape, [one, { ...one, c: d }], true)).toThrow('does not go with the others');
  });
};

describeDevice('Several products at once', describeProducts, { options: { kernels: 'gpu' } });
