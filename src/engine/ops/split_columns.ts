import source from '../../../shaders/split_columns.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('split_columns', source);

/**
 * x [M, C] cut into matrices of the given widths, which add up to C. Every part must lead to the loss if one does: its gradient is written
 * straight into its columns of the whole.
 */
export function splitColumns(tape: Tape, x: Tensor, widths: readonly number[]): Tensor[] {
  const C = x.columns;
  if (widths.reduce((sum, width) => sum + width, 0) !== C)
    throw new Error(`splitColumns: [${x.shape}] is not as wide as ${widths.join(' + ')}`);
  const starts = widths.map((_, i) => widths.slice(0, i).reduce((sum, width) => sum + width, 0));
  const move = (
    entry: 'take' | 'put',
    part: Tensor,
    whole: Tensor,
    start: number,
    accumulate = false,
  ): void =>
    tape.dispatch({
      shader,
      entry,
      types: { Elem: x.dtype },
      constants: entry === 'put' ? { ACCUMULATE: Number(accumulate) } : {},
      tensors: entry === 'take' ? { source: whole, goal: part } : { source: part, goal: whole },
      params: { M: x.rows, N: part.columns, C, start },
      workgroups: elementGroups(part.size),
      flops: part.size,
    });
  const parts = widths.map((width, i) => {
    const part = tape.tensor([x.rows, width], x.dtype, `columns ${starts[i]} … of ${x.label}`);
    move('take', part, x, starts[i]);
    return part;
  });

  tape.record(parts, [x], () => {
    const gradients = parts.map((part) => tape.gradient(part));
    tape.addGradient(x, (dx, accumulate) =>
      gradients.forEach((gradient, i) => move('put', gradient, dx, starts[i], accumulate)),
    );
  });
  return parts;
}
