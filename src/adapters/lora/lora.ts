/** LoRA (Hu et al., 2021): y = W x + s · B A x. */
import { linear, type LowRank } from '../../engine/ops/linear.ts';
import type { Random } from '../../random.ts';
import type { AdapterKind, AdapterParameter, HookContext } from '../kind.ts';
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
  linear: (tape, x, { weight, ...options }, module, context) =>
    linear(tape, x, weight, { ...options, lora: lowRank(module, context) }),
  lowRank,
  merge: mergeLora,
  isPeft: (json) => json['peft_type'] === 'LORA' && json['use_dora'] !== true,
  readPeft: readLora,
  writePeft: (config) => writeLora(config, false),
  disagreement: otherRank,
  limited: limitedRanks,
};

/** A [rank, inputs] and B [outputs, rank]. Ranks are padded to multiples of four, for vector loads: the gradients of the added rows are zero. */
export function loraParameters({ path, rank, inputs, outputs }: LoraModule): AdapterParameter[] {
  const names = tensorNames(path);
  const padded = Math.ceil(rank / 4) * 4;
  return [
    { name: names.a, shape: [rank, inputs], padded: [padded, inputs] },
    { name: names.b, shape: [outputs, rank], padded: [outputs, padded], faster: true },
  ];
}

/** PEFT's start: A uniform in ±1/√inputs (Kaiming with a = √5), B zero. */
export function loraInitial(
  { path, rank, inputs, outputs }: LoraModule,
  random: Random,
): [string, Float32Array<ArrayBuffer>][] {
  const names = tensorNames(path);
  const bound = 1 / Math.sqrt(inputs);
  return [
    [names.a, Float32Array.from({ length: rank * inputs }, () => (2 * random.float() - 1) * bound)],
    [names.b, new Float32Array(outputs * rank)],
  ];
}

/** The low-rank term of a layer. */
export function lowRank({ path, scale }: LoraModule, { get, dropout }: HookContext): LowRank {
  const names = tensorNames(path);
  return { a: get(names.a), b: get(names.b), scale, dropout };
}
