/**
 * Operations: what a tape records and a backend computes. An operation names its kind, its tensors by their roles, and attributes that are fixed
 * when it is recorded. The file of an operation (ops/) declares its kind, says what it computes and records its gradient; each backend has a
 * lowering of the kind, which makes kernels of it.
 */
import type { Tensor } from './tensor.ts';

/** Tensors by role; an operation may lack optional ones. */
export type Roles = Readonly<Record<string, Tensor | readonly Tensor[] | undefined>>;

/** The name of an operation, with the types of what belongs to it. */
export interface OperationKind<T extends Roles, A> {
  readonly name: string;
  /** Never set. It only carries the types of tensors and attributes. */
  readonly types?: readonly [T, A];
}

/** One recorded operation. */
export interface Operation<T extends Roles = Roles, A = unknown> {
  readonly kind: OperationKind<T, A>;
  readonly tensors: T;
  readonly attributes: A;
}

/** Declares a kind of operation. Names are unique in a backend's table of lowerings. */
export function operationKind<T extends Roles, A>(name: string): OperationKind<T, A> {
  return { name };
}
