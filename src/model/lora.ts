/** LoRA adapters (Hu et al., 2021) with PEFT's conventions: names, targets, patterns, scaling and initialisation. */
import type { Device } from '../engine/device.ts';
import type { LowRank } from '../engine/ops/linear.ts';
import { ParameterStore, USUAL_STATE, type ParameterSpec } from '../engine/parameters.ts';
import type { Tensor } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { Random } from '../random.ts';
import type { LinearModule, ModelDefinition } from './family.ts';

export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  /** Dropout on the adapters' inputs while training. */
  readonly dropout: number;
  /** Scale by α / √r instead of α / r (rsLoRA, Kalajdzievski, 2023). */
  readonly rsLora: boolean;
  /** Last parts of the paths of the layers that get an adapter: `q_proj`, …, or longer ends of a path; ALL_LINEAR for all of them. */
  readonly targets: readonly string[];
  /** Another rank, or alpha, for the layers whose path ends with the key. */
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
}

/** A layer with an adapter. */
export interface LoraModule extends LinearModule {
  readonly rank: number;
  readonly scale: number;
}

/** Every layer that can carry an adapter, by PEFT's name for them. */
export const ALL_LINEAR = 'all-linear';

export const LARGEST_RANK = 1024;

/** Whether a path is `key` or ends with `.key`, as PEFT matches targets and patterns. */
function endsWith(path: string, key: string): boolean {
  return path === key || path.endsWith(`.${key}`);
}

function lookUp(pattern: Readonly<Record<string, number>>, path: string): number | undefined {
  const key = Object.keys(pattern).find((candidate) => endsWith(path, candidate));
  return key === undefined ? undefined : pattern[key];
}

/** Whether the layer at `path` is among the targets. */
export function isTarget({ targets }: Pick<LoraConfig, 'targets'>, path: string): boolean {
  return targets.some((target) => target === ALL_LINEAR || endsWith(path, target));
}

/** The last parts of paths, each once: what a person calls the layers of a model. */
export function lastNames(linears: readonly LinearModule[]): string[] {
  return [...new Set(linears.map(({ path }) => path.slice(path.lastIndexOf('.') + 1)))];
}

/** The rank of the adapter of the layer at `path`. */
export function loraRank(config: Pick<LoraConfig, 'rank' | 'rankPattern'>, path: string): number {
  return lookUp(config.rankPattern, path) ?? config.rank;
}

/** The multiplier of an adapter's contribution. */
export function loraScale(
  config: Pick<LoraConfig, 'alpha' | 'alphaPattern' | 'rsLora'>,
  path: string,
  rank: number,
): number {
  const alpha = lookUp(config.alphaPattern, path) ?? config.alpha;
  return alpha / (config.rsLora ? Math.sqrt(rank) : rank);
}

/**
 * Which layers get an adapter, of what rank and scale.
 *
 * @throws GraftError `lora-config` for a target or a pattern that no layer has, a rank that is no positive whole number, or dropout outside 0 … 1
 */
export function loraModules(model: ModelDefinition, config: LoraConfig): LoraModule[] {
  const wrong = (what: string, remedy: string): GraftError => new GraftError('lora-config', what, remedy);
  if (!(config.dropout >= 0 && config.dropout < 1))
    throw wrong(`LoRA dropout is ${config.dropout}.`, 'Choose 0 or more and less than 1.');
  const checkRank = (rank: number, what: string): void => {
    if (!Number.isInteger(rank) || rank < 1 || rank > LARGEST_RANK)
      throw wrong(`${what} is ${rank}.`, `Choose a whole number from 1 to ${LARGEST_RANK}.`);
  };
  // Before alpha, which is often a multiple of it.
  checkRank(config.rank, 'The LoRA rank');
  if (!(Number.isFinite(config.alpha) && config.alpha > 0))
    throw wrong(`LoRA alpha is ${config.alpha}.`, 'Choose a number above 0.');
  if (config.targets.length === 0)
    throw wrong('No target modules were chosen.', 'Choose at least one, such as q_proj.');
  for (const target of config.targets) {
    if (model.linears.some(({ path }) => isTarget({ targets: [target] }, path))) continue;
    throw wrong(
      `The model has no linear layer ${target}.`,
      `Choose among ${lastNames(model.linears).join(', ')}.`,
    );
  }
  for (const key of [...Object.keys(config.rankPattern), ...Object.keys(config.alphaPattern)]) {
    if (model.linears.some(({ path }) => isTarget(config, path) && endsWith(path, key))) continue;
    throw wrong(
      `No layer with an adapter has a path that ends with ${key}, which a pattern names.`,
      `Choose among ${lastNames(model.linears).join(', ')}, or the ends of their paths.`,
    );
  }
  return model.linears
    .filter(({ path }) => isTarget(config, path))
    .map((module) => {
      const rank = loraRank(config, module.path);
      checkRank(rank, `The rank of ${module.path}`);
      return { ...module, rank, scale: loraScale(config, module.path, rank) };
    });
}

/** Names of the two tensors of a layer's adapter, as in PEFT's adapter_model.safetensors. */
export function tensorNames(path: string): { a: string; b: string } {
  return { a: `base_model.model.${path}.lora_A.weight`, b: `base_model.model.${path}.lora_B.weight` };
}

/** Values of an adapter's tensors by PEFT name: A [rank, inputs], B [outputs, rank]. */
export type AdapterTensors = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** PEFT's start: A uniform in ±1/√inputs (Kaiming with a = √5), B zero. The same seed gives the same adapter everywhere. */
export function initialTensors(
  modules: readonly LoraModule[],
  seed: number,
): Map<string, Float32Array<ArrayBuffer>> {
  const random = new Random(seed);
  const tensors = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { path, rank, inputs, outputs } of modules) {
    const names = tensorNames(path);
    const bound = 1 / Math.sqrt(inputs);
    tensors.set(
      names.a,
      Float32Array.from({ length: rank * inputs }, () => (2 * random.float() - 1) * bound),
    );
    tensors.set(names.b, new Float32Array(outputs * rank));
  }
  return tensors;
}

export interface AdapterOptions {
  trainable: boolean;
  /** LoRA+ (Hayou et al., 2024): the learning rate of B is this many times that of A. */
  rateRatio?: number;
  /** What the optimiser keeps for each parameter: AdamW's moments if left out. */
  state?: readonly string[];
}

/** An adapter on the GPU. */
export class Adapter {
  readonly store: ParameterStore;
  readonly #modules: ReadonlyMap<string, LoraModule>;

  constructor(
    readonly device: Device,
    readonly modules: readonly LoraModule[],
    /** Left out, all of them are zero. */
    tensors: AdapterTensors | undefined,
    { trainable, rateRatio = 1, state = USUAL_STATE }: AdapterOptions,
  ) {
    const specs = modules.flatMap(({ path, rank, inputs, outputs }): ParameterSpec[] => {
      const names = tensorNames(path);
      return [
        { name: names.a, shape: [padded(rank), inputs] },
        { name: names.b, shape: [outputs, padded(rank)], rateScale: rateRatio },
      ];
    });
    this.store = new ParameterStore(device, specs, trainable && { state });
    this.#modules = new Map(modules.map((module) => [module.path, module]));
    if (tensors) this.write(tensors);
  }

  get bytes(): number {
    return this.store.bytes;
  }

  /** Elements of each tensor by PEFT name, without padding. */
  get sizes(): Map<string, number> {
    return new Map(
      this.modules.flatMap(({ path, rank, inputs, outputs }) => {
        const names = tensorNames(path);
        return [[names.a, rank * inputs] as const, [names.b, outputs * rank] as const];
      }),
    );
  }

  /** The adapter's part of the linear layer at `path`. */
  lowRank(path: string, dropout?: { probability: number; seed: Tensor }): LowRank | undefined {
    const module = this.#modules.get(path);
    if (!module) return undefined;
    const names = tensorNames(path);
    const salt = this.modules.indexOf(module);
    return {
      a: this.store.get(names.a),
      b: this.store.get(names.b),
      scale: module.scale,
      dropout: dropout && { ...dropout, salt },
    };
  }

  /** Replaces the values of all tensors, or of their optimiser state. */
  write(tensors: AdapterTensors, plane?: string): void {
    for (const { path, rank, inputs, outputs } of this.modules) {
      const names = tensorNames(path);
      const a = tensors.get(names.a);
      const b = tensors.get(names.b);
      if (a?.length !== rank * inputs || b?.length !== outputs * rank)
        throw new Error(`No tensors of the right size for ${path}`);
      const paddedA = new Float32Array(padded(rank) * inputs);
      paddedA.set(a);
      this.store.write(names.a, paddedA, plane);
      this.store.write(names.b, repitch(b, outputs, rank, padded(rank)), plane);
    }
  }

  /** Values, gradients or optimiser state by PEFT name, without padding. Awaits the GPU. */
  async read(plane?: string): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const stored = await this.store.read(plane);
    const tensors = new Map<string, Float32Array<ArrayBuffer>>();
    for (const { path, rank, inputs, outputs } of this.modules) {
      const names = tensorNames(path);
      tensors.set(names.a, stored.get(names.a)!.slice(0, rank * inputs));
      tensors.set(names.b, repitch(stored.get(names.b)!, outputs, padded(rank), rank));
    }
    return tensors;
  }

  destroy(): void {
    this.store.destroy();
  }
}

/** Ranks are stored as multiples of four, for vector loads. The rows added are zero and stay so: their gradients are zero. */
function padded(rank: number): number {
  return Math.ceil(rank / 4) * 4;
}

function repitch(values: Float32Array, rows: number, from: number, to: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++)
    out.set(values.subarray(row * from, row * from + Math.min(from, to)), row * to);
  return out;
}
