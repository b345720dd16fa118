import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** y = a + b. */
export const addKind = operationKind<{ a: Tensor; b: Tensor; y: Tensor }, null>('add');
/** y += a. */
export const addIntoKind = operationKind<{ a: Tensor; y: Tensor }, null>('add.into');
/** y = a, converted to the type of y. */
export const copyKind = operationKind<{ a: Tensor; y: Tensor }, null>('copy');

/** y = a + b, of equal shapes: a residual connection. y has the shape and type of a. @throws Error if the sizes differ */
export function add(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const y = tape.tensor(a.shape, a.dtype, `${a.label} + ${b.label}`);
  checkSizes(y, a, b);
  tape.append(addKind, { a, b, y }, null);
  tape.record([y], [a, b], () => {
    const dy = tape.gradient(y);
    tape.passGradient(a, dy);
    tape.passGradient(b, dy);
  });
  return y;
}

/** target += a, of equal shapes, without a gradient of its own. @throws Error if the sizes differ */
export function addInto(tape: Tape, a: Tensor, target: Tensor): void {
  checkSizes(target, a);
  tape.append(addIntoKind, { a, y: target }, null);
}

/** target = a, of equal shapes, converted to the target's type, without a gradient of its own. @throws Error if the sizes differ */
export function copy(tape: Tape, a: Tensor, target: Tensor): void {
  checkSizes(target, a);
  tape.append(copyKind, { a, y: target }, null);
}

function checkSizes(y: Tensor, ...others: Tensor[]): void {
  if (others.some(({ size }) => size !== y.size)) throw new Error(`${y.label}: sizes differ`);
}
