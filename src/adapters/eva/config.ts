/** EVA's configuration: LoRA's, and how ranks and values are found. */
import type { ModelDefinition } from '../../model/definition.ts';
import type { Given } from '../../settings/setting.ts';
import {
  checkLora,
  loraAlpha,
  loraConfig,
  loraRank,
  loraSettings,
  wrongConfig,
  type LoraConfig,
  type LoraModule,
} from '../lora/config.ts';
import { LARGEST_RANK } from '../lora/settings.ts';
import { isTarget } from '../targets.ts';
import { mostRank } from './ranks.ts';
import { EVA, EVA_SETTINGS } from './settings.ts';

export interface EvaConfig extends LoraConfig {
  readonly evaRho: number;
  readonly evaTau: number;
  readonly evaLabelMask: boolean;
  readonly evaWhiten: boolean;
  readonly evaAdjustScaling: boolean;
}

export function evaConfig(settings: Given): EvaConfig {
  const own = EVA_SETTINGS.map(({ name, default: initial }) => [name, settings[name] ?? initial] as const);
  return { kind: EVA.name, ...loraConfig(settings), ...Object.fromEntries(own) } as unknown as EvaConfig;
}

export function evaSettings(config: EvaConfig): Given {
  return {
    ...loraSettings(config),
    ...Object.fromEntries(EVA_SETTINGS.map(({ name }) => [name, config[name]])),
  };
}

/** @throws GraftError `lora-config` as LoRA's, and for a rank that an input has no directions for */
export function checkEva(model: ModelDefinition, config: EvaConfig): void {
  checkLora(model, config);
  if ((config.addTokens ?? []).length > 0)
    throw wrongConfig(
      'EVA reads the rows with the base model, which does not know new tokens.',
      'Leave new tokens out, or choose LoRA, DoRA or PiSSA.',
    );
  for (const layer of model.linears) {
    if (!isTarget(config, layer)) continue;
    const { path, inputs } = layer;
    const rank = loraRank(config, path);
    if (rank > inputs)
      throw wrongConfig(
        `The rank of ${path} is ${rank}, but EVA takes at most ${inputs} there: it starts as directions of the layer's input.`,
        `Choose a rank of ${inputs} or less, or LoRA.`,
      );
    if (mostRank(rank, config.evaRho, inputs) > LARGEST_RANK)
      throw wrongConfig(
        `With rho ${config.evaRho} the layer ${path} may get a rank of ${mostRank(rank, config.evaRho, inputs)}.`,
        `Choose a smaller rank or rho: a rank is at most ${LARGEST_RANK}.`,
      );
  }
}

/** Alpha of a layer whose rank was changed. */
function evaAlpha(config: EvaConfig, path: string, rank: number): number {
  const alpha = loraAlpha(config, path);
  return config.evaAdjustScaling ? alpha * (rank / loraRank(config, path)) : alpha;
}

/** A layer with its assigned rank. */
export function withRank(module: LoraModule, config: EvaConfig, rank: number): LoraModule {
  const alpha = evaAlpha(config, module.path, rank);
  return { ...module, rank, scale: alpha / (config.rsLora ? Math.sqrt(rank) : rank) };
}

/** The configuration for PEFT: LoRA, with rank and alpha of each layer that differs. */
export function evaAsLora(config: EvaConfig, modules: readonly LoraModule[]): LoraConfig {
  const { kind: _, ...lora } = Object.fromEntries(
    Object.entries(config).filter(([name]) => !EVA_SETTINGS.some((own) => own.name === name)),
  ) as unknown as LoraConfig;
  const alphas = modules.map(({ path, rank }) => [path, evaAlpha(config, path, rank)] as const);
  return {
    ...lora,
    rankPattern: Object.fromEntries(
      modules.filter(({ rank }) => rank !== config.rank).map(({ path, rank }) => [path, rank]),
    ),
    alphaPattern: Object.fromEntries(alphas.filter(([, alpha]) => alpha !== config.alpha)),
  };
}
