import source from '../../../shaders/gather_rows.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('gather_rows', source);

/** Marks a row that is nobody's: zero in the result. */
export const NO_ROW = 0xffffffff;

/**
 * Picks rows of x [M, C]; the result is [R, C].
 *
 * @param rows u32 [R], no row twice; NO_ROW gives zeros
 * @param inverse u32 [M], where each row of x went, NO_ROW for those left out; needed for a gradient
 */
export function gatherRows(tape: Tape, x: Tensor, rows: Tensor, inverse?: Tensor): Tensor {
  const y = tape.tensor([rows.size, x.columns], x.dtype, `rows of ${x.label}`);
  record(tape, x, rows, y, false);
  tape.record([y], [x], () => {
    if (!inverse) throw new Error('The gradient of gatherRows needs the inverse map');
    const dy = tape.gradient(y);
    tape.addGradient(x, (dx, accumulate) => record(tape, dy, inverse, dx, accumulate));
  });
  return y;
}

function record(tape: Tape, x: Tensor, rows: Tensor, y: Tensor, accumulate: boolean): void {
  tape.dispatch({
    shader,
    types: { Elem: x.dtype },
    constants: { ACCUMULATE: Number(accumulate) },
    tensors: { x, rows, y },
    params: { R: rows.size, C: x.columns },
    workgroups: elementGroups(y.size),
    flops: y.size,
  });
}
