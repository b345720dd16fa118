import shaderSource from '../../../shaders/scatter_rows.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

const shader = parseShader('scatter_rows', shaderSource);

/**
 * target[rows[m], :] = source[m, :], converted to the target's type; for caches, so without a gradient. source [M, C], target [T, C],
 * rows u32 [M] without repetition; a row ≥ T is padding and is skipped.
 */
export function scatterRows(tape: Tape, source: Tensor, target: Tensor, rows: Tensor): void {
  const M = source.rows;
  const C = source.columns;
  if (target.columns !== C || rows.size !== M)
    throw new Error(`scatterRows: [${source.shape}] with ${rows.size} rows does not fit [${target.shape}]`);
  tape.dispatch({
    shader,
    types: { ElemS: source.dtype, ElemT: target.dtype },
    tensors: { source, rows, goal: target },
    params: { M, C, T: target.rows },
    workgroups: Math.ceil(source.size / 64),
    flops: source.size,
  });
}
