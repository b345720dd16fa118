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
  /** Factor of the result. */
  scale?: number;
}

/**
 * y = scale · x / rms(x) · (offset + w), over each run of as many numbers as w has: a row of x, or a head of it. x [M, n · C] in any float
 * type, w [C] f32.
 */
export function rmsNorm(
  tape: Tape,
  x: Tensor,
  w: Tensor,
  { eps, offset = 0, scale = 1 }: RmsNormOptions,
): Tensor {
  const C = w.size;
  const M = x.size / C;
  if (x.columns % C !== 0) throw new Error(`rmsNorm: [${x.shape}] does not hold whole runs of ${C}`);
  const types = { Elem: x.dtype };
  const gain = { OFFSET: offset, SCALE: scale };
  const params = { M, C, eps };
  const rows = rowShape(tape.target);
  const workgroups = Math.ceil(M / rows.ROWS);
  const y = tape.tensor(x.shape, x.dtype, `norm of ${x.label}`);
  const r = tape.tensor([M], 'f32', `1/rms of ${x.label}`);
  tape.dispatch({
    shader,
    entry: 'forward',
    types,
    constants: { ...gain, ...rows },
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
        constants: { SCALE: scale },
        tensors: { x, saved: r, dy, dw },
        params,
        workgroups: Math.ceil(C / 64),
        flops: 3 * x.size,
      });
    });
    tape.addGradient(x, (dx, accumulate) => {
      const constants = { ...gain, ACCUMULATE: Number(accumulate), ...rows };
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
