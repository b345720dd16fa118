/** LoHa's configuration with PEFT's conventions: targets, ranks and alphas as LoRA's, scaled by alpha / r. */
import type { LinearModule, ModelDefinition } from '../../model/definition.ts';
import type { Given } from '../../settings/setting.ts';
import type { AdapterConfig } from '../kind.ts';
import {
  checkLora,
  limitedRanks,
  loraConfig,
  loraModule,
  loraSettings,
  type LoraConfig,
  type LoraModule,
} from '../lora/config.ts';
import { LOHA } from './settings.ts';

export interface LohaConfig extends AdapterConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
}

/** What LoRA has and LoHa has not. */
const WITHOUT = { dropout: 0, rsLora: false } as const;
const asLora = (config: LohaConfig): LoraConfig => ({ ...config, ...WITHOUT });

function without({ dropout: _, rsLora: __, ...config }: LoraConfig): LohaConfig {
  return { ...config, kind: LOHA.name };
}

/** The configuration in settings by name. */
export function lohaConfig(settings: Given): LohaConfig {
  const { modulesToSave: _, addTokens: __, firstToken: ___, ...config } = loraConfig(settings);
  return without(config);
}

/** The settings of a configuration. */
export function lohaSettings(config: LohaConfig): Given {
  const { dropout: _, rsLora: __, ...settings } = loraSettings(asLora(config));
  return settings;
}

export const lohaFacts = ({ rank, alpha }: LohaConfig): [string, string | number][] => [
  ['Rank', rank],
  ['Alpha', alpha],
  ['Scaling', 'alpha / rank'],
];

/** @throws GraftError `lora-config` as LoRA */
export const checkLoha = (model: ModelDefinition, config: LohaConfig): void =>
  checkLora(model, asLora(config));

export const limitedLoha = (config: LohaConfig): LohaConfig => without(limitedRanks(asLora(config)));

/** @param found shapes of the tensors in a file, which decide the rank */
export function lohaModule(
  linear: LinearModule,
  config: LohaConfig,
  found?: (name: string) => readonly number[],
): LoraModule {
  const [{ b }] = lohaNames(linear.path);
  return { ...loraModule(linear, asLora(config), found && (() => found(b))), kind: LOHA.name };
}

/** Names of the tensors of a layer, pair by pair, as in PEFT's adapter_model.safetensors. */
export function lohaNames(path: string): [Record<'a' | 'b', string>, Record<'a' | 'b', string>] {
  const name = (which: string): string => `base_model.model.${path}.hada_${which}`;
  return [
    { a: name('w1_a'), b: name('w1_b') },
    { a: name('w2_a'), b: name('w2_b') },
  ];
}
