/** How a backend turns a tape into its own commands: pure, so that the planner can do it without a device. */
import type { Operation } from './operation.ts';
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
  /** The most workgroups along one side, where the backend has workgroups. */
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
  parameterBytes(commands: number): number;
  /** Bytes that memory of this size really takes. */
  allocationBytes(bytes: number): number;
  /** Groups of commands, each for one submit. */
  split<D extends Command>(commands: readonly D[]): D[][];
}
