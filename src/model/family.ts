/**
 * A family of models: how to read its config.json, which tensors it has, and its forward. One file each; a new family is a new file and
 * its entry in `families`.
 */
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { sizeOf } from '../engine/tensor.ts';
import { readJson, type FileSet } from '../weights/bytes.ts';
import { bert } from './bert.ts';
import { ConfigReader } from './config.ts';
import type { DecoderConfig } from './decoder.ts';
import type { ForwardGraph } from './forward-graph.ts';
import { gemma3 } from './gemma3.ts';
import { gpt2 } from './gpt2.ts';
import { granite } from './granite.ts';
import type { StatePart } from './layer-state.ts';
import { lfm2 } from './lfm2.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { olmo2 } from './olmo2.ts';
import { olmoe } from './olmoe.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { qwen3Moe } from './qwen3-moe.ts';
import { smollm3 } from './smollm3.ts';
import type { Pooling } from './pooling.ts';
import type { RopeConfig } from './rope.ts';

/** A tensor of the model folder, under its Hugging Face name. */
export interface WeightSpec {
  readonly name: string;
  /** Graft's shape: [outputs, inputs] for a linear layer. */
  readonly shape: readonly number[];
  /** Whether the folder has it transposed: the [inputs, outputs] of GPT-2's Conv1D. */
  readonly transposed?: boolean;
  /** Whether it is the filter [C, L] of a depthwise convolution, which the folder has as [C, 1, L]. It is always f32. */
  readonly filter?: boolean;
  /** Tensors that a folder may have in its place: its rows, in order. Each expert of a mixture may be tensors of its own. */
  readonly parts?: readonly string[];
  /** Whether it stays as numbers if matrices are in blocks: a router's error would send tokens to other experts. */
  readonly numbers?: boolean;
}

/** A linear layer that can carry an adapter. `path` is the module's name in transformers. */
export interface LinearModule {
  readonly path: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Its weight is `transposed` in the folder: what PEFT calls fan_in_fan_out. */
  readonly transposed?: boolean;
  /** It has a matrix [outputs, inputs] for each of so many experts, and its path is the name of its weight. */
  readonly experts?: number;
  /** It is a parameter and no module of its own in transformers: not among all linear layers, and in PEFT's target_parameters. */
  readonly isParameter?: boolean;
}

/** The name of the weight of a linear layer. */
export function weightOf({ path, experts }: Pick<LinearModule, 'path' | 'experts'>): string {
  return experts === undefined ? `${path}.weight` : path;
}

/** The fields of every family; a family adds its own. */
export interface ModelShape {
  readonly vocabulary: number;
  readonly channels: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** Longest sequence that the model was made for. */
  readonly maxPositions: number;
  /** Whether a longer one is impossible rather than just bad: positions are looked up in a table, or frequencies change. */
  readonly hardLimit?: boolean;
  /** Whether activations exceed half precision: they then stay f32, whatever the type of the weights. */
  readonly wideActivations?: boolean;
  /** Name of the weight that maps hidden states to logits: the embedding if they are tied. Missing in an encoder. */
  readonly head?: string;
  /** Rotary frequencies that layers choose among; empty for a model without. */
  readonly ropes: readonly RopeConfig[];
}

/** What a model of any kind is made of. */
export interface WeightedModel {
  readonly modelType: string;
  readonly weights: readonly WeightSpec[];
  readonly linears: readonly LinearModule[];
  /** Beginnings of names that some folders write differently: [ours, theirs]. */
  readonly renamed?: readonly (readonly [string, string])[];
}

export interface ModelDefinition extends WeightedModel {
  readonly shape: ModelShape;
  /** The configuration of a relative of Llama. Missing in other models. */
  readonly decoder?: DecoderConfig;
  /**
   * The module that looks up token ids, and the factor of its rows: √C for Gemma. `scalesAll`: vectors that replace its rows are multiplied as well,
   * as in Granite.
   */
  readonly embedding: { readonly path: string; readonly scale: number; readonly scalesAll: boolean };
  /** The tensors that each layer keeps of earlier tokens in generation: keys and values in every layer if left out. */
  readonly states?: readonly (readonly StatePart[])[];
  /** How vectors of tokens become one of their text, in an encoder. Missing in a language model. */
  readonly pooling?: Pooling;
  /** Records everything from token ids to the normalised hidden states that go through the head; in an encoder, to the last hidden states of all tokens. */
  readonly forward: <Value>(graph: ForwardGraph<Value>) => Value;
}

export interface Family {
  /** Values of `model_type` in config.json. */
  readonly modelTypes: readonly string[];
  readonly define: (config: ConfigReader) => ModelDefinition;
}

/** A model that gives each token of a text a vector, made of the whole text, and has no head. */
export interface EncoderDefinition extends ModelDefinition {
  readonly shape: Omit<ModelShape, 'head'>;
  readonly pooling: Pooling;
}

export interface EncoderFamily {
  /** Values of `model_type` in config.json. */
  readonly modelTypes: readonly string[];
  readonly define: (config: ConfigReader) => EncoderDefinition;
}

export const families: readonly Family[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma3,
  gpt2,
  smollm3,
  olmo2,
  granite,
  phi3,
  lfm2,
  olmoe,
  qwen3Moe,
];

const encoders: readonly EncoderFamily[] = [bert];

/**
 * Reads a config.json.
 *
 * @throws GraftError `config-unsupported` for an unknown architecture or an encoder, `config-field` for a bad value
 */
export function defineModel(config: JsonObject, where: string): ModelDefinition {
  return define(families, config, where, (modelType) =>
    isOneOf(encoders, modelType)
      ? `${modelType} is an encoder, which makes vectors of texts and cannot write any.`
      : undefined,
  );
}

/**
 * Reads the config.json of an encoder.
 *
 * @throws GraftError `config-unsupported` for an unknown architecture or a language model, `config-field` for a bad value
 */
export function defineEncoder(config: JsonObject, where: string): EncoderDefinition {
  return define(encoders, config, where, (modelType) =>
    isOneOf(families, modelType)
      ? `${modelType} is a language model, which writes texts; embeddings are made by an encoder.`
      : undefined,
  );
}

interface Kind<Definition> {
  readonly modelTypes: readonly string[];
  readonly define: (config: ConfigReader) => Definition;
}

const isOneOf = (kinds: readonly Kind<unknown>[], modelType: string): boolean =>
  kinds.some(({ modelTypes }) => modelTypes.includes(modelType));

/** @param other what a known architecture of another kind is */
function define<Definition>(
  kinds: readonly Kind<Definition>[],
  config: JsonObject,
  where: string,
  other: (modelType: string) => string | undefined,
): Definition {
  const reader = new ConfigReader(config, where);
  const modelType = reader.text('model_type');
  const kind = kinds.find(({ modelTypes }) => modelTypes.includes(modelType));
  if (!kind) {
    const known = kinds.flatMap(({ modelTypes }) => modelTypes).join(', ');
    throw new GraftError(
      'config-unsupported',
      `${where}: ${other(modelType) ?? `the architecture ${JSON.stringify(modelType).slice(0, 60)} is not supported.`}`,
      `Choose a model of one of these: ${known}.`,
    );
  }
  if (isObject(config['quantization_config']))
    throw reader.unsupported('a quantised checkpoint (quantization_config)');
  return kind.define(reader);
}

/** Reads the config.json of a model folder. @throws GraftError as `defineModel`, or `config-missing` */
export async function readModel(files: FileSet): Promise<ModelDefinition> {
  return defineModel(...(await readConfig(files)));
}

/** Reads the config.json of an encoder's folder. @throws GraftError as `defineEncoder`, or `config-missing` */
export async function readEncoder(files: FileSet): Promise<EncoderDefinition> {
  return defineEncoder(...(await readConfig(files)));
}

/** Reads the config.json of a folder of either kind. @throws GraftError as `defineModel`, or `config-missing` */
export async function readAnyModel(files: FileSet): Promise<ModelDefinition> {
  const [config, where] = await readConfig(files);
  return isOneOf(encoders, new ConfigReader(config, where).text('model_type'))
    ? defineEncoder(config, where)
    : defineModel(config, where);
}

async function readConfig(files: FileSet): Promise<[JsonObject, string]> {
  const config = await readJson(files, 'config.json', 1 << 20);
  if (!config)
    throw new GraftError(
      'config-missing',
      `${files.name} has no config.json.`,
      'Choose a Hugging Face model folder.',
    );
  return [config, `${files.name}/config.json`];
}

/** How many numbers a model is made of. */
export function parametersOf({ weights }: Pick<ModelDefinition, 'weights'>): number {
  return weights.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** How many of them a token meets: all but those of experts that it does not go to. */
export function activeParametersOf(model: Pick<ModelDefinition, 'weights' | 'linears' | 'decoder'>): number {
  const { count = 1, kept = 1 } = model.decoder?.experts ?? {};
  const ofExperts = new Set(model.linears.flatMap(({ path, experts }) => (experts ? [path] : [])));
  const idle = model.weights.filter(({ name }) => ofExperts.has(name));
  return parametersOf(model) - (parametersOf({ weights: idle }) * (count - kept)) / count;
}
