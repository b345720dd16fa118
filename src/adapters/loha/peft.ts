/** PEFT's LoHaConfig, read and written. */
import type { JsonObject } from '../../json.ts';
import type { LoraModule } from '../lora/config.ts';
import { loraRank } from '../lora/config.ts';
import { readLayers } from '../lora/peft.ts';
import { LARGEST_RANK } from '../lora/settings.ts';
import type { PeftConfigReader } from '../peft-config.ts';
import { lohaNames, type LohaConfig } from './config.ts';
import { LOHA } from './settings.ts';

/** Dropout of ranks and of modules is for training in PEFT, and changes nothing of a trained adapter. */
export function readLoha(reader: PeftConfigReader): LohaConfig {
  return {
    kind: LOHA.name,
    rank: reader.number(
      'r',
      (value) => Number.isInteger(value) && value >= 1 && value <= LARGEST_RANK,
      `a whole number from 1 to ${LARGEST_RANK}`,
    ),
    alpha: reader.number('alpha', (value) => value > 0, 'a number above 0', 8),
    targets: reader.names('target_modules'),
    rankPattern: reader.pattern('rank_pattern'),
    alphaPattern: reader.pattern('alpha_pattern'),
    ...(reader.set('layers_to_transform') && { layersToTransform: readLayers(reader) }),
  };
}

export function writeLoha(config: LohaConfig): JsonObject {
  return {
    fan_in_fan_out: undefined,
    alpha: config.alpha,
    alpha_pattern: config.alphaPattern,
    init_weights: true,
    ...(config.layersToTransform && { layers_to_transform: config.layersToTransform }),
    module_dropout: 0,
    peft_type: 'LOHA',
    r: config.rank,
    rank_dropout: 0,
    rank_pattern: config.rankPattern,
    use_effective_conv2d: false,
  };
}

/** The error text if a file's tensors have another rank than its configuration says. */
export function otherLohaRank({ path, rank }: LoraModule, config: LohaConfig): string | undefined {
  const configured = loraRank(config, path);
  return rank === configured
    ? undefined
    : `Tensor ${lohaNames(path)[0].b} has the rank ${rank}, and adapter_config.json says ${configured}`;
}
