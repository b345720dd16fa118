/** LoRA's configuration with PEFT's conventions: targets, patterns, scaling. DoRA has the same. */
import { GraftError } from '../../errors.ts';
import type { LinearModule, ModelDefinition } from '../../model/definition.ts';
import type { Given } from '../../settings/setting.ts';
import type { AdapterConfig, AdapterModule } from '../kind.ts';
import { savedModules } from '../saved/saved.ts';
import { endsWith, isTarget, lastNames, layerOf } from '../targets.ts';
import { tokensModules } from '../tokens/tokens.ts';
import { LARGEST_RANK, type SavedModules } from './settings.ts';

export interface LoraConfig extends AdapterConfig {
  readonly rank: number;
  readonly alpha: number;
  /** Dropout on the adapters' inputs while training. */
  readonly dropout: number;
  /** Scale by α / √r instead of α / r (rsLoRA, Kalajdzievski, 2023). */
  readonly rsLora: boolean;
  /** Rank, or alpha, of the layers whose path ends with the key. */
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** Modules that are trained in full next to it: neither embedding nor head if left out. */
  readonly modulesToSave?: SavedModules;
  /** Tokens that are added to the vocabulary and trained next to it. */
  readonly addTokens?: readonly string[];
  /** The tokenizer's id of the first of them. If left out, the first row after the base's, for plans without a tokenizer. */
  readonly firstToken?: number;
}

/** A layer with an adapter. */
export interface LoraModule extends AdapterModule {
  /** The rank for each expert, if it has experts. */
  readonly rank: number;
  readonly scale: number;
  /** The path in the names of its tensors, if it is another: PEFT names those of experts by the module that holds their weight. */
  readonly named?: string;
}

const SETTINGS = ['rank', 'alpha', 'dropout', 'rsLora', 'targets', 'rankPattern', 'alphaPattern'] as const;
/** Left out if they have the value from before there was a choice. */
const LATER = ['layersToTransform', 'modulesToSave', 'addTokens', 'firstToken'] as const;

/** The configuration in settings by name. */
export function loraConfig(settings: Given): LoraConfig {
  return Object.fromEntries(
    [...SETTINGS, ...chosen(settings)].map((name) => [name, settings[name]]),
  ) as unknown as LoraConfig;
}

/** The settings of a configuration. */
export function loraSettings(config: LoraConfig): Given {
  return Object.fromEntries([...SETTINGS, ...chosen(config)].map((name) => [name, config[name]]));
}

function chosen(given: { readonly [name in (typeof LATER)[number]]?: unknown }): (typeof LATER)[number][] {
  const isChosen = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : value !== 'none');
  return LATER.filter((name) => given[name] !== undefined && isChosen(given[name]));
}

const SAVED_WORDS: Readonly<Record<SavedModules, string>> = {
  none: 'nothing',
  embed_tokens: 'embedding',
  lm_head: 'head',
  both: 'embedding and head',
};

/** What the model card says of a configuration: pairs of name and value. */
export function loraFacts({
  rank,
  alpha,
  rsLora,
  dropout,
  modulesToSave,
  addTokens = [],
}: LoraConfig): [string, string | number][] {
  return [
    ['Rank', rank],
    ['Alpha', alpha],
    ['Scaling', rsLora ? 'alpha / √rank (rsLoRA)' : 'alpha / rank'],
    ['Dropout', dropout],
    ...(modulesToSave === undefined
      ? []
      : [['Trained as a whole', SAVED_WORDS[modulesToSave]] satisfies [string, string]]),
    ...(addTokens.length === 0 ? [] : [['Added tokens', addTokens.join(' ')] satisfies [string, string]]),
  ];
}

/**
 * Modules next to the layers of an adapter: trained in full, or rows of new tokens.
 *
 * @throws GraftError `lora-config` for modules to save in an encoder, or for new tokens whose ids leave a gap after the base's
 */
export function modulesBeside(
  model: ModelDefinition,
  { modulesToSave, addTokens: texts = [], firstToken }: LoraConfig,
): AdapterModule[] {
  const saved = savedModules(model, modulesToSave);
  if (texts.length === 0) return saved;
  return [...saved, ...tokensModules(model, { texts, first: firstToken ?? model.shape.vocabulary })];
}

function lookUp(pattern: Readonly<Record<string, number>>, path: string): number | undefined {
  const key = Object.keys(pattern).find((candidate) => endsWith(path, candidate));
  return key === undefined ? undefined : pattern[key];
}

/** The rank of the adapter of the layer at `path`. */
export function loraRank(config: Pick<LoraConfig, 'rank' | 'rankPattern'>, path: string): number {
  return lookUp(config.rankPattern, path) ?? config.rank;
}

/** Alpha of the adapter of the layer at `path`. */
export function loraAlpha(config: Pick<LoraConfig, 'alpha' | 'alphaPattern'>, path: string): number {
  return lookUp(config.alphaPattern, path) ?? config.alpha;
}

/** The multiplier of an adapter's contribution. */
function loraScale(
  config: Pick<LoraConfig, 'alpha' | 'alphaPattern' | 'rsLora'>,
  path: string,
  rank: number,
): number {
  return loraAlpha(config, path) / (config.rsLora ? Math.sqrt(rank) : rank);
}

/**
 * @throws GraftError `lora-config` for a target, a layer or a pattern that the model does not have, a rank that is no positive whole number, or dropout outside
 * 0 … 1
 */
export function checkLora(model: ModelDefinition, config: LoraConfig): void {
  if (!(config.dropout >= 0 && config.dropout < 1))
    throw wrongConfig(`LoRA dropout is ${config.dropout}.`, 'Choose 0 or more and less than 1.');
  // Before alpha, which is often a multiple of it.
  checkRank(config.rank, 'The LoRA rank');
  if (!(Number.isFinite(config.alpha) && config.alpha > 0))
    throw wrongConfig(`LoRA alpha is ${config.alpha}.`, 'Choose a number above 0.');
  checkTargets(model, config.targets);
  checkLayers(model, config);
  if ((config.addTokens ?? []).length > 0 && (config.modulesToSave ?? 'none') !== 'none')
    throw wrongConfig(
      'New tokens are to be added, and the embedding or the head trained as a whole.',
      'Choose one of them: rows of new tokens are trained by themselves.',
    );
  const { linears } = model;
  for (const key of [...Object.keys(config.rankPattern), ...Object.keys(config.alphaPattern)]) {
    if (linears.some((layer) => isTarget(config, layer) && endsWith(layer.path, key))) continue;
    throw wrongConfig(
      `No layer with an adapter has a path that ends with ${key}, which a pattern names.`,
      `Choose among ${lastNames(model.linears).join(', ')}, or the ends of their paths.`,
    );
  }
  const parameter = linears.find((layer) => layer.isParameter && isTarget(config, layer));
  if (parameter && config.dropout > 0)
    throw wrongConfig(
      `LoRA dropout is ${config.dropout}, and PEFT has none for a parameter such as ${parameter.path}.`,
      'Choose 0, or leave experts and routers out of the targets.',
    );
  for (const layer of linears)
    if (isTarget(config, layer)) checkRank(loraRank(config, layer.path), `The rank of ${layer.path}`);
}

/** @throws GraftError `lora-config` for targets that no layer has, or none */
export function checkTargets(model: ModelDefinition, targets: readonly string[]): void {
  if (targets.length === 0)
    throw wrongConfig('No target modules were chosen.', 'Choose at least one, such as q_proj.');
  for (const target of targets) {
    if (model.linears.some((layer) => isTarget({ targets: [target] }, layer))) continue;
    throw wrongConfig(
      `The model has no linear layer ${target}.`,
      `Choose among ${lastNames(model.linears).join(', ')}.`,
    );
  }
}

function checkLayers(model: ModelDefinition, { targets, layersToTransform = [] }: LoraConfig): void {
  const targeted = model.linears.filter((layer) => isTarget({ targets }, layer));
  const known = new Set(targeted.flatMap(({ path }) => layerOf(path) ?? []));
  const missing = layersToTransform.find((layer) => !known.has(layer));
  if (missing === undefined) return;
  throw wrongConfig(
    `The model has no layer ${missing} with such targets: it has ${model.shape.layers} layers.`,
    `Choose from 0 to ${Math.max(...known)}.`,
  );
}

/** The error `lora-config`, for the caller to throw. */
export function wrongConfig(what: string, remedy: string): GraftError {
  return new GraftError('lora-config', what, remedy);
}

function checkRank(rank: number, what: string): void {
  if (!Number.isInteger(rank) || rank < 1 || rank > LARGEST_RANK)
    throw wrongConfig(`${what} is ${rank}.`, `Choose a whole number from 1 to ${LARGEST_RANK}.`);
}

/** @param found shapes of the tensors in a file, which decide the rank */
export function loraModule(
  linear: LinearModule,
  config: LoraConfig,
  found?: (name: string) => readonly number[],
): LoraModule {
  const { path, experts } = linear;
  const named = experts === undefined ? undefined : nameOfExperts(config, path);
  const rank = found ? found(tensorNames(named ?? path).a)[0] / (experts ?? 1) : loraRank(config, path);
  return { ...linear, rank, scale: loraScale(config, path, rank), ...(named !== undefined && { named }) };
}

/** Where PEFT puts the tensors of a parameter of experts: on the module that holds it, and of two parameters the first one inside of the second. */
function nameOfExperts(config: LoraConfig, path: string): string {
  const [holder, name] = [path.slice(0, path.lastIndexOf('.')), path.slice(path.lastIndexOf('.') + 1)];
  const [first, second] = EXPERT_PARAMETERS;
  return name === first && isTarget(config, { path: `${holder}.${second}`, isParameter: true })
    ? `${holder}.base_layer`
    : holder;
}

/** The parameters of transformers' modules of experts, in their order. */
const EXPERT_PARAMETERS = ['gate_up_proj', 'down_proj'] as const;

/** Names of the two tensors of a layer's adapter, as in PEFT's adapter_model.safetensors. */
export function tensorNames(path: string): { a: string; b: string } {
  return { a: `base_model.model.${path}.lora_A.weight`, b: `base_model.model.${path}.lora_B.weight` };
}

/** No rank is above the largest one. */
export function limitedRanks(config: LoraConfig): LoraConfig {
  const limited = (rank: number): number => Math.ceil(Math.min(rank, LARGEST_RANK));
  return {
    ...config,
    rank: limited(config.rank),
    rankPattern: Object.fromEntries(
      Object.entries(config.rankPattern).map(([key, rank]) => [key, limited(rank)]),
    ),
  };
}
