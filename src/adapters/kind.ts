/**
 * What a kind of adapter is: LoRA, DoRA, IA3, virtual tokens, norms and biases. Each has a folder with its settings, which the page reads too, and
 * the kind itself: the layers that it is on, their parameters, what it does there, how it goes into a weight, and how PEFT writes it. What it does
 * is one of three things: it takes part in a linear layer (`linear`), puts tokens of its own before every sequence (`embed`), or has a weight of
 * its own in the place of one of the base (`replaces`). A new kind is a folder, a line in registry.ts, and one in settings.ts.
 */
import type { Device } from '../engine/device.ts';
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
  /** `start` or `begin` makes its initial values from the base model. */
  readonly fromBase?: boolean;
  /** It stays as it began: without gradient and optimiser state. */
  readonly fixed?: boolean;
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

/** Ids of a text, without special tokens unless they are asked for. */
export type Encode = (text: string, options?: { readonly addSpecialTokens?: boolean }) => readonly number[];

/** Rows of the head that an adapter has: by ids, in the place of the base's or behind its last. */
export interface HeadRows {
  /** The id of the first. */
  readonly first: number;
  readonly count: number;
  /** The name of the parameter that they are. */
  readonly parameter: string;
}

/** What a parameter that comes from the base may begin by. */
export interface StartContext extends HookContext {
  /** Draws from the seed of the run. */
  readonly random: Random;
  /** Ids of a text, by the tokenizer of the base. @throws GraftError `train-option` where there is none */
  readonly encode: Encode;
  /** u32 [n]: values that last until the start is computed. */
  readonly upload: (values: Uint32Array<ArrayBuffer>) => Tensor;
}

/** How far the start of an adapter is. */
export interface StartProgress {
  /** `reading`: batches of rows that went through the base. `vectors`: matrices whose singular vectors are found. */
  readonly what: 'reading' | 'vectors';
  readonly done: number;
  /** `reading` may come to its end before. */
  readonly total: number;
}

/** What rows give to the layers of the base. */
export interface RowInputs {
  readonly device: Device;
  /** What layers read, each with the layers that share it, in the order of the model. */
  readonly inputs: readonly { readonly paths: readonly string[]; readonly width: number }[];
  /** How many batches of rows there are. */
  readonly batches: number;
  /** Makes room for the covariances of some of these inputs, by their places. Awaits the device. */
  measure(places: readonly number[]): Promise<Covariances>;
}

export interface Covariances {
  /** Adds up the batches that come next, until so many are read. @param tell hears how many are; what it throws ends the reading */
  read(batches: number, tell: (done: number) => void): Promise<void>;
  /** Tokens that were read. */
  readonly tokens: number;
  /** In the order of the places: matrix − less · lessᵀ is the sum of (x − mean)(x − mean)ᵀ over all tokens, and `trace` that of its diagonal. */
  sums(): Promise<readonly { readonly matrix: Tensor; readonly less: Tensor; readonly trace: number }[]>;
  /** Frees it, after the device has settled. */
  destroy(): void;
}

/** Layers with what they begin as. */
export interface Begun<Module extends AdapterModule = AdapterModule> {
  readonly modules: readonly Module[];
  readonly tensors: AdapterTensors;
}

/** How a kind begins that takes rows of the run for that. */
export interface RowsStart<
  Config extends AdapterConfig = AdapterConfig,
  Module extends AdapterModule = AdapterModule,
> {
  /** Whether tokens that are not learned are read too. */
  readsPrompts(config: Config): boolean;
  /**
   * Layers and values to begin with. The layers may have other ranks than the configuration says, and some may be left out. Awaits the device.
   *
   * @param modules as the configuration has them
   * @throws GraftError `train-rows` where the rows are too few, and what `tell` throws
   */
  begin(
    rows: RowInputs,
    config: Config,
    modules: readonly Module[],
    context: { readonly random: Random; readonly tell: (progress: StartProgress) => void },
  ): Promise<Begun<Module>>;
  /** Takes the memory that this takes, and gives it back: for a device that only counts. */
  plan(rows: RowInputs, config: Config, modules: readonly Module[]): Promise<void>;
  /** The layers as large as they may become. */
  largest(config: Config, modules: readonly Module[]): readonly Module[];
  /** A layer as a saved state has it, by the sizes of its tensors; undefined where it was left out. */
  saved(module: Module, config: Config, size: (name: string) => number | undefined): Module | undefined;
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
  /** What the card says to whoever loads it, in sentences. */
  readonly note?: string;

  /** @throws GraftError `lora-config` for what no layer has, or a number that cannot be */
  check(model: ModelDefinition, config: Config): void;
  /** The layers that it can be on, of which the targets choose: all linear ones if left out. */
  layers?(model: ModelDefinition, config: Config): readonly LinearModule[];
  /**
   * A layer with an adapter of this configuration.
   *
   * @param found shapes of its tensors in a file, where they decide
   */
  module(linear: LinearModule, config: Config, found?: (name: string) => readonly number[]): Module;
  /** The layer as a file has it, for a kind whose layers may have fewer tensors than the configuration would give them. */
  filed?(layer: LinearModule, config: Config, has: (name: string) => boolean): LinearModule;
  /** Layers of other kinds that it brings along. */
  beside?(model: ModelDefinition, config: Config): readonly AdapterModule[];
  parameters(module: Module): readonly AdapterParameter[];
  /** Initial values by name; without those that come from the base. */
  initial(module: Module, random: Random): readonly (readonly [name: string, Float32Array<ArrayBuffer>])[];
  /**
   * Records how the parameters begin that come from the base.
   *
   * @param weight of the layer; the weights of others by name
   */
  start?(
    tape: Tape,
    module: Module,
    weight: Tensor,
    context: StartContext,
    others: (name: string) => Tensor,
  ): void;
  /**
   * The same for values that take the host as well as the device, of all layers at once. Awaits the device.
   *
   * @param tell hears how far it is; what it throws ends it
   * @returns values by name
   */
  begin?(
    device: Device,
    layers: readonly { readonly module: Module; readonly weight: Tensor }[],
    context: Pick<StartContext, 'random' | 'encode'> & { readonly tell: (progress: StartProgress) => void },
  ): Promise<AdapterTensors>;
  /** For a kind that begins from what the base makes of rows. */
  readonly fromRows?: RowsStart<Config, Module>;

  /** What follows from the base and the parameters, and need not be computed for each token where both stay as they are. */
  constants?(module: Module): readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Records how the constants are computed into their tensors. */
  settle?(tape: Tape, module: Module, weight: Tensor, context: HookContext): void;

  /** The linear layer with its adapter. */
  linear?(tape: Tape, x: Tensor, layer: LinearLayer, module: Module, context: HookContext): Tensor;
  /** How many tokens of its own it puts before every sequence. */
  virtualTokens?(module: Module): number;
  /** Writes the rows of tokens of its own into x [M, C], where the ids say so: of virtual ones (`FIRST_VIRTUAL`), or of the vocabulary. */
  embed?(
    tape: Tape,
    inputs: { readonly x: Tensor; readonly ids: Tensor; readonly chain?: Tensor },
    module: Module,
    context: HookContext,
  ): void;
  /** Names of weights of the base, each with the parameter that stands in its place. */
  replaces?(module: Module): readonly (readonly [weight: string, parameter: string])[];
  /** Rows of the head that it has. */
  headRows?(module: Module): HeadRows | undefined;
  /** Whether rows of what it learns are looked up by token id. */
  learnsRows?(module: Module): boolean;

  /** W with the adapter in it, as people write it. */
  readonly formula: string;
  /** What of a layer changes where the adapter is merged; its weight if left out. */
  mergedParts?(module: Module): readonly MergedPart['part'][];
  /** Missing where it cannot be merged: then `unmergeable` says why. */
  merge?(merged: MergedPart, module: Module, tensors: AdapterTensors): void;
  /** Why the weights of the base cannot hold it, in a sentence. */
  readonly unmergeable?: string;

  /** The adapter as it is kept, for a kind that is there only while it is trained. */
  portable?(
    config: Config,
    modules: readonly Module[],
    tensors: AdapterTensors,
  ): {
    readonly config: AdapterConfig;
    readonly modules: readonly AdapterModule[];
    readonly tensors: AdapterTensors;
  };
  /** Whether an adapter_config.json is one of this kind. */
  isPeft(json: JsonObject): boolean;
  /** @throws GraftError `adapter-config`, `adapter-unsupported` */
  readPeft(reader: PeftConfigReader): Config;
  /** Fields of adapter_config.json beside those that every kind has; undefined for one of those that PEFT's class of this kind has not. */
  writePeft(config: Config, modules: readonly Module[]): Readonly<Record<string, unknown>>;
  /** What the tensors and the configuration of a file say differently of a layer, or undefined. */
  disagreement?(module: Module, config: Config): string | undefined;
  /** The configuration within the limits of what can be trained: for how large an adapter from outside may be. */
  limited?(config: Config): Config;
}
