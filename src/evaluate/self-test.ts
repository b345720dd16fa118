/**
 * Whether two devices compute the same: products of matrices of odd shapes, and small random models of two families with all gradients, an adapter
 * over each weight type of the base and over a mixture of experts, answers, and what self-test-further.ts adds. A driver may miscompile a kernel that is correct elsewhere.
 */
import type { Device } from '../engine/device.ts';
import { matmul, type Layout } from '../engine/ops/matmul.ts';
import {
  createQuantised,
  QUANTISED_TYPES,
  quantisedFormats,
  writeQuantised,
  type QuantisedType,
} from '../engine/quantised.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { messageOf } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { Generator } from '../model/generator.ts';
import { LanguageModel } from '../model/language-model.ts';
import { randomFiles } from '../model/random-files.ts';
import { greedy } from '../model/sampling.ts';
import { isRounded } from '../model/weight-types.ts';
import { computeGradients } from '../train/gradients.ts';
import { Random } from '../random.ts';
import {
  adapterOver,
  F16,
  F32,
  LLAMA,
  MIXTURE_OF_EXPERTS,
  MIXTURE_TARGETS,
  rows,
  fromMinusOneToOne,
  type SelfTestCase,
  type TestValues,
} from './self-test-case.ts';
import { HEADS, LONG_POSITIONS, SAMPLED, THREE_STEPS } from './self-test-further.ts';

export interface CaseResult {
  readonly name: string;
  /** The largest difference found, as a part of the largest number of its tensor; Infinity if there was none to compare. */
  readonly error: number;
  readonly agrees: boolean;
  /** Why it could not be computed, if so. */
  readonly failure?: string;
}

/** Odd, wider than a tile in both directions, one with few rows, and one with a long sum. */
const PRODUCTS: readonly (readonly [M: number, N: number, K: number])[] = [
  [5, 12, 20],
  [70, 68, 132],
  [2, 96, 64],
  [8, 24, 1088],
  [131, 196, 28],
];
const LAYOUTS: readonly Layout[] = ['NT', 'NN', 'TN'];
/** Enough for tiles of 128 rows, with a rest on both sides. */
const TALL = [771, 1028, 20] as const;
/** Whole blocks of every layout lie along K, or along N. */
const BLOCK_PRODUCTS = { NT: [5, 36, 512], NN: [5, 512, 36] } as const;

/** Normalisation of layers, biases, learned positions, GELU. */
const GPT2: JsonObject = {
  model_type: 'gpt2',
  architectures: ['GPT2LMHeadModel'],
  n_embd: 60,
  n_layer: 2,
  n_head: 5,
  n_positions: 64,
  vocab_size: 211,
  layer_norm_epsilon: 1e-5,
};
const CANDIDATES = 8;

export const SELF_TEST: readonly SelfTestCase[] = [
  ...LAYOUTS.flatMap((layout) =>
    PRODUCTS.map((shape) => ({
      name: `product ${layout} ${shape.join(' × ')}`,
      tolerance: F32,
      run: (device: Device) => product(device, layout, shape),
    })),
  ),
  // The layouts that only GGUF files have.
  ...QUANTISED_TYPES.filter((type) => !isRounded(type)).flatMap((type) =>
    (['NT', 'NN'] as const).map((layout) => ({
      name: `product ${layout} of ${type}`,
      tolerance: F32,
      run: (device: Device) => product(device, layout, BLOCK_PRODUCTS[layout], type),
    })),
  ),
  { name: 'all weights of a Llama', tolerance: F32, run: (device) => allWeights(device, LLAMA) },
  { name: 'all weights of a GPT-2', tolerance: F32, run: (device) => allWeights(device, GPT2) },
  { name: 'an adapter', tolerance: F32, run: (device) => adapterOver(device) },
  ...QUANTISED_TYPES.filter(isRounded).map((type) => ({
    name: `an adapter over ${type}`,
    tolerance: F32,
    run: (device: Device) => adapterOver(device, { matrices: type }),
  })),
  {
    name: 'a mixture of experts',
    tolerance: F32,
    run: (device) => adapterOver(device, { config: MIXTURE_OF_EXPERTS, targets: MIXTURE_TARGETS }),
  },
  { name: 'answers', tolerance: F32, run: (device) => answers(device) },
  ...LAYOUTS.map((layout) => ({
    name: `tall product ${layout} ${TALL.join(' × ')}`,
    tolerance: F32,
    run: (device: Device) => product(device, layout, TALL),
  })),
  SAMPLED,
  LONG_POSITIONS,
  THREE_STEPS,
];

/** The same in half precision, if the device has it; the other device stays in f32. */
export const HALF_PRECISION: SelfTestCase = {
  name: 'an adapter in half precision',
  tolerance: F16,
  run: (device) => adapterOver(device, { precision: device.processor ? 'f32' : 'f16' }),
};

/** The cases for a device. */
export function selfTestOf({ features }: Pick<Device, 'features'>): readonly SelfTestCase[] {
  return features.f16
    ? [...SELF_TEST, HALF_PRECISION, ...HEADS.map(({ half }) => half)]
    : [...SELF_TEST, ...HEADS.map(({ single }) => single)];
}

export interface ComparisonWatch {
  readonly onCase?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Runs the cases on both devices. An error on the first is the failure of that case. @throws errors of the second device, and the signal's reason */
export async function compareDevices(
  device: Device,
  reference: Device,
  cases: readonly SelfTestCase[],
  { onCase, signal }: ComparisonWatch = {},
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const one of cases) {
    signal?.throwIfAborted();
    onCase?.(results.length, cases.length);
    results.push(await compare(device, reference, one));
  }
  return results;
}

async function compare(
  device: Device,
  reference: Device,
  { name, tolerance, run }: SelfTestCase,
): Promise<CaseResult> {
  const expected = await run(reference);
  try {
    const error = worst(await run(device), expected);
    return { name, error, agrees: error <= tolerance };
  } catch (failure) {
    // A lost device fails every later case; its own reason is reported.
    device.check();
    return { name, error: Infinity, agrees: false, failure: messageOf(failure) };
  }
}

function worst(found: TestValues, expected: TestValues): number {
  let max = 0;
  for (const [name, values] of expected) {
    const mine = found.get(name);
    if (mine?.length !== values.length) return Infinity;
    let largest = 0;
    let difference = 0;
    for (let i = 0; i < values.length; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
      const apart = Math.abs(values[i] - mine[i]);
      // True also if one of them is not a number.
      if (!(apart <= difference)) difference = Number.isNaN(apart) ? Infinity : apart;
    }
    if (difference > 0) max = Math.max(max, difference / largest);
  }
  return max;
}

async function product(
  device: Device,
  layout: Layout,
  [M, N, K]: readonly [number, number, number],
  type?: QuantisedType,
): Promise<TestValues> {
  const random = new Random(M + N + K);
  const upload = (rows: number, columns: number): Tensor =>
    device.upload(
      [rows, columns],
      'f32',
      'operand',
      Float32Array.from({ length: rows * columns }, () => fromMinusOneToOne(random)),
    );
  const a = layout === 'TN' ? upload(K, M) : upload(M, K);
  const sides = layout === 'NT' ? ([N, K] as const) : ([K, N] as const);
  const b = type ? randomBlocks(device, sides, type, random) : upload(...sides);
  const tape = new Tape(device);
  const c = matmul(tape, { a, b, layout, c: tape.pinned([M, N], 'f32', 'product') });
  const pool = device.createPool();
  const plan = await device.compile(tape, pool);
  try {
    plan.run();
    return new Map([['product', new Float32Array(await plan.read(c))]]);
  } finally {
    plan.destroy();
    pool.destroy();
    for (const tensor of [a, b]) device.free(tensor);
  }
}

/** A matrix of random blocks, whose f16 scales are small, half of them subnormal. Those of NF4 are f32. */
export function randomBlocks(
  device: Device,
  sides: readonly number[],
  type: QuantisedType,
  random: Random,
): Tensor {
  const { block, bits, scaleBytes } = quantisedFormats[type];
  const size = sides[0] * sides[1];
  const quants = Uint8Array.from({ length: (size * bits) / 8 }, () => random.below(256));
  const scales = Uint8Array.from({ length: (size / block) * scaleBytes }, () => random.below(256));
  const words = new DataView(scales.buffer);
  for (let at = 0; at < scales.length; at += scaleBytes) {
    if (type === 'nf4') words.setFloat32(at, fromMinusOneToOne(random), true);
    else
      for (const half of scaleBytes > 2 ? [at, at + 2] : [at])
        words.setUint16(half, random.below(0x800) | (random.below(2) << 15), true);
  }
  const tensor = createQuantised(device, sides, type, 'operand');
  writeQuantised(device, tensor, 0, { quants, scales });
  return tensor;
}

async function allWeights(device: Device, config: JsonObject): Promise<TestValues> {
  const model = await LanguageModel.load(device, randomFiles('self-test', config), {
    precision: 'f32',
    trainable: true,
  });
  try {
    const { loss, gradients } = await computeGradients({ model, store: model.parameters! }, rows());
    return new Map<string, ArrayLike<number>>([...gradients, ['loss', [loss]]]);
  } finally {
    await model.destroy();
  }
}

/** How likely the first candidates are for the token after a prompt. Their ids are not compared: two may be as likely as each other. */
async function answers(device: Device): Promise<TestValues> {
  const model = await LanguageModel.load(device, randomFiles('self-test', LLAMA), { precision: 'f32' });
  const [, { ids }] = rows();
  const generator = new Generator(model, 1, ids.length + 1);
  const likely: number[] = [];
  try {
    await generator.generate([ids], {
      maxNewTokens: 1,
      sampling: greedy,
      seed: 0,
      stopIds: [],
      candidates: CANDIDATES,
      onToken: (_, __, candidates) => void likely.push(...candidates.map(({ probability }) => probability)),
    });
    return new Map([['probabilities', likely]]);
  } finally {
    generator.destroy();
    await model.destroy();
  }
}
