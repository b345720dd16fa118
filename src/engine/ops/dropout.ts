import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

export interface Dropout {
  /** Chance of an element to be dropped: 0 ≤ p < 1. */
  probability: number;
  /** u32 [1], external; it changes with each micro-batch. */
  seed: Tensor;
  /** Differs between places of the model that drop under the same seed. */
  salt: number;
}

/** y (+)= x with each element zero by `probability`, the others divided by what is left. Counter-based: `seed`, `salt` and the place decide. */
export const dropoutKind = operationKind<
  { x: Tensor; seed: Tensor; y: Tensor },
  { probability: number; salt: number; accumulate: boolean }
>('dropout');

/**
 * y (+)= dropout(x), x and y of equal shapes (Srivastava and others, 2014; scaled while training). It has no gradient of its own: the gradient of
 * dropout is the same call on dy.
 */
export function dropoutInto(
  tape: Tape,
  x: Tensor,
  y: Tensor,
  { probability, seed, salt }: Dropout,
  accumulate = false,
): void {
  tape.append(dropoutKind, { x, seed, y }, { probability, salt, accumulate });
}
