/** What a family says of a model: its tensors, its linear layers, its state in generation and its forward. */
import { sizeOf } from '../engine/tensor.ts';
import type { ConfigReader } from './config.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Pooling } from './pooling.ts';
import type { DecoderConfig, ModelShape } from './shape.ts';

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

/** What a model of any kind is made of. */
export interface WeightedModel {
  readonly modelType: string;
  readonly weights: readonly WeightSpec[];
  readonly linears: readonly LinearModule[];
  /** Beginnings of names that some folders write differently: [ours, theirs]. */
  readonly renamed?: readonly (readonly [string, string])[];
}

/** A tensor of a layer's state: a row of `columns` numbers for each token that it keeps. */
export interface StatePart {
  readonly label: string;
  readonly columns: number;
  /** How many of the last tokens it keeps; all of them if left out. The same number in all parts of a model. */
  readonly last?: number;
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

/** How to read the config.json of a family of models: which tensors such a model has, and its forward. */
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
