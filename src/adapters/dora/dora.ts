/**
 * DoRA (Liu et al., 2024), as PEFT computes it: y = m / ‖W + s · B · A‖ · (W x + s · B · A x), a length for each row of the weight. The lengths m
 * are learned; the norm is a constant to the gradient. Dropout hides inputs from everything but the frozen layer:
 *
 *   y = W (x − x') + m / ‖W + s · B · A‖ · (W + s · B · A) x'        x' = dropout(x)
 */
import { copy } from '../../engine/ops/add.ts';
import { linear } from '../../engine/ops/linear.ts';
import { scaleColumns } from '../../engine/ops/scale_columns.ts';
import type { Tape } from '../../engine/tape.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { LinearLayer } from '../../model/graph.ts';
import { dropoutOf } from '../dropout.ts';
import type { AdapterKind, HookContext } from '../kind.ts';
import {
  checkLora,
  limitedRanks,
  loraConfig,
  loraFacts,
  loraModule,
  loraSettings,
  modulesBeside,
  type LoraConfig,
  type LoraModule,
} from '../lora/config.ts';
import { loraInitial, loraParameters, lowRank } from '../lora/lora.ts';
import { otherRank, readLora, writeLora } from '../lora/peft.ts';
import { mergeDora } from './merge.ts';
import { adaptedNorms } from './norms.ts';

const KIND = 'dora';

/** Name of the learned lengths of a layer, as in PEFT's adapter_model.safetensors. */
export function magnitudeName(path: string): string {
  return `base_model.model.${path}.lora_magnitude_vector`;
}

/** Name of the constant ‖W + s · B · A‖ of a layer. */
const normsName = (path: string): string => `${path} norms`;

export const dora: AdapterKind<LoraConfig, LoraModule> = {
  name: KIND,
  label: 'DoRA',
  formula: 'm / ‖W + s · B · A‖ · (W + s · B · A)',
  config: (settings) => ({ kind: KIND, ...loraConfig(settings) }),
  settings: loraSettings,
  facts: loraFacts,
  check: checkLora,
  module: (layer, config, found) => ({ ...loraModule(layer, config, found), kind: KIND }),
  beside: modulesBeside,
  parameters: (module) => [
    ...loraParameters(module),
    { name: magnitudeName(module.path), shape: [module.outputs], fromBase: true },
  ],
  initial: loraInitial,
  start(tape, module, weight, context) {
    const norms = adaptedNorms(tape, weight, lowRank(module, context), context);
    copy(tape, norms, context.get(magnitudeName(module.path)));
  },
  constants: ({ path, outputs }) => [{ name: normsName(path), shape: [outputs] }],
  settle(tape, module, weight, context) {
    const norms = adaptedNorms(tape, weight, lowRank(module, context), context);
    copy(tape, norms, context.constant!(normsName(module.path))!);
  },
  linear: doraLinear,
  merge: (merged, module, tensors) => mergeDora(merged, module, tensors, magnitudeName(module.path)),
  isPeft: (json) => json['peft_type'] === 'LORA' && json['use_dora'] === true,
  readPeft: (reader) => ({ kind: KIND, ...readLora(reader) }),
  writePeft: (config) => writeLora(config, true),
  disagreement: otherRank,
  limited: limitedRanks,
};

function doraLinear(
  tape: Tape,
  x: Tensor,
  { weight, bias, residual, scale = 1 }: LinearLayer,
  module: LoraModule,
  context: HookContext,
): Tensor {
  const { dropout, ...lora } = lowRank(module, context);
  const divisor = context.constant?.(normsName(module.path)) ?? adaptedNorms(tape, weight, lora, context);
  const magnitude = context.get(magnitudeName(module.path));
  if (!dropout || dropout.probability === 0 || !tape.training) {
    const y = linear(tape, x, weight, { lora, scale });
    return scaleColumns(tape, y, magnitude, { divisor, bias, residual });
  }
  const dropped = dropoutOf(tape, x, dropout);
  const frozen = linear(tape, x, weight, { bias, residual, scale });
  const hidden = linear(tape, dropped, weight, { residual: frozen, scale: -scale });
  const y = linear(tape, dropped, weight, { lora, scale });
  return scaleColumns(tape, y, magnitude, { divisor, residual: hidden });
}
