/**
 * LoHa (Hyeon-Woo and others, FedPara, 2021), as PEFT computes it: y = W x + D x with D = s · (w1_a · w1_b) ⊙ (w2_a · w2_b).
 *
 *   dx = dy · D        dD = dyᵀ · x        d(w1_a · w1_b) = s · dD ⊙ (w2_a · w2_b), and the other way round
 *
 * D is as large as the weight. While training it is made for each use and forgotten; an adapter that only answers keeps it.
 */
import { matmul } from '../../engine/ops/matmul.ts';
import { linear } from '../../engine/ops/linear.ts';
import { ownKernel, type OwnKernels } from '../../engine/ops/own_kernel.ts';
import type { Tape } from '../../engine/tape.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { LinearLayer } from '../../model/graph.ts';
import type { Random } from '../../random.ts';
import type { AdapterKind, AdapterParameter, HookContext } from '../kind.ts';
import { wrongConfig, type LoraModule } from '../lora/config.ts';
import { isTarget } from '../targets.ts';
import {
  checkLoha,
  limitedLoha,
  lohaConfig,
  lohaFacts,
  lohaModule,
  lohaNames,
  lohaSettings,
  type LohaConfig,
} from './config.ts';
import cpu from './loha.kernel.ts?raw';
import webgpu from './loha.wgsl?raw';
import { mergeLoha } from './merge.ts';
import { otherLohaRank, readLoha, writeLoha } from './peft.ts';
import { LOHA } from './settings.ts';

const FILE: OwnKernels = { name: 'loha', kernels: { webgpu, cpu } };

/** Name of the constant D of a layer. */
const deltaName = (path: string): string => `${path} delta`;

export const loha: AdapterKind<LohaConfig, LoraModule> = {
  name: LOHA.name,
  label: LOHA.label,
  formula: 'W + s · (w1_a · w1_b) ⊙ (w2_a · w2_b)',
  config: lohaConfig,
  settings: lohaSettings,
  facts: lohaFacts,
  check(model, config) {
    checkLoha(model, config);
    if (model.linears.some((layer) => layer.transposed && isTarget(config, layer)))
      throw wrongConfig(
        'PEFT has no LoHa for layers whose weights lie the other way round, as GPT-2’s do.',
        'Choose LoRA.',
      );
  },
  module: lohaModule,
  parameters: lohaParameters,
  initial: lohaInitial,
  constants: ({ path, inputs, outputs }) => [{ name: deltaName(path), shape: [outputs, inputs] }],
  settle(tape, module, _, context) {
    const { first, second } = products(tape, module, context);
    times(tape, first, second, context.constant!(deltaName(module.path))!, module.scale);
  },
  linear: lohaLinear,
  merge: mergeLoha,
  isPeft: (json) => json['peft_type'] === 'LOHA',
  readPeft: readLoha,
  writePeft: writeLoha,
  disagreement: otherLohaRank,
  limited: limitedLoha,
};

/** w1_a and w2_a [outputs, rank], w1_b and w2_b [rank, inputs]. Ranks are padded to multiples of four, as LoRA's. */
function lohaParameters({ path, rank, inputs, outputs }: LoraModule): AdapterParameter[] {
  const padded = Math.ceil(rank / 4) * 4;
  return lohaNames(path).flatMap(({ a, b }) => [
    { name: a, shape: [outputs, rank], padded: [outputs, padded] },
    { name: b, shape: [rank, inputs], padded: [padded, inputs] },
  ]);
}

/** PEFT's start: uniform in ±1/√columns (Kaiming with a = √5), and w2_b zero. */
function lohaInitial(
  { path, rank, inputs, outputs }: LoraModule,
  random: Random,
): [string, Float32Array<ArrayBuffer>][] {
  const uniform = (rows: number, columns: number): Float32Array<ArrayBuffer> => {
    const bound = 1 / Math.sqrt(columns);
    return Float32Array.from({ length: rows * columns }, () => (2 * random.float() - 1) * bound);
  };
  const [first, second] = lohaNames(path);
  return [
    [first.a, uniform(outputs, rank)],
    [first.b, uniform(rank, inputs)],
    [second.a, uniform(outputs, rank)],
    [second.b, new Float32Array(rank * inputs)],
  ];
}

/** y = scale · a ⊙ b. */
function times(tape: Tape, a: Tensor, b: Tensor, y: Tensor, scale: number): Tensor {
  ownKernel(tape, { a, b, y }, { file: FILE, kernel: 'loha_product', numbers: { scale }, size: y.size });
  return y;
}

interface Pair {
  readonly a: Tensor;
  readonly b: Tensor;
}

/** The two pairs of a layer on the device. */
const pairsOf = ({ path }: LoraModule, { get }: HookContext): Pair[] =>
  lohaNames(path).map(({ a, b }) => ({ a: get(a), b: get(b) }));

/** w1_a · w1_b and w2_a · w2_b, both [outputs, inputs], without a gradient. */
function products(tape: Tape, module: LoraModule, context: HookContext): { first: Tensor; second: Tensor } {
  const { path, outputs, inputs } = module;
  const [first, second] = pairsOf(module, context).map(({ a, b }) =>
    matmul(tape, { a, b, layout: 'NN', c: tape.tensor([outputs, inputs], 'f32', `${path} product`) }),
  );
  return { first, second };
}

function lohaLinear(
  tape: Tape,
  x: Tensor,
  { weight, scale = 1, ...options }: LinearLayer,
  module: LoraModule,
  context: HookContext,
): Tensor {
  const { path, outputs, inputs, scale: own } = module;
  const whole = (label: string): Tensor => tape.tensor([outputs, inputs], 'f32', `${path} ${label}`);
  const delta = (): { d: Tensor; first: Tensor; second: Tensor } => {
    const made = products(tape, module, context);
    return { ...made, d: times(tape, made.first, made.second, whole('delta'), own) };
  };
  const frozen = linear(tape, x, weight, { ...options, scale });
  const d = context.constant?.(deltaName(path)) ?? delta().d;
  const y = tape.tensor(frozen.shape, frozen.dtype, `${path} out`);
  matmul(tape, { a: x, b: d, layout: 'NT', c: y, residual: frozen, scale });
  const pairs = pairsOf(module, context);
  tape.record([y], [x, frozen, ...pairs.flatMap(({ a, b }) => [a, b])], () => {
    const dy = tape.gradient(y);
    tape.passGradient(frozen, dy);
    const { d, first, second } = delta();
    tape.addGradient(x, (dx, accumulate) =>
      matmul(tape, { a: dy, b: d, layout: 'NN', c: dx, accumulate, scale }),
    );
    const dD = matmul(tape, { a: dy, b: x, layout: 'TN', c: whole('d delta'), scale });
    for (const [{ a, b }, other] of [
      [pairs[0], second],
      [pairs[1], first],
    ] as const) {
      const dProduct = times(tape, dD, other, whole('d product'), own);
      tape.addGradient(a, (da, accumulate) =>
        matmul(tape, { a: dProduct, b, layout: 'NT', c: da, accumulate }),
      );
      tape.addGradient(b, (db, accumulate) =>
        matmul(tape, { a, b: dProduct, layout: 'TN', c: db, accumulate }),
      );
    }
  });
  return y;
}
