/** How a backend turns a tape into its own commands: pure, so that the planner can do it without a device. */
import type { Operation, OperationKind, Roles } from './operation.ts';
import type { Target } from './target.ts';
import type { Storage, Tensor } from './tensor.ts';

/** What a backend runs: one kernel over some tensors. Memory is planned from it. */
export interface Command {
  /** The kernel, in messages. */
  readonly label: string;
  /** Everything that it reads or writes, scratch tensors included. */
  readonly operands: readonly Tensor[];
  /** What it writes. */
  readonly writes: readonly Storage[];
  /** Floating-point operations, roughly: decides where a plan is split into submits. */
  readonly flops: number;
  /** The most workgroups along one side, if the backend has workgroups. */
  readonly workgroups: number;
}

export interface Lowering<C extends Command = Command> {
  readonly target: Target;
  /** Bytes that an open device takes before anything is made on it; none if left out. */
  readonly deviceBytes?: number;
  /** Whether the host reads tensors in place, without a staging copy. */
  readonly readsInPlace?: boolean;
  /** The commands of these operations, in order. */
  lower(operations: readonly Operation[]): C[];
  /** Bytes that a plan takes for the parameters of its commands. */
  parameterBytes(commands: readonly C[]): number;
  /** Bytes that memory of this size really takes. */
  allocationBytes(bytes: number): number;
  /** Groups of commands, each for one submit. */
  split<D extends Command>(commands: readonly D[]): D[][];
}

/** A kind of operation and how a backend lowers it. `Out` collects the backend's commands. */
interface LoweringRow<Out> {
  readonly name: string;
  readonly lower: (out: Out, operation: Operation) => void;
}

/** A backend's way to say how it lowers a kind of operation. */
export const lowersInto =
  <Out>() =>
  <T extends Roles, A>(
    kind: OperationKind<T, A>,
    lower: (out: Out, tensors: T, attributes: A) => void,
  ): LoweringRow<Out> => ({
    name: kind.name,
    // An operation of this name was recorded with this kind, so its types are T and A.
    lower: (out, { tensors, attributes }) => lower(out, tensors as T, attributes as A),
  });

/** All kinds that a backend lowers. */
export class LoweringTable<Out> {
  readonly #rows: ReadonlyMap<string, LoweringRow<Out>>;

  /** @param backend its name, for the error when it lacks a kind */
  constructor(
    private readonly backend: string,
    rows: readonly LoweringRow<Out>[],
  ) {
    this.#rows = new Map(rows.map((row) => [row.name, row]));
  }

  /** Lowers operations in order. @returns `out` @throws Error for a kind of operation that is not in the table */
  lower<O extends Out>(operations: readonly Operation[], out: O): O {
    for (const operation of operations) {
      const row = this.#rows.get(operation.kind.name);
      if (!row) throw new Error(`${this.backend} has no lowering of ${operation.kind.name}`);
      row.lower(out, operation);
    }
    return out;
  }
}
