/**
 * What a kind of adapter is: LoRA, DoRA, IA3. Each has a folder with its settings, which the page reads too, and the kind itself: the layers that
 * it is on, their parameters, what it does to a layer's result, how it goes into a weight, and how PEFT writes it. A new kind is a folder, a
 * line in registry.ts, and one in settings.ts.
 */
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { JsonObject } from '../json.ts';
import type { LinearModule, ModelDefinition } from '../model/family.ts';
import type { LinearLayer } from '../model/graph.ts';
import type { Random } from '../random.ts';
import type { Given } from '../settings/setting.ts';
import type { PeftConfigReader } from './peft-config.ts';

/** What an adapter is made with. */
export interface AdapterConfig {
  /** The name of its kind; LoRA if left out. */
  readonly kind?: string;
  /** Last parts of the paths of the layers that get an adapter: `q_proj`, …, or longer ends of a path; ALL_LINEAR for all of them. */
  readonly targets: readonly string[];
  /** The layers of the model that get one, counted from 0; all of them if left out or empty. */
  readonly layersToTransform?: readonly number[];
}

/** A layer with an adapter. */
export interface AdapterModule extends LinearModule {
  /** The name of its kind; LoRA if left out. */
  readonly kind?: string;
}

export interface AdapterParameter {
  /** As in PEFT's adapter_model.safetensors. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Its shape on the device, where that is padded with zeros, which must stay zero. */
  readonly padded?: readonly number[];
  /** It learns faster by the ratio of the settings (LoRA+). */
  readonly faster?: boolean;
  /** `start` makes its initial values from the base model. */
  readonly fromBase?: boolean;
}

/** Values of an adapter's tensors by PEFT name. */
export type AdapterTensors = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** What a hook may need beside the layer. */
export interface HookContext {
  /** The adapter's tensors on the device, by name. */
  readonly get: (name: string) => Tensor;
  /** u32 [count]: first, first + 1, …, below the number of a layer's outputs. `first` is a multiple of 64. */
  readonly rowIds: (first: number, count: number) => Tensor;
  /** What `constants` names, once it was computed; undefined while the adapter's values may change. */
  readonly constant?: (name: string) => Tensor | undefined;
  /** Dropout on the adapter's input, while training. */
  readonly dropout?: { readonly probability: number; readonly seed: Tensor; readonly salt: number };
}

/** A part of a layer into which an adapter is merged. */
export interface MergedPart {
  readonly part: 'weight' | 'bias';
  /** Changed in place: [outputs, inputs] row by row, or [inputs, outputs] where `transposed`. */
  readonly values: Float32Array<ArrayBuffer>;
  readonly transposed: boolean;
}

export interface AdapterKind<
  Config extends AdapterConfig = AdapterConfig,
  Module extends AdapterModule = AdapterModule,
> {
  /** As it is chosen, and kept: `lora`. */
  readonly name: string;
  /** As people know it. */
  readonly label: string;

  /** The configuration from settings by name. */
  config(settings: Given): Config;
  /** The settings that give this configuration. */
  settings(config: Config): Given;
  /** What the card of an adapter tells of it. */
  facts(config: Config): readonly (readonly [name: string, value: string | number])[];

  /** @throws GraftError `lora-config` for what no layer has, or a number that cannot be */
  check(model: ModelDefinition, config: Config): void;
  /**
   * A layer with an adapter of this configuration.
   *
   * @param found shapes of its tensors in a file, where they decide
   */
  module(linear: LinearModule, config: Config, found?: (name: string) => readonly number[]): Module;
  parameters(module: Module): readonly AdapterParameter[];
  /** Initial values by name; without those that come from the base. */
  initial(module: Module, random: Random): readonly (readonly [name: string, Float32Array<ArrayBuffer>])[];
  /** Records how the parameters begin that come from the base. */
  start?(tape: Tape, module: Module, weight: Tensor, context: HookContext): void;

  /** What follows from the base and the parameters, and need not be computed for each token where both stay as they are. */
  constants?(module: Module): readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Records how the constants are computed into their tensors. */
  settle?(tape: Tape, module: Module, weight: Tensor, context: HookContext): void;

  /** The layer with its adapter. */
  linear(tape: Tape, x: Tensor, layer: LinearLayer, module: Module, context: HookContext): Tensor;

  /** W with the adapter in it, as people write it. */
  readonly formula: string;
  /** Whether a bias changes as well. */
  mergesBias(module: Module): boolean;
  merge(merged: MergedPart, module: Module, tensors: AdapterTensors): void;

  /** Whether an adapter_config.json is one of this kind. */
  isPeft(json: JsonObject): boolean;
  /** @throws GraftError `adapter-config`, `adapter-unsupported` */
  readPeft(reader: PeftConfigReader): Config;
  /** Fields of adapter_config.json beside those that every kind has. */
  writePeft(config: Config, modules: readonly Module[]): JsonObject;
  /** What the tensors and the configuration of a file say differently of a layer, or undefined. */
  disagreement?(module: Module, config: Config): string | undefined;
  /** The configuration within the limits of what can be trained: for how large an adapter from outside may be. */
  limited?(config: Config): Config;
}
