import source from '../../../shaders/rms_norm.wgsl?raw';
import { parseShader } from '../shader.ts';
import { rowShape } from './shape.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

const shader = parseShader('rms_norm', source);

export interface RmsNormOptions {
  eps: number;
  /** Added to the weight: 1 for Gemma, which stores w − 1. */
  offset?: number;
}

/** y = x / rms(x) · (offset + w), over the last dimension. x [M, C] in any float type, w [C] f32. */
export function rmsNorm(tape: Tape, x: Tensor, w: Tensor, { eps, offset = 0 }: RmsNormOptions): Tensor {
  const M = x.rows;
  const C = x.columns;
  const types = { Elem: x.dtype };
  const params = { M, C, eps };
  const rows = rowShape(tape.target);
  const workgroups = Math.ceil(M / rows.ROWS);
  const y = tape.tensor(x.shape, x.dtype, `norm of ${x.label}`);
  const r = tape.tensor([M], 'f32', `1/rms of ${x.label}`);
  tape.dispatch({
    shader,
    entry: 'forward',
    types,
    constants: { OFFSET: offset, ...rows },
    tensors: { x, w, y, r },
    params,
    workgroups,
    flops: 4 * x.size,
  });

  tape.record([y], [x, w], () => {
    const dy = tape.gradient(y);
    tape.addGradient(w, (dw) => {
      tape.dispatch({
        shader,
        entry: 'weight',
        types,
        tensors: { x, saved: r, dy, dw },
        params,
        workgroups: Math.ceil(C / 64),
        flops: 3 * x.size,
      });
    });
    tape.addGradient(x, (dx, accumulate) => {
      const constants = { OFFSET: offset, ACCUMULATE: Number(accumulate), ...rows };
      tape.dispatch({
        shader,
        entry: 'backward',
        types,
        constants,
        tensors: { x, w, saved: r, dy, dx },
        params,
        workgroups,
        flops: 8 * x.size,
      });
    });
  });
  return y;
}
