/** LoRA (Hu et al., 2021): y = W x + s · B A x. */
import { expertLinear } from '../../engine/ops/expert_linear.ts';
import { linear, type LowRank } from '../../engine/ops/linear.ts';
import type { Random } from '../../random.ts';
import type { AdapterKind, AdapterParameter, HookContext, ParameterOrder } from '../kind.ts';
import {
  checkLora,
  limitedRanks,
  loraConfig,
  loraFacts,
  loraModule,
  loraSettings,
  modulesBeside,
  tensorNames,
  type LoraConfig,
  type LoraModule,
} from './config.ts';
import { mergeLora } from './merge.ts';
import { otherRank, readLora, writeLora } from './peft.ts';

export const lora: AdapterKind<LoraConfig, LoraModule> = {
  name: 'lora',
  label: 'LoRA',
  formula: 'W + s · B · A',
  config: loraConfig,
  settings: loraSettings,
  facts: loraFacts,
  check: checkLora,
  module: loraModule,
  beside: modulesBeside,
  parameters: loraParameters,
  initial: loraInitial,
  linear(tape, x, { weight, experts, ...options }, module, context) {
    const term = lowRank(module, context);
    return experts
      ? expertLinear(tape, x, weight, { ...experts, residual: options.residual, lora: term })
      : linear(tape, x, weight, { ...options, lora: term });
  },
  lowRank,
  onParameters: true,
  merge: mergeLora,
  isPeft: (json) => json['peft_type'] === 'LORA' && json['use_dora'] !== true,
  readPeft: readLora,
  writePeft: (config) => writeLora(config, false),
  disagreement: otherRank,
  limited: limitedRanks,
};

/** A [rank, inputs] and B [outputs, rank]. Ranks are padded to multiples of four, for vector loads: the gradients of the added rows are zero. */
export function loraParameters({
  path,
  named = path,
  rank,
  inputs,
  outputs,
  experts,
}: LoraModule): AdapterParameter[] {
  const names = tensorNames(named);
  const padded = Math.ceil(rank / 4) * 4;
  if (experts !== undefined) {
    const all = rank * experts;
    const order = factorOrders({ rank, inputs, outputs, experts }, padded);
    return [
      { name: names.a, shape: [all, inputs], padded: [experts, padded, inputs], order: order.a },
      {
        name: names.b,
        shape: [outputs, all],
        padded: [experts, outputs, padded],
        order: order.b,
        faster: true,
      },
    ];
  }
  return [
    { name: names.a, shape: [rank, inputs], padded: [padded, inputs] },
    { name: names.b, shape: [outputs, rank], padded: [outputs, padded], faster: true },
  ];
}

/** PEFT's start: A uniform in ±1/√inputs (Kaiming with a = √5), B zero. */
export function loraInitial(
  { path, named = path, rank: own, inputs, outputs, experts = 1 }: LoraModule,
  random: Random,
): [string, Float32Array<ArrayBuffer>][] {
  const names = tensorNames(named);
  const rank = own * experts;
  const bound = 1 / Math.sqrt(inputs);
  return [
    [names.a, Float32Array.from({ length: rank * inputs }, () => (2 * random.float() - 1) * bound)],
    [names.b, new Float32Array(outputs * rank)],
  ];
}

/** The low-rank term of a layer. */
export function lowRank({ path, named = path, scale }: LoraModule, { get, dropout }: HookContext): LowRank {
  const names = tensorNames(named);
  return { a: get(names.a), b: get(names.b), scale, dropout };
}

/**
 * PEFT's order of the factors of experts: A has the R rows of each expert after those of the one before, [E · R, K]; B has the columns of all experts for each
 * of the R, [N, R · E]. The device has [E, R, K] and [E, N, R].
 */
function factorOrders(
  { rank, inputs, outputs, experts }: Pick<LoraModule, 'rank' | 'inputs' | 'outputs'> & { experts: number },
  padded: number,
): { a: ParameterOrder; b: ParameterOrder } {
  const order = (
    sizes: { readonly file: number; readonly device: number },
    each: (use: (file: number, device: number) => void) => void,
  ): ParameterOrder => ({
    toDevice(values) {
      const out = new Float32Array(sizes.device);
      each((file, device) => (out[device] = values[file]));
      return out;
    },
    toFile(values) {
      const out = new Float32Array(sizes.file);
      each((file, device) => (out[file] = values[device]));
      return out;
    },
  });
  const sizes = (width: number) => ({ file: experts * rank * width, device: experts * padded * width });
  return {
    a: order(sizes(inputs), (use) => {
      for (let e = 0; e < experts; e++)
        for (let i = 0; i < rank * inputs; i++) use(e * rank * inputs + i, e * padded * inputs + i);
    }),
    b: order(sizes(outputs), (use) => {
      for (let e = 0; e < experts; e++)
        for (let n = 0; n < outputs; n++)
          for (let r = 0; r < rank; r++) use((n * rank + r) * experts + e, (e * outputs + n) * padded + r);
    }),
  };
}
