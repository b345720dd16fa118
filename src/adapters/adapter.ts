/** An adapter on a device: its parameters, and what it does to the layers of a model. */
import type { Device } from '../engine/device.ts';
import { overlaidRows } from '../engine/ops/overlaid_rows.ts';
import { ParameterStore, USUAL_STATE, type StatePlanes } from '../engine/parameters.ts';
import { Tape } from '../engine/tape.ts';
import { sizeOf, type Tensor } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import type { AdapterDropout, LinearHook } from '../model/graph.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { Random } from '../random.ts';
import type {
  AdapterKind,
  AdapterModule,
  AdapterParameter,
  AdapterTensors,
  Encode,
  HeadRows,
  HookContext,
  StartContext,
  StartProgress,
} from './kind.ts';
import { kindOf } from './registry.ts';
import { RowIds } from './row-ids.ts';

export interface AdapterOptions {
  trainable: boolean;
  /** LoRA+ (Hayou et al., 2024): the learning rate of B is this many times that of A. */
  rateRatio?: number;
  /** What the optimiser keeps for each parameter: AdamW's moments if left out. */
  state?: StatePlanes;
}

/** What an adapter's initial values may depend on. */
export interface StartOptions {
  /** The seed of the run. */
  readonly seed?: number;
  /** Ids of a text by the tokenizer of the base. */
  readonly encode?: Encode;
  /** Reports progress if the start takes long. Throwing ends the start. */
  readonly report?: (progress: StartProgress) => void;
}

function noTokenizer(): never {
  throw new GraftError(
    'train-option',
    'The virtual tokens should start as a text, but the model has no tokenizer here.',
    'Leave the text out, or choose a complete model folder.',
  );
}

interface Layer {
  readonly module: AdapterModule;
  readonly kind: AdapterKind;
  readonly parameters: readonly AdapterParameter[];
}

/** An adapter on a device: its parameters, and what it does in each layer of the base. It implements `AdapterHooks`. */
export class Adapter {
  readonly store: ParameterStore;
  readonly #layers: ReadonlyMap<string, Layer>;
  /** Tensors that replace weights of the base, by the names of those weights. */
  readonly #replaced: ReadonlyMap<string, string>;
  /** The layers that put tokens before every sequence. */
  readonly #embedding: readonly Layer[];
  /** The adapter's rows of the head. */
  readonly #head: HeadRows | undefined;
  /** Parameters that stay as they began. */
  readonly #fixed: ParameterStore | undefined;
  /** Layers with parameters that still have to be made from the base. */
  #unstarted = new Set<Layer>();
  readonly #rowIds: RowIds;
  /** Tensors computed once from values that do not change. */
  #constants: ParameterStore | undefined;

  /** @throws Error for a module of an unknown kind, and as `write` for `tensors`; GraftError as `Device.upload` */
  constructor(
    readonly device: Device,
    readonly modules: readonly AdapterModule[],
    /** If left out, all values are zero. */
    tensors: AdapterTensors | undefined,
    { trainable, rateRatio = 1, state = USUAL_STATE }: AdapterOptions,
  ) {
    this.#rowIds = new RowIds(device, modules);
    this.#layers = new Map(
      modules.map((module) => {
        const kind = kindOf(module);
        return [module.path, { module, kind, parameters: kind.parameters(module) }];
      }),
    );
    this.#replaced = new Map(
      [...this.#layers.values()].flatMap(({ kind, module }) => [...(kind.replaces?.(module) ?? [])]),
    );
    const layers = [...this.#layers.values()];
    this.#embedding = layers.filter(({ kind }) => kind.embed);
    this.#head = layers.flatMap(({ kind, module }) => kind.headRows?.(module) ?? [])[0];
    const [fixed, learned] = [true, false].map((isFixed) =>
      this.#parameters
        .filter((parameter) => (parameter.fixed ?? false) === isFixed)
        .map(({ name, shape, padded = shape, faster, table }) => ({
          ...{ name, shape: padded, used: shape },
          ...(faster && { rateScale: rateRatio }),
          ...(table && { table }),
        })),
    );
    if (fixed.length > 0) this.#fixed = new ParameterStore(device, fixed, false);
    this.store = new ParameterStore(device, learned, trainable && { state }, true);
    if (tensors) this.write(tensors);
  }

  /**
   * For an adapter that only answers: computes once, not for each token, what depends on the base and the adapter's values. Awaits the device if
   * there is anything to compute.
   */
  static async frozen(
    model: LanguageModel,
    modules: readonly AdapterModule[],
    tensors: AdapterTensors | undefined,
  ): Promise<Adapter> {
    const adapter = new Adapter(model.device, modules, tensors, { trainable: false });
    await adapter.#settle(model);
    return adapter;
  }

  get bytes(): number {
    return this.store.bytes + this.fixedBytes + (this.#constants?.bytes ?? 0);
  }

  /** Bytes of the frozen parameters. */
  get fixedBytes(): number {
    return this.#fixed?.bytes ?? 0;
  }

  /** Elements of each tensor by PEFT name, without padding. */
  get sizes(): Map<string, number> {
    return new Map(this.#parameters.map(({ name, shape }) => [name, sizeOf(shape)]));
  }

  /** The same for trainable tensors, for each of which the optimiser keeps state. */
  get learnedSizes(): Map<string, number> {
    const learned = this.#parameters.filter(({ fixed }) => !fixed);
    return new Map(learned.map(({ name, shape }) => [name, sizeOf(shape)]));
  }

  /** What the adapter does in the linear layer at `path`; undefined if it does nothing. */
  linear(path: string, dropout?: AdapterDropout): LinearHook | undefined {
    const layer = this.#layers.get(path);
    if (!layer) return undefined;
    const { kind, module } = layer;
    if (!kind.linear) return undefined;
    const salt = this.modules.indexOf(module);
    const context = this.#context(dropout && { ...dropout, salt });
    const hook: LinearHook = (tape, x, layer) => kind.linear!(tape, x, layer, module, context);
    return kind.lowRank ? Object.assign(hook, { lowRank: kind.lowRank(module, context) }) : hook;
  }

  /** The f32 tensor that replaces a weight of the base, in that weight's shape; undefined if none does. */
  weight(name: string): Tensor | undefined {
    const own = this.#replaced.get(name);
    return own === undefined ? undefined : this.store.get(own);
  }

  get virtualTokens(): number {
    return this.#embedding.reduce((sum, { kind, module }) => sum + (kind.virtualTokens?.(module) ?? 0), 0);
  }

  get vocabulary(): number {
    return this.#head ? this.#head.first + this.#head.count : 0;
  }

  /** The head [V, C] with the rows of new tokens, as `overlaidRows` makes it: [max(V, vocabulary), C]. Without new tokens `weight` itself. */
  head(tape: Tape, weight: Tensor): Tensor {
    if (!this.#head) return weight;
    const { first, parameter } = this.#head;
    const overlay = { table: this.store.get(parameter), first };
    return overlaidRows(
      tape,
      weight,
      overlay,
      this.#rowIds.ofHead(first, Math.max(weight.rows, this.vocabulary)),
    );
  }

  /** Whether it trains rows that are looked up by id: the backward pass then needs the occurrences of each id. */
  get embeds(): boolean {
    return [...this.#layers.values()].some(({ kind, module }) => kind.learnsRows?.(module));
  }

  /**
   * Overwrites the rows of x [M, C] that are virtual or new tokens.
   *
   * @param ids u32 [M]
   * @param chain u32 [M, 2] from `linkOccurrences`; needed if such rows are trained
   */
  embed(tape: Tape, x: Tensor, ids: Tensor, chain?: Tensor): void {
    for (const { kind, module } of this.#embedding)
      kind.embed!(tape, { x, ids, chain }, module, this.#context());
  }

  /** Gives the parameters their initial values that depend on the base model and were not written. Awaits the device if there are any. */
  async start(
    model: LanguageModel,
    { seed = 0, encode = noTokenizer, report = () => undefined }: StartOptions = {},
  ): Promise<void> {
    if (this.#unstarted.size === 0) return;
    const uploaded: Tensor[] = [];
    const context: StartContext = {
      ...this.#context(),
      random: new Random(seed),
      encode,
      upload: (values) => {
        const tensor = this.device.upload([values.length], 'u32', 'start', values);
        uploaded.push(tensor);
        return tensor;
      },
    };
    const others = (name: string): Tensor => model.weights.find(name)!;
    const unstarted = [...this.#unstarted];
    const recorded = unstarted.filter(({ kind }) => kind.start);
    if (recorded.length > 0)
      await this.#run(model, recorded, ({ kind, module }, tape, weight) =>
        kind.start?.(tape, module, weight, context, others),
      );
    for (const tensor of uploaded) this.device.free(tensor);
    for (const kind of new Set(unstarted.map((layer) => layer.kind))) {
      if (!kind.begin) continue;
      const layers = unstarted
        .filter((layer) => layer.kind === kind)
        .map(({ module }) => ({ module, weight: others(model.weightOf(module)) }));
      const values = await kind.begin(this.device, layers, { ...context, report });
      for (const { name, ...shape } of this.#parameters) {
        const own = values.get(name);
        if (own) this.#storeOf(shape).write(name, onDevice(own, shape));
      }
    }
    this.#unstarted.clear();
  }

  async #settle(model: LanguageModel): Promise<void> {
    const layers = [...this.#layers.values()].filter(({ kind }) => kind.constants);
    if (layers.length === 0) return;
    const specs = layers.flatMap(({ kind, module }) => kind.constants!(module));
    this.#constants = new ParameterStore(this.device, specs, false);
    await this.#run(model, layers, ({ kind, module }, tape, weight) =>
      kind.settle?.(tape, module, weight, this.#context()),
    );
  }

  /** Records something for each layer from the base's weight, and runs it once. */
  async #run(
    model: LanguageModel,
    layers: readonly Layer[],
    record: (layer: Layer, tape: Tape, weight: Tensor) => void,
  ): Promise<void> {
    const tape = new Tape(this.device);
    for (const layer of layers) record(layer, tape, model.weights.find(model.weightOf(layer.module))!);
    const plan = await this.device.compile(tape, model.pool);
    plan.run();
    await this.device.settle();
    plan.destroy();
  }

  /**
   * Replaces the values of all tensors, or of their optimiser state.
   *
   * @param tensors by PEFT name, without padding; tensors that start from the base may be missing, and `start` makes them
   * @throws Error for a missing tensor or one of another size, and for an adapter of `frozen` that has computed constants
   */
  write(tensors: AdapterTensors, plane?: string): void {
    if (this.#constants) throw new Error('A frozen adapter is not written to');
    if (plane === undefined) this.#unstarted.clear();
    for (const layer of this.#layers.values()) {
      for (const parameter of layer.parameters) {
        const { name, shape, fromBase, fixed } = parameter;
        if (plane !== undefined && (fixed || !this.store.keeps(name, plane))) continue;
        const values = tensors.get(name);
        if (!values && fromBase && plane === undefined) {
          this.#unstarted.add(layer);
          continue;
        }
        if (values?.length !== sizeOf(shape))
          throw new Error(`No tensor of the right size for ${name}: ${values?.length}`);
        this.#storeOf({ fixed }).write(name, onDevice(values, parameter), plane);
      }
    }
  }

  /** Values, gradients or optimiser state by PEFT name, without padding. Awaits the GPU. */
  async read(plane?: string): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const stored = new Map(await this.store.read(plane));
    if (this.#fixed && plane === undefined)
      for (const [name, values] of await this.#fixed.read()) stored.set(name, values);
    return new Map(
      this.#parameters.flatMap(({ name, shape, padded = shape, order }) => {
        const values = stored.get(name);
        if (!values) return [];
        return [[name, order ? order.toFile(values) : repitch(values, padded, shape)] as const];
      }),
    );
  }

  /** Frees everything, after the device has settled. */
  destroy(): void {
    this.store.destroy();
    this.#fixed?.destroy();
    this.#constants?.destroy();
    this.#rowIds.destroy();
  }

  get #parameters(): AdapterParameter[] {
    return [...this.#layers.values()].flatMap(({ parameters }) => parameters);
  }

  #storeOf({ fixed }: Pick<AdapterParameter, 'fixed'>): ParameterStore {
    return fixed ? this.#fixed! : this.store;
  }

  #context(dropout?: HookContext['dropout']): HookContext {
    return {
      get: (name) => this.#fixed?.find(name) ?? this.store.get(name),
      rowIds: (first, count) => this.#rowIds.range(first, count),
      constant: (name) => this.#constants?.find(name),
      dropout,
    };
  }
}

/** The values of a file as the device holds them. */
function onDevice(
  values: Float32Array<ArrayBuffer>,
  { shape, padded = shape, order }: Omit<AdapterParameter, 'name'>,
): Float32Array<ArrayBuffer> {
  return order ? order.toDevice(values) : repitch(values, shape, padded);
}

/** Resizes a matrix or a vector: cut elements must be zero, added ones are zero. */
function repitch(
  values: Float32Array<ArrayBuffer>,
  from: readonly number[],
  to: readonly number[],
): Float32Array<ArrayBuffer> {
  if (sizeOf(from) === sizeOf(to)) return values;
  const [fromColumns, toColumns] = [from[from.length - 1], to[to.length - 1]];
  const rows = Math.min(sizeOf(from) / fromColumns, sizeOf(to) / toColumns);
  const columns = Math.min(fromColumns, toColumns);
  const out = new Float32Array(sizeOf(to));
  for (let row = 0; row < rows; row++)
    out.set(values.subarray(row * fromColumns, row * fromColumns + columns), row * toColumns);
  return out;
}
