/**
 * The tape: a model's forward is written once, in plain calls. Each call records operations and knows its own backward; `backward` records the
 * backward of everything. Nothing runs here: a device compiles a tape to a plan (plan.ts), and the plan is replayed.
 */
import { addInto, copy } from './ops/add.ts';
import type { Operation, OperationKind, Roles } from './operation.ts';
import type { Target } from './target.ts';
import { byteLength, Storage, Tensor, type DType } from './tensor.ts';

interface Entry {
  outputs: readonly Tensor[];
  backward: () => void;
}

/** Writes (`accumulate` false) or adds (`accumulate` true) a contribution to a gradient into `target`. */
export type GradientWriter = (target: Tensor, accumulate: boolean) => unknown;

/** The smallest alignment of what kernels bind: `Tensor.offset`. */
const PLANE_ALIGNMENT = 256;

export class Tape {
  readonly operations: Operation[] = [];
  #entries: Entry[] = [];
  readonly #gradients = new Map<Tensor, Tensor>();
  /** Gradients of scalars that are known while the tape is recorded. */
  readonly #factors = new Map<Tensor, number>();
  /** The tensors that still need the gradient at a place of a storage: if there are several, it may not be written to. */
  readonly #holders = new Map<Storage, Map<number, Set<Tensor>>>();
  /** Where gradients go that nothing has written yet. */
  readonly #places = new Map<Tensor, Tensor>();

  /**
   * @param target what the plan will run on
   * @param training whether backward will be recorded; without it nothing is kept for it
   */
  constructor(
    readonly target: Target,
    readonly training = false,
  ) {}

  /** A new tensor of this shape, whose memory is planned by liveness. */
  tensor(shape: readonly number[], dtype: DType, label: string): Tensor {
    return new Tensor(new Storage('transient', byteLength(shape, dtype), label), shape, dtype);
  }

  /**
   * New tensors of one type that lie one after the other in one storage, so that one binding of a kernel reaches all; on a device that cannot bind so
   * much, each in its own.
   *
   * @param labels of the tensors, for messages
   */
  planes(shapes: readonly (readonly number[])[], dtype: DType, labels: readonly string[]): Tensor[] {
    const starts: number[] = [];
    let end = 0;
    for (const shape of shapes) {
      starts.push(Math.ceil(end / PLANE_ALIGNMENT) * PLANE_ALIGNMENT);
      end = starts[starts.length - 1] + byteLength(shape, dtype);
    }
    const { maxStorageBufferBindingSize, maxBufferSize } = this.target.limits;
    if (shapes.length < 2 || end > Math.min(maxStorageBufferBindingSize, maxBufferSize))
      return shapes.map((shape, i) => this.tensor(shape, dtype, labels[i]));
    const storage = new Storage('transient', end, `${labels[0]} and ${labels.length - 1} more`);
    return shapes.map((shape, i) => new Tensor(storage, shape, dtype, starts[i]));
  }

  /** Says where the gradient of a tensor goes, unless it is passed one that exists: a tensor of the same shape and type. */
  placeGradient(tensor: Tensor, place: Tensor): void {
    this.#places.set(tensor, place);
  }

  /** A new tensor of this shape, which the host writes before a replay or reads after it. */
  pinned(shape: readonly number[], dtype: DType, label: string): Tensor {
    return new Tensor(new Storage('pinned', byteLength(shape, dtype), label), shape, dtype);
  }

  /** Records one operation. */
  append<T extends Roles, A>(kind: OperationKind<T, A>, tensors: T, attributes: A): Operation<T, A> {
    const operation: Operation<T, A> = { kind, tensors, attributes };
    this.operations.push(operation as Operation);
    return operation;
  }

  /**
   * Declares how `outputs` were made. `backward` runs when the backward is recorded, and only if a gradient of an output exists.
   * It reads `gradient(output)` and calls `addGradient` or `passGradient` for each input. Tensors have any shape.
   */
  record(outputs: readonly Tensor[], inputs: readonly (Tensor | undefined)[], backward: () => void): void {
    if (!this.training || !inputs.some((input) => input?.requiresGrad)) return;
    for (const output of outputs) output.requiresGrad = true;
    this.#entries.push({ outputs, backward });
  }

  /**
   * Records the backward of everything that led to `loss`.
   *
   * @param loss a scalar: f32 [1], or the statistics of a step, of which the first slot is the loss
   * @param seed the gradient of `loss`: 1 for the loss that is minimised
   * @throws Error what the backward of an operation throws, such as for a missing index
   */
  backward(loss: Tensor, seed = 1): void {
    this.#factors.set(loss, seed);
    const entries = this.#entries;
    this.#entries = [];
    this.#reverse(entries);
    this.#gradients.clear();
    this.#factors.clear();
    this.#holders.clear();
    this.#places.clear();
  }

  /**
   * x again, in the same place and shape: on the way back, `visit` gets its whole gradient before x does. Everything from there on gets gradients, whether or
   * not anything before it is trained.
   */
  observe(x: Tensor, visit: (gradient: Tensor) => void): Tensor {
    const seen = new Tensor(x.storage, x.shape, x.dtype, x.offset, x.pitch);
    if (!this.training) return seen;
    seen.requiresGrad = true;
    const backward = (): void => {
      const gradient = this.gradient(seen);
      visit(gradient);
      this.passGradient(x, gradient);
    };
    this.#entries.push({ outputs: [seen], backward });
    return seen;
  }

  /** Whether some of the gradient of a tensor is recorded. */
  hasGradient(tensor: Tensor): boolean {
    return this.#gradients.has(tensor);
  }

  /** The gradient of a tensor as far as it is recorded, in its shape. @throws Error if none is recorded yet */
  gradient(tensor: Tensor): Tensor {
    const gradient = this.#gradients.get(tensor);
    if (!gradient) throw new Error(`${tensor.label} has no gradient yet`);
    return gradient;
  }

  /** The gradient of a scalar if it is a known number; undefined if the plan computes it. */
  factor(tensor: Tensor): number | undefined {
    return this.#gradients.has(tensor) ? undefined : this.#factors.get(tensor);
  }

  /**
   * Adds a known number to the gradient of a scalar, as a sum of losses does.
   *
   * @throws Error if the scalar already has a gradient that is computed
   */
  passFactor(tensor: Tensor, factor: number): void {
    if (!tensor.requiresGrad) return;
    if (this.#gradients.has(tensor)) throw new Error(`${tensor.label} has a computed gradient already`);
    this.#factors.set(tensor, (this.#factors.get(tensor) ?? 0) + factor);
  }

  /**
   * Adds a contribution to the gradient of `tensor`, computed by `write` into the right place: a tensor of the same shape, in the same type unless
   * it is the gradient of a parameter.
   */
  addGradient(tensor: Tensor, write: GradientWriter): void {
    if (!tensor.requiresGrad) return;
    if (tensor.gradient) {
      write(tensor.gradient, true);
      return;
    }
    let gradient = this.#gradients.get(tensor);
    if (!gradient) {
      gradient = this.#places.get(tensor) ?? this.tensor(tensor.shape, tensor.dtype, `d ${tensor.label}`);
      this.#hold(tensor, gradient);
      write(gradient, false);
      return;
    }
    if (this.#holdersOf(gradient).size > 1) {
      const own = this.tensor(tensor.shape, tensor.dtype, `d ${tensor.label}`);
      copy(this, gradient, own);
      this.#release(tensor);
      this.#hold(tensor, own);
      gradient = own;
    }
    write(gradient, true);
  }

  /** Gives `tensor` the gradient `gradient` itself, without a copy if nothing else has contributed. Shapes may differ. @throws Error if sizes do */
  passGradient(tensor: Tensor, gradient: Tensor): void {
    if (!tensor.requiresGrad) return;
    if (tensor.gradient || this.#gradients.has(tensor)) {
      this.addGradient(tensor, (target) => addInto(this, gradient, target));
    } else {
      this.#hold(tensor, gradient.shape === tensor.shape ? gradient : gradient.reshape(...tensor.shape));
    }
  }

  /**
   * Runs `forward` so that only what it captured and its output are kept: the backward records the forward again first. Commands of the second
   * recording whose results are never read are dropped when the plan is compiled. `forward` must be a pure function of its captured tensors
   * (Chen and others, 2016, "Training Deep Nets with Sublinear Memory Cost").
   *
   * @returns the tensor that `forward` returns, in its shape
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
      if (!entry.outputs.some((output) => this.#gradients.has(output) || this.#factors.has(output))) continue;
      entry.backward();
      for (const output of entry.outputs) this.#release(output);
    }
  }

  #holdersOf({ storage, offset }: Tensor): Set<Tensor> {
    let places = this.#holders.get(storage);
    if (!places) this.#holders.set(storage, (places = new Map()));
    let holders = places.get(offset);
    if (!holders) places.set(offset, (holders = new Set()));
    return holders;
  }

  #hold(tensor: Tensor, gradient: Tensor): void {
    this.#gradients.set(tensor, gradient);
    this.#holdersOf(gradient).add(tensor);
  }

  #release(tensor: Tensor): void {
    this.#factors.delete(tensor);
    const gradient = this.#gradients.get(tensor);
    if (!gradient) return;
    this.#holdersOf(gradient).delete(tensor);
    this.#gradients.delete(tensor);
  }
}
