import source from '../../../shaders/column_sum.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

const shader = parseShader('column_sum', source);

/** y [N] += sum over the rows of x [M, N]. */
export function columnSumInto(tape: Tape, x: Tensor, y: Tensor): void {
  const N = x.columns;
  tape.dispatch({
    shader,
    types: { Elem: x.dtype },
    tensors: { x, y },
    params: { M: x.rows, N },
    workgroups: Math.ceil(N / 64),
    flops: x.size,
  });
}
