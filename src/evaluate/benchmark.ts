/**
 * Speed on this adapter, measured the same way headless and in the tab: warm-up, several runs, median. Nothing here is asserted on;
 * numbers go to a person, with the adapter's name.
 */
import type { Device } from '../engine/device.ts';
import { attention } from '../engine/ops/attention.ts';
import { copy } from '../engine/ops/add.ts';
import { matmul } from '../engine/ops/matmul.ts';
import type { Profile } from '../engine/profile.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { WorkClock } from '../engine/work-clock.ts';
import { Generator } from '../model/generator.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { greedy } from '../model/sampling.ts';
import { median } from '../averages.ts';

type Layout = 'NN' | 'NT' | 'TN';

export interface MatmulResult {
  readonly layout: Layout;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly seconds: number;
  readonly gflops: number;
}

export interface AttentionResult {
  readonly tokens: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly forwardSeconds: number;
  /** Forward and backward together. */
  readonly bothSeconds: number;
}

export interface DecodingResult {
  /** The tokens of a prompt of 64 by the time until the first new token, which is part of it. */
  readonly prefillTokensPerSecond: number;
  /** New tokens after the first one, by the time between the first and the last. */
  readonly decodeTokensPerSecond: number;
  /** The time of one new token, by its parts. */
  readonly profile?: Profile;
}

interface DecodingOptions {
  /** How often each measurement is repeated, after a warm-up. */
  readonly runs?: number;
  readonly profile?: boolean;
  readonly signal?: AbortSignal;
}

const WARM_UP = 1;
const RUNS = 5;
/** Short work is repeated inside a run until it takes about this long. */
const MIN_SECONDS = 0.05;

/** Median seconds of one replay of what `record` records. */
async function measureTape(device: Device, training: boolean, record: (tape: Tape) => void): Promise<number> {
  const tape = new Tape(device, training);
  record(tape);
  const pool = device.createPool();
  const plan = await device.compile(tape, pool);
  const clock = await WorkClock.of(device);
  const seconds = await clock.measure(
    (times) => {
      for (let i = 0; i < times; i++) plan.run();
    },
    { least: MIN_SECONDS },
  );
  plan.destroy();
  pool.destroy();
  return seconds;
}

/** Square, and the shapes of a small model's layers: 512 tokens through a projection, the MLP, and the backward pass of a weight. */
export const matmulShapes: readonly (readonly [Layout, number, number, number])[] = [
  ['NN', 1024, 1024, 1024],
  ['NT', 1024, 1024, 1024],
  ['TN', 1024, 1024, 1024],
  ['NT', 512, 1536, 576],
  ['NN', 512, 576, 1536],
  ['TN', 576, 1536, 512],
  ['NT', 512, 8, 576],
  ['TN', 8, 576, 512],
];

/**
 * Measures one f32 product, C [M, N]: median seconds of a replay, and GFLOP/s at 2 · M · N · K operations.
 *
 * @throws GraftError as `Device.upload` and `Device.compile`
 */
export async function benchmarkMatmul(
  device: Device,
  [layout, M, N, K]: readonly [Layout, number, number, number],
): Promise<MatmulResult> {
  const upload = (rows: number, columns: number): Tensor =>
    device.upload([rows, columns], 'f32', 'operand', ramp(rows * columns));
  const a = layout === 'TN' ? upload(K, M) : upload(M, K);
  const b = layout === 'NT' ? upload(N, K) : upload(K, N);
  const c = device.upload([M, N], 'f32', 'product');
  const seconds = await measureTape(device, false, (tape) => matmul(tape, { a, b, c, layout }));
  for (const tensor of [a, b, c]) device.free(tensor);
  return { layout, M, N, K, seconds, gflops: (2 * M * N * K) / seconds / 1e9 };
}

export const attentionShapes: readonly (readonly [number, number, number, number])[] = [
  [128, 4, 2, 32],
  [256, 9, 3, 64],
  [512, 9, 3, 64],
];

/**
 * Measures attention over one causal sequence, f32 [tokens, heads · headSize]: median seconds of a replay of the forward, and of forward and backward.
 *
 * @throws Error as `attention`; GraftError as `Device.upload` and `Device.compile`
 */
export async function benchmarkAttention(
  device: Device,
  [tokens, heads, kvHeads, headSize]: readonly [number, number, number, number],
): Promise<AttentionResult> {
  const upload = (columns: number): Tensor => {
    const tensor = device.upload([tokens, columns], 'f32', 'operand', ramp(tokens * columns));
    tensor.requiresGrad = true;
    return tensor;
  };
  const q = upload(heads * headSize);
  const k = upload(kvHeads * headSize);
  const v = upload(kvHeads * headSize);
  const gradients = [q, k, v].map(
    (tensor) => (tensor.gradient = device.upload(tensor.shape, 'f32', 'gradient')),
  );
  const keyRanges = device.upload(
    [tokens, 2],
    'u32',
    'key ranges',
    Uint32Array.from({ length: tokens * 2 }, (_, i) => (i % 2 === 0 ? 0 : (i + 1) / 2)),
  );
  const queryRanges = device.upload(
    [tokens, 2],
    'u32',
    'query ranges',
    Uint32Array.from({ length: tokens * 2 }, (_, i) => (i % 2 === 0 ? i / 2 : tokens)),
  );
  const out = device.upload([tokens, heads * headSize], 'f32', 'result');
  const record = (tape: Tape): Tensor =>
    attention(tape, {
      q,
      k,
      v,
      keyRanges,
      queryRanges,
      heads,
      kvHeads,
      headSize,
      scale: 1 / Math.sqrt(headSize),
    });
  const forwardSeconds = await measureTape(device, false, (tape) => copy(tape, record(tape), out));
  const bothSeconds = await measureTape(device, true, (tape) => {
    const y = record(tape);
    const loss = tape.tensor([1], 'f32', 'loss');
    tape.record([loss], [y], () => tape.passGradient(y, out));
    tape.backward(loss);
  });
  for (const tensor of [q, k, v, ...gradients, keyRanges, queryRanges, out]) device.free(tensor);
  return { tokens, heads, kvHeads, headSize, forwardSeconds, bothSeconds };
}

const PROMPT_TOKENS = 64;
const NEW_TOKENS = 33;

/**
 * One sequence: a prompt of 64 tokens, then 33 new ones. Both speeds come from the times at which the tokens of one answer arrive: a difference of two
 * answers, each with its own noise, can come out negative. @throws the signal's reason, after the answer that runs
 */
export async function benchmarkDecoding(
  model: LanguageModel,
  { runs = RUNS, profile = false, signal }: DecodingOptions = {},
): Promise<DecodingResult> {
  const generator = new Generator(model, 1, PROMPT_TOKENS + NEW_TOKENS + 1);
  const prompt = Array.from(
    { length: PROMPT_TOKENS },
    (_, t) => (t * 31 + 7) % model.definition.shape.vocabulary,
  );
  const prefill: number[] = [];
  const decode: number[] = [];
  try {
    for (let run = -WARM_UP; run < runs; run++) {
      signal?.throwIfAborted();
      const arrivals: number[] = [];
      const start = performance.now();
      await generator.generate([prompt], {
        ...{ maxNewTokens: NEW_TOKENS, sampling: greedy, seed: 0, stopIds: [] },
        onToken: () => void arrivals.push(performance.now()),
      });
      await model.device.settle();
      if (run < 0) continue;
      prefill.push((arrivals[0] - start) / 1000);
      decode.push((arrivals[NEW_TOKENS - 1] - arrivals[0]) / 1000);
    }
    return {
      prefillTokensPerSecond: PROMPT_TOKENS / median(prefill),
      decodeTokensPerSecond: (NEW_TOKENS - 1) / median(decode),
      ...(profile ? { profile: await model.device.profile([await generator.decodePlan()], { runs }) } : {}),
    };
  } finally {
    if (!model.device.failure) {
      await model.device.settle();
      generator.destroy();
    }
  }
}

function ramp(size: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: size }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
}
