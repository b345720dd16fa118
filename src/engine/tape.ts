/**
 * The tape: a model's forward is written once, in plain calls. Each call records dispatches and knows its own backward;
 * `backward` records the reverse. Nothing runs here: a tape is compiled to a plan (plan.ts), and the plan is replayed.
 */
import { addInto, copy } from './ops/add.ts';
import type { ElementType, Shader } from './shader.ts';
import { byteLength, Storage, Tensor, type DType } from './tensor.ts';
import { MOST_WORKGROUPS, type Target } from './target.ts';

export interface Dispatch {
  readonly shader: Shader;
  readonly entry: string;
  readonly types: Readonly<Record<string, ElementType>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly subgroups: boolean;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly params: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
  /** Floating-point operations, roughly: decides where a plan is split into submits. */
  readonly flops: number;
}

export interface DispatchRequest {
  shader: Shader;
  /** Entry point; `main` if left out. */
  entry?: string;
  /** What the shader's type aliases stand for. */
  types?: Record<string, ElementType>;
  /** Values of the shader's `override` constants. */
  constants?: Record<string, number>;
  /** Whether this variant needs `enable subgroups`. */
  subgroups?: boolean;
  /** Tensors by the name of the binding; `undefined` leaves a binding out that this entry point does not use. */
  tensors: Record<string, Tensor | undefined>;
  /** Every field of the shader's `struct Params`. */
  params?: Record<string, number>;
  /** Workgroups; one number is folded over x and y, with the shader reading `x + y · num_workgroups.x`. */
  workgroups: number | [number, number, number];
  flops?: number;
}

interface Entry {
  outputs: readonly Tensor[];
  backward: () => void;
}

/** Writes (`accumulate` false) or adds (`accumulate` true) a contribution to a gradient into `target`. */
export type GradientWriter = (target: Tensor, accumulate: boolean) => unknown;

export class Tape {
  readonly dispatches: Dispatch[] = [];
  #entries: Entry[] = [];
  readonly #gradients = new Map<Tensor, Tensor>();
  /** Which tensors still need the gradient that lies in a storage: more than one, and nobody may write into it. */
  readonly #holders = new Map<Storage, Set<Tensor>>();

  /**
   * @param target what the plan will run on: features, limits, tuning
   * @param training whether backward will be recorded; without it nothing is kept for it
   */
  constructor(
    readonly target: Target,
    readonly training = false,
  ) {}

  /** A tensor whose memory is planned by liveness. */
  tensor(shape: readonly number[], dtype: DType, label: string): Tensor {
    return new Tensor(new Storage('transient', byteLength(shape, dtype), label), shape, dtype);
  }

  /** A tensor that the host writes before a replay or reads after it. */
  pinned(shape: readonly number[], dtype: DType, label: string): Tensor {
    return new Tensor(new Storage('pinned', byteLength(shape, dtype), label), shape, dtype);
  }

  /** Records one dispatch. */
  dispatch(request: DispatchRequest): void {
    const { shader, workgroups } = request;
    const tensors = new Map<string, Tensor>();
    for (const [name, tensor] of Object.entries(request.tensors)) {
      if (!tensor) continue;
      if (!shader.bindings.some((binding) => binding.name === name)) {
        throw new Error(`${shader.name}.wgsl has no binding named ${name}`);
      }
      tensors.set(name, tensor);
    }
    const params = request.params ?? {};
    for (const field of shader.params) {
      if (params[field.name] === undefined)
        throw new Error(`${shader.name}.wgsl: parameter ${field.name} is missing`);
    }
    for (const name of Object.keys(params)) {
      if (!shader.params.some((field) => field.name === name)) {
        throw new Error(`${shader.name}.wgsl has no parameter named ${name}`);
      }
    }
    this.dispatches.push({
      shader,
      entry: request.entry ?? 'main',
      types: request.types ?? {},
      constants: request.constants ?? {},
      subgroups: request.subgroups ?? false,
      tensors,
      params,
      workgroups: typeof workgroups === 'number' ? foldWorkgroups(workgroups) : workgroups,
      flops: request.flops ?? 0,
    });
  }

  /**
   * Declares how `outputs` were made. `backward` runs when the reverse is recorded, and only if a gradient of an output exists.
   * It reads `gradient(output)` and calls `addGradient` or `passGradient` for each input.
   */
  record(outputs: readonly Tensor[], inputs: readonly (Tensor | undefined)[], backward: () => void): void {
    if (!this.training || !inputs.some((input) => input?.requiresGrad)) return;
    for (const output of outputs) output.requiresGrad = true;
    this.#entries.push({ outputs, backward });
  }

  /** Records the reverse of everything that led to `loss`, an output whose own backward needs no gradient. */
  backward(loss: Tensor): void {
    this.#gradients.set(loss, loss);
    const entries = this.#entries;
    this.#entries = [];
    this.#reverse(entries);
    this.#gradients.clear();
    this.#holders.clear();
  }

  /** The gradient of a tensor as far as it is recorded. */
  gradient(tensor: Tensor): Tensor {
    const gradient = this.#gradients.get(tensor);
    if (!gradient) throw new Error(`${tensor.label} has no gradient yet`);
    return gradient;
  }

  /** Adds a contribution to the gradient of `tensor`, computed by `write` into the right place. */
  addGradient(tensor: Tensor, write: GradientWriter): void {
    if (!tensor.requiresGrad) return;
    if (tensor.gradient) {
      write(tensor.gradient, true);
      return;
    }
    let gradient = this.#gradients.get(tensor);
    if (!gradient) {
      gradient = this.tensor(tensor.shape, tensor.dtype, `d ${tensor.label}`);
      this.#hold(tensor, gradient);
      write(gradient, false);
      return;
    }
    if ((this.#holders.get(gradient.storage)?.size ?? 0) > 1) {
      const own = this.tensor(tensor.shape, tensor.dtype, `d ${tensor.label}`);
      copy(this, gradient, own);
      this.#release(tensor);
      this.#hold(tensor, own);
      gradient = own;
    }
    write(gradient, true);
  }

  /** Gives `tensor` the gradient `gradient` itself, without a copy where nobody else has contributed. */
  passGradient(tensor: Tensor, gradient: Tensor): void {
    if (!tensor.requiresGrad) return;
    if (tensor.gradient || this.#gradients.has(tensor)) {
      this.addGradient(tensor, (target) => addInto(this, gradient, target));
    } else {
      this.#hold(tensor, gradient.shape === tensor.shape ? gradient : gradient.reshape(...tensor.shape));
    }
  }

  /**
   * Runs `forward` so that only what it captured and its output are kept: the reverse records the forward again first. What the second
   * recording makes and nobody reads is dropped when the plan is compiled. `forward` must be a pure function of its captured tensors.
   */
  checkpoint(forward: () => Tensor): Tensor {
    if (!this.training) return forward();
    const outer = this.#entries;
    this.#entries = [];
    const output = forward();
    const differentiable = this.#entries.length > 0;
    this.#entries = outer;
    if (!differentiable) return output;
    output.requiresGrad = true;
    this.#entries.push({
      outputs: [output],
      backward: () => {
        const rest = this.#entries;
        this.#entries = [];
        const again = forward();
        const inner = this.#entries;
        this.#entries = rest;
        this.passGradient(again, this.gradient(output));
        this.#release(output);
        this.#reverse(inner);
      },
    });
    return output;
  }

  #reverse(entries: Entry[]): void {
    for (const entry of entries.reverse()) {
      if (!entry.outputs.some((output) => this.#gradients.has(output))) continue;
      entry.backward();
      for (const output of entry.outputs) this.#release(output);
    }
  }

  #hold(tensor: Tensor, gradient: Tensor): void {
    this.#gradients.set(tensor, gradient);
    let holders = this.#holders.get(gradient.storage);
    if (!holders) this.#holders.set(gradient.storage, (holders = new Set()));
    holders.add(tensor);
  }

  #release(tensor: Tensor): void {
    const gradient = this.#gradients.get(tensor);
    if (!gradient) return;
    this.#holders.get(gradient.storage)?.delete(tensor);
    this.#gradients.delete(tensor);
  }
}

function foldWorkgroups(count: number): [number, number, number] {
  if (count <= MOST_WORKGROUPS) return [count, 1, 1];
  const y = Math.ceil(count / MOST_WORKGROUPS);
  return [Math.ceil(count / y), y, 1];
}
