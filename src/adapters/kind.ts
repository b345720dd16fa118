/**
 * What a kind of adapter is: LoRA, DoRA, IA3, virtual tokens, norms and biases. Each has a folder with its settings, which the page reads too, and
 * the kind itself: the layers that it is on, their parameters, what it does there, how it is merged into a weight, and how PEFT writes it. It does
 * one of three things: change a linear layer (`linear`), put tokens before every sequence (`embed`), or replace a weight of the base (`replaces`). A
 * new kind is a folder, a line in learners.ts, and its name in registry.ts.
 */
import type { Device } from '../engine/device.ts';
import type { LowRank } from '../engine/ops/linear.ts';
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { JsonObject } from '../json.ts';
import type { LinearModule, ModelDefinition } from '../model/definition.ts';
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
  /** Its shape on the device, if padded with zeros, which must stay zero. */
  readonly padded?: readonly number[];
  /** It has a higher learning rate, by the ratio of the settings (LoRA+). */
  readonly faster?: boolean;
  /** `start` or `begin` makes its initial values from the base model. */
  readonly fromBase?: boolean;
  /** It is frozen: no gradient and no optimiser state. */
  readonly fixed?: boolean;
  /** Its rows belong to ids: an embedding, a head, virtual tokens. */
  readonly table?: boolean;
  /** How the values of a file become those of the device and back, where they lie in another order as well. */
  readonly order?: ParameterOrder;
}

export interface ParameterOrder {
  toDevice(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer>;
  toFile(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer>;
}

/** Values of an adapter's tensors by PEFT name. */
export type AdapterTensors = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** What a hook may need besides the layer. */
export interface HookContext {
  /** The adapter's tensors on the device, by name. */
  readonly get: (name: string) => Tensor;
  /** u32 [count]: first, first + 1, …, below the number of a layer's outputs. `first` is a multiple of 64. */
  readonly rowIds: (first: number, count: number) => Tensor;
  /** The tensors that `constants` names, once computed; undefined while the adapter's values may change. */
  readonly constant?: (name: string) => Tensor | undefined;
  /** Dropout on the adapter's input, while training. */
  readonly dropout?: { readonly probability: number; readonly seed: Tensor; readonly salt: number };
}

/** Ids of a text; special tokens only on request. */
export type Encode = (text: string, options?: { readonly addSpecialTokens?: boolean }) => readonly number[];

/** An adapter's rows of the head, by id: they replace rows of the base or follow its last. */
export interface HeadRows {
  /** The id of the first. */
  readonly first: number;
  readonly count: number;
  /** The name of their parameter. */
  readonly parameter: string;
}

/** What the initial values of a parameter made from the base may depend on. */
export interface StartContext extends HookContext {
  /** Random numbers from the seed of the run. */
  readonly random: Random;
  /** Ids of a text, by the tokenizer of the base. @throws GraftError `train-option` if there is none */
  readonly encode: Encode;
  /** u32 [n] with these values, valid until the start is computed. */
  readonly upload: (values: Uint32Array<ArrayBuffer>) => Tensor;
}

/** The progress of an adapter's start. */
export interface StartProgress {
  /** `reading` counts batches of rows through the base, `vectors` matrices whose singular vectors are found. */
  readonly what: 'reading' | 'vectors';
  readonly done: number;
  /** `reading` may end earlier. */
  readonly total: number;
}

/** The inputs that rows of the run give to the layers of the base. */
export interface RowInputs {
  readonly device: Device;
  /** The inputs, each with the layers that share it, in the order of the model. */
  readonly inputs: readonly { readonly paths: readonly string[]; readonly width: number }[];
  /** How many batches of rows there are. */
  readonly batches: number;
  /** What the covariances of one measurement may take, unless that of one input alone takes more. */
  readonly mostBytes: number;
  /** Allocates the covariances of some of these inputs, by index. Awaits the device. */
  measure(places: readonly number[]): Promise<Covariances>;
}

export interface Covariances {
  /** Adds up the next batches, until `batches` are read. @param report called with the number read; throwing ends the reading */
  read(batches: number, report: (done: number) => void): Promise<void>;
  /** Tokens read so far. */
  readonly tokens: number;
  /** In the order of the indices: matrix − less · lessᵀ is the sum of (x − mean)(x − mean)ᵀ over all tokens, and `trace` the sum of its diagonal. */
  sums(): Promise<readonly { readonly matrix: Tensor; readonly less: Tensor; readonly trace: number }[]>;
  /** Frees the sums, after the device has settled. */
  destroy(): void;
}

/** Layers with their initial values. */
export interface Begun<Module extends AdapterModule = AdapterModule> {
  readonly modules: readonly Module[];
  readonly tensors: AdapterTensors;
}

/** How a kind begins that reads rows of the run for its initial values. */
export interface RowsStart<
  Config extends AdapterConfig = AdapterConfig,
  Module extends AdapterModule = AdapterModule,
> {
  /** Whether tokens without a label are read too. */
  readsPrompts(config: Config): boolean;
  /**
   * Initial layers and values. The layers may have other ranks than the configuration says, and some may be left out. Awaits the device.
   *
   * @param modules as the configuration has them
   * @throws GraftError `train-rows` if there are too few rows, and what `report` throws
   */
  begin(
    rows: RowInputs,
    config: Config,
    modules: readonly Module[],
    context: { readonly random: Random; readonly report: (progress: StartProgress) => void },
  ): Promise<Begun<Module>>;
  /** Allocates what `begin` needs and frees it: for a device that only counts. */
  plan(rows: RowInputs, config: Config, modules: readonly Module[]): Promise<void>;
  /** The layers at their largest possible size. */
  largest(config: Config, modules: readonly Module[]): readonly Module[];
  /** A layer as a saved state has it, by the sizes of its tensors; undefined if it was left out. */
  saved(module: Module, config: Config, size: (name: string) => number | undefined): Module | undefined;
}

/** A part of a layer into which an adapter is merged. */
export interface MergedPart {
  readonly part: 'weight' | 'bias';
  /** Changed in place: [outputs, inputs] row by row, or [inputs, outputs] if `transposed`. */
  readonly values: Float32Array<ArrayBuffer>;
  readonly transposed: boolean;
}

export interface AdapterKind<
  Config extends AdapterConfig = AdapterConfig,
  Module extends AdapterModule = AdapterModule,
> {
  /** The name in settings and stored runs: `lora`. */
  readonly name: string;
  /** The name that people know. */
  readonly label: string;

  /** The configuration from settings by name. */
  config(settings: Given): Config;
  /** The settings that give this configuration. */
  settings(config: Config): Given;
  /** How the card of an adapter describes it. */
  facts(config: Config): readonly (readonly [name: string, value: string | number])[];
  /** Instructions on the card for whoever loads it, in sentences. */
  readonly note?: string;

  /** @throws GraftError `lora-config` for targets that no layer has, or an invalid number */
  check(model: ModelDefinition, config: Config): void;
  /** Whether it can be on parameters that are no modules in transformers: experts and routers. */
  readonly onParameters?: boolean;
  /** The layers that targets choose from: all linear ones if left out. */
  layers?(model: ModelDefinition, config: Config): readonly LinearModule[];
  /**
   * A layer with an adapter of this configuration.
   *
   * @param found shapes of its tensors in a file, if they decide
   */
  module(linear: LinearModule, config: Config, found?: (name: string) => readonly number[]): Module;
  /** The layer as in a file, for a kind whose layers may have fewer tensors than the configuration gives them. */
  filed?(layer: LinearModule, config: Config, has: (name: string) => boolean): LinearModule;
  /** Layers of other kinds that it brings along. */
  beside?(model: ModelDefinition, config: Config): readonly AdapterModule[];
  parameters(module: Module): readonly AdapterParameter[];
  /** Initial values by name, except those that are made from the base. */
  initial(module: Module, random: Random): readonly (readonly [name: string, Float32Array<ArrayBuffer>])[];
  /**
   * Records the initial values of parameters that are made from the base.
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
   * The same for values that the host helps to compute, for all layers at once. Awaits the device.
   *
   * @param report called with the progress; throwing ends it
   * @returns values by name
   */
  begin?(
    device: Device,
    layers: readonly { readonly module: Module; readonly weight: Tensor }[],
    context: Pick<StartContext, 'random' | 'encode'> & { readonly report: (progress: StartProgress) => void },
  ): Promise<AdapterTensors>;
  /** For a kind whose initial values depend on rows. */
  readonly fromRows?: RowsStart<Config, Module>;

  /** Tensors that follow from the base and the parameters: computed once, not for each token, while both stay unchanged. */
  constants?(module: Module): readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Records how the constants are computed into their tensors. */
  settle?(tape: Tape, module: Module, weight: Tensor, context: HookContext): void;

  /** The linear layer with its adapter. */
  linear?(tape: Tape, x: Tensor, layer: LinearLayer, module: Module, context: HookContext): Tensor;
  /** What `linear` adds, for a kind that adds a low-rank term and nothing else: layers of one input are then computed together. */
  lowRank?(module: Module, context: HookContext): LowRank;
  /** How many tokens it puts before every sequence. */
  virtualTokens?(module: Module): number;
  /** Writes the rows of its tokens into x [M, C], where ids name them: virtual tokens (`FIRST_VIRTUAL`) or new ones of the vocabulary. */
  embed?(
    tape: Tape,
    inputs: { readonly x: Tensor; readonly ids: Tensor; readonly chain?: Tensor },
    module: Module,
    context: HookContext,
  ): void;
  /** Names of the base's weights that it replaces, each with the parameter that replaces it. */
  replaces?(module: Module): readonly (readonly [weight: string, parameter: string])[];
  /** Its rows of the head. */
  headRows?(module: Module): HeadRows | undefined;
  /** Whether rows of its parameters are looked up by token id. */
  learnsRows?(module: Module): boolean;

  /** The formula of the merged weight, for people. */
  readonly formula: string;
  /** The parts of a layer that merging changes; its weight if left out. */
  mergedParts?(module: Module): readonly MergedPart['part'][];
  /** Missing if it cannot be merged: `unmergeable` then says why. */
  merge?(merged: MergedPart, module: Module, tensors: AdapterTensors): void;
  /** Why it cannot be merged into the weights of the base, in a sentence. */
  readonly unmergeable?: string;

  /** Converts the adapter to the kind that is saved, for a kind that exists only during training. */
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
  /** Fields of adapter_config.json besides the common ones; undefined for a common one that PEFT's class of this kind lacks. */
  writePeft(config: Config, modules: readonly Module[]): Readonly<Record<string, unknown>>;
  /** How the tensors of a layer contradict the configuration of their file; undefined if they do not. */
  disagreement?(module: Module, config: Config): string | undefined;
  /** The configuration at the limits of what can be trained, for the largest size of an imported adapter. */
  limited?(config: Config): Config;
}
