import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** part = columns `start …` of whole. */
export const takeColumns = operationKind<{ whole: Tensor; part: Tensor }, { start: number }>('take_columns');
/** Columns `start …` of whole (+)= part. */
export const putColumns = operationKind<
  { part: Tensor; whole: Tensor },
  { start: number; accumulate: boolean }
>('put_columns');

/**
 * x [M, C] cut into matrices of the given widths, which add up to C. If one part leads to the loss, all must: the gradient of each is written
 * straight into its columns of the whole.
 *
 * @returns a tensor [M, width] for each width, in the type of x
 * @throws Error unless the widths add up to C
 */
export function splitColumns(tape: Tape, x: Tensor, widths: readonly number[]): Tensor[] {
  const C = x.columns;
  if (widths.reduce((sum, width) => sum + width, 0) !== C)
    throw new Error(`splitColumns: [${x.shape}] is not as wide as ${widths.join(' + ')}`);
  const starts = widths.map((_, i) => widths.slice(0, i).reduce((sum, width) => sum + width, 0));
  const parts = widths.map((width, i) => {
    const part = tape.tensor([x.rows, width], x.dtype, `columns ${starts[i]} … of ${x.label}`);
    tape.append(takeColumns, { whole: x, part }, { start: starts[i] });
    return part;
  });

  tape.record(parts, [x], () => {
    const gradients = parts.map((part) => tape.gradient(part));
    tape.addGradient(x, (dx, accumulate) =>
      gradients.forEach((part, i) =>
        tape.append(putColumns, { part, whole: dx }, { start: starts[i], accumulate }),
      ),
    );
  });
  return parts;
}
