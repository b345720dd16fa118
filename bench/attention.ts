/** The time of attention, forward and backward, over one causal segment of a batch. */
import type { Device } from '../src/engine/device.ts';
import { copy } from '../src/engine/ops/add.ts';
import { attention } from '../src/engine/ops/attention.ts';
import type { AttentionFamily } from '../src/engine/webgpu/lower/attention.ts';
import { Tape } from '../src/engine/tape.ts';
import type { Tensor } from '../src/engine/tensor.ts';

export interface AttentionTiming {
  adapter: string;
  /** The kernels chosen for this device, unless the caller names others. */
  family: AttentionFamily | 'chosen';
  /** Tokens of the segment. */
  length: number;
  heads: number;
  kvHeads: number;
  headSize: number;
  /** Medians, in milliseconds of wall clock, submit to settled. */
  forwardMs: number;
  /** Forward and backward together, minus the forward. */
  backwardMs: number;
  /** In 10⁹ a second, of 4·D operations forward and 14·D backward (seven products, two of them made twice) for each pair and head. */
  forwardGflops: number;
  backwardGflops: number;
}

const LENGTHS = [128, 256, 512];
const MODELS = [
  { heads: 9, kvHeads: 3, headSize: 64 },
  { heads: 4, kvHeads: 2, headSize: 32 },
];
const RUNS = 7;

export async function benchAttention(device: Device, family?: AttentionFamily): Promise<AttentionTiming[]> {
  const rows: AttentionTiming[] = [];
  for (const model of MODELS) {
    for (const length of LENGTHS) rows.push(await timeOne(device, model, length, family));
  }
  return rows;
}

async function timeOne(
  device: Device,
  model: (typeof MODELS)[number],
  length: number,
  family?: AttentionFamily,
): Promise<AttentionTiming> {
  const { heads, kvHeads, headSize } = model;
  const random = (count: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * i));
  const tensors: Tensor[] = [];
  const input = (columns: number, label: string): Tensor => {
    const tensor = device.upload([length, columns], 'f32', label, random(length * columns));
    tensors.push(tensor);
    return tensor;
  };
  const ranges = (label: string, of: (token: number) => [number, number]): Tensor => {
    const tensor = device.upload(
      [length, 2],
      'u32',
      label,
      Uint32Array.from(Array.from({ length }, (_, token) => of(token)).flat()),
    );
    tensors.push(tensor);
    return tensor;
  };
  const q = input(heads * headSize, 'q');
  const k = input(kvHeads * headSize, 'k');
  const v = input(kvHeads * headSize, 'v');
  const dO = input(heads * headSize, 'gradient');
  for (const tensor of [q, k, v]) {
    tensor.requiresGrad = true;
    tensor.gradient = device.upload(tensor.shape, 'f32', `gradient of ${tensor.label}`);
    tensors.push(tensor.gradient);
  }
  const keyRanges = ranges('keys of queries', (token) => [0, token + 1]);
  const queryRanges = ranges('queries of keys', (token) => [token, length]);

  const record = (reverse: boolean): Tape => {
    const tape = new Tape(device, true);
    const o = attention(tape, {
      q,
      k,
      v,
      keyRanges,
      queryRanges,
      heads,
      kvHeads,
      headSize,
      scale: 1 / Math.sqrt(headSize),
      family,
    });
    const loss = tape.pinned([1], 'f32', 'loss');
    if (reverse) {
      tape.record([loss], [o], () => tape.passGradient(o, dO));
      tape.backward(loss);
      return tape;
    }
    // Its result must be kept, or the plan drops it.
    copy(tape, o, tape.pinned(o.shape, o.dtype, 'output'));
    return tape;
  };
  const forwardMs = await medianMs(device, record(false));
  const bothMs = await medianMs(device, record(true));
  for (const tensor of tensors) device.free(tensor);

  const backwardMs = bothMs - forwardMs;
  const unit = (headSize * heads * length * (length + 1)) / 2 / 1e6;
  return {
    adapter: device.adapter.description,
    family: family ?? 'chosen',
    length,
    ...model,
    forwardMs,
    backwardMs,
    forwardGflops: (4 * unit) / forwardMs,
    backwardGflops: (14 * unit) / backwardMs,
  };
}

async function medianMs(device: Device, tape: Tape): Promise<number> {
  const pool = device.createPool();
  const plan = await device.compile(tape, pool);
  plan.run();
  await device.settle();
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    plan.run();
    await device.settle();
    times.push(performance.now() - start);
  }
  plan.destroy();
  pool.destroy();
  return times.sort((a, b) => a - b)[RUNS >> 1];
}
