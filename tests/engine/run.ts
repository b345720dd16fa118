/** Runs a small tape once and brings tensors back as float64 arrays, for comparison with a reference. */
import type { Device } from '../../src/engine/device.ts';
import { Tape } from '../../src/engine/tape.ts';
import type { DType, Tensor } from '../../src/engine/tensor.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../src/weights/dtypes.ts';

/** Numbers from a seeded generator, about normal, with the given spread. */
export function noise(count: number, seed: number, spread = 1): Float64Array {
  let state = seed * 2654435761 + 12345;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  return Float64Array.from({ length: count }, () => (uniform() + uniform() + uniform() - 1.5) * 2 * spread);
}

/** Uploads values as a tensor of the given type; `grad` makes it a trainable leaf whose gradient starts at zero. */
export function constant(
  device: Device,
  shape: number[],
  values: ArrayLike<number>,
  dtype: DType = 'f32',
  grad = false,
): Tensor {
  const tensor = device.upload(shape, dtype, 'constant', encode(values, dtype));
  if (grad) {
    tensor.requiresGrad = true;
    tensor.gradient = device.upload(shape, dtype === 'f16' ? 'f16' : 'f32', 'gradient');
  }
  return tensor;
}

export function encode(
  values: ArrayLike<number>,
  dtype: DType,
): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  if (dtype === 'u32') return Uint32Array.from(values);
  const floats = Float32Array.from(values);
  return dtype === 'f32' ? floats : float32ToFloat16(floats);
}

export function decode(bytes: ArrayBuffer, dtype: DType, count: number): Float64Array {
  if (dtype === 'u32') return Float64Array.from(new Uint32Array(bytes).subarray(0, count));
  if (dtype === 'f32') return Float64Array.from(new Float32Array(bytes).subarray(0, count));
  return Float64Array.from(float16ToFloat32(new Uint16Array(bytes).subarray(0, count)));
}

/** A value after storing it with this type: references start from it. */
export function stored(values: Float64Array, dtype: DType): Float64Array {
  const bytes = encode(values, dtype);
  return decode(bytes.buffer, dtype, values.length);
}

/** Records with `define`, runs once, and reads the tensors that it returns (copied out of the plan's transient memory). */
export async function runTape(
  device: Device,
  define: (tape: Tape) => Tensor[],
  training = true,
): Promise<Float64Array[]> {
  const tape = new Tape(device, training);
  const results = define(tape);
  const { copy } = await import('../../src/engine/ops/add.ts');
  const outputs = results.map((tensor) => {
    if (tensor.storage.kind !== 'transient') return tensor;
    const output = tape.pinned(tensor.shape, tensor.dtype, `output ${tensor.label}`);
    copy(tape, tensor, output);
    return output;
  });
  const pool = device.createPool();
  const plan = await device.compile(tape, pool);
  plan.run();
  const values: Float64Array[] = [];
  for (const output of outputs) {
    values.push(decode(await plan.read(output), output.dtype, output.size));
  }
  await device.settle();
  plan.destroy();
  pool.destroy();
  return values;
}

/** The largest difference, relative to the largest entry of the reference. */
export function worstError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values, expected ${expected.length}`);
  let scale = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]));
    const difference = Math.abs(actual[i] - expected[i]);
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
  }
  return worst / Math.max(scale, 1e-30);
}

/** Makes `inputs` require gradients as if something on the tape had made them; the result returns these gradients after the backward. */
export function watch(tape: Tape, ...inputs: Tensor[]): () => Tensor[] {
  const source = tape.tensor([1], 'f32', 'source');
  source.requiresGrad = true;
  const gradients = new Map<Tensor, Tensor>();
  for (const input of inputs)
    tape.record([input], [source], () => gradients.set(input, tape.gradient(input)));
  return () =>
    inputs.map((input) => {
      const gradient = gradients.get(input);
      if (!gradient) throw new Error('No gradient reached this input');
      return gradient;
    });
}

/** Records the backward of everything that led to `output`, starting from `gradient`. */
export function backwardFrom(tape: Tape, output: Tensor, gradient: Tensor): void {
  const loss = tape.tensor([1], 'f32', 'loss');
  tape.record([loss], [output], () => tape.passGradient(output, gradient));
  tape.backward(loss);
}
