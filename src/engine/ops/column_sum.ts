import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** y [N] += sum over the rows of x [M, N]. */
export const columnSum = operationKind<{ x: Tensor; y: Tensor }, null>('column_sum');

/** y [N] += sum over the rows of x [M, N], without a gradient of its own. */
export function columnSumInto(tape: Tape, x: Tensor, y: Tensor): void {
  tape.append(columnSum, { x, y }, null);
}
