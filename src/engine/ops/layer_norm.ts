import source from '../../../shaders/layer_norm.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { columnSumInto } from './column_sum.ts';
import { rowShape } from './shape.ts';

const shader = parseShader('layer_norm', source);

/** y = (x − mean) / σ · w + b, over the last dimension. x [M, C] in any float type, w and b [C] f32. */
export function layerNorm(
  tape: Tape,
  x: Tensor,
  { w, b, eps }: { w: Tensor; b: Tensor; eps: number },
): Tensor {
  const M = x.rows;
  const C = x.columns;
  if (w.size !== C || b.size !== C)
    throw new Error(`layerNorm: [${x.shape}] with a weight [${w.shape}] and a bias [${b.shape}]`);
  const types = { Elem: x.dtype };
  const params = { M, C, eps };
  const rows = rowShape(tape.target);
  const workgroups = Math.ceil(M / rows.ROWS);
  const y = tape.tensor(x.shape, x.dtype, `norm of ${x.label}`);
  const stats = tape.tensor([M, 2], 'f32', `mean and 1/σ of ${x.label}`);
  tape.dispatch({
    shader,
    entry: 'forward',
    types,
    constants: { ...rows },
    tensors: { x, w, b, y, stats },
    params,
    workgroups,
    flops: 8 * x.size,
  });

  tape.record([y], [x, w, b], () => {
    const dy = tape.gradient(y);
    tape.addGradient(w, (dw) => {
      tape.dispatch({
        shader,
        entry: 'weight',
        types,
        tensors: { x, saved: stats, dy, dw },
        params,
        workgroups: Math.ceil(C / 64),
        flops: 4 * x.size,
      });
    });
    tape.addGradient(b, (db) => columnSumInto(tape, dy, db));
    tape.addGradient(x, (dx, accumulate) => {
      tape.dispatch({
        shader,
        entry: 'backward',
        types,
        constants: { ...rows, ACCUMULATE: Number(accumulate) },
        tensors: { x, w, saved: stats, dy, dx },
        params,
        workgroups,
        flops: 12 * x.size,
      });
    });
  });
  return y;
}
