import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** y [M] = the length of each row of x [M, C], both f32. */
export const rowNormKind = operationKind<{ x: Tensor; y: Tensor }, null>('row_norm');

/** y [M] = the length of each row of x [M, C], both f32, without a gradient of its own. @throws Error unless y has M elements */
export function rowNormInto(tape: Tape, x: Tensor, y: Tensor): void {
  if (y.size !== x.rows) throw new Error(`${y.label}: sizes differ`);
  tape.append(rowNormKind, { x, y }, null);
}
