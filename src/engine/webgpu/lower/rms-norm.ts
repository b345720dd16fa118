import source from '../../../../shaders/rms_norm.wgsl?raw';
import { rmsNormBackward, rmsNormKind, rmsNormWeight } from '../../ops/rms_norm.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { rowShape } from './shape.ts';

const shader = parseShader('rms_norm', source);

/** Runs of C numbers, as many as a weight has. */
function runs(x: Tensor, C: number, eps: number): { M: number; C: number; eps: number } {
  return { M: x.size / C, C, eps };
}

export const rmsNormLowerings = [
  lowers(rmsNormKind, (out, tensors, { eps, offset, scale }) => {
    const { x, w } = tensors;
    const rows = rowShape(out.target);
    const params = runs(x, w.size, eps);
    out.add({
      shader,
      entry: 'forward',
      types: { Elem: x.dtype },
      constants: { OFFSET: offset, SCALE: scale, ...rows },
      tensors,
      params,
      workgroups: Math.ceil(params.M / rows.ROWS),
      flops: 4 * x.size,
    });
  }),
  lowers(rmsNormWeight, (out, { x, r, dy, dw }, { eps, scale }) => {
    const params = runs(x, dw.size, eps);
    out.add({
      shader,
      entry: 'weight',
      types: { Elem: x.dtype },
      constants: { SCALE: scale },
      tensors: { x, saved: r, dy, dw },
      params,
      workgroups: Math.ceil(params.C / 64),
      flops: 3 * x.size,
    });
  }),
  lowers(rmsNormBackward, (out, { x, w, r, dy, dx }, { eps, offset, scale, accumulate }) => {
    const rows = rowShape(out.target);
    const params = runs(x, w.size, eps);
    out.add({
      shader,
      entry: 'backward',
      types: { Elem: x.dtype },
      constants: { OFFSET: offset, SCALE: scale, ACCUMULATE: Number(accumulate), ...rows },
      tensors: { x, w, saved: r, dy, dx },
      params,
      workgroups: Math.ceil(params.M / rows.ROWS),
      flops: 8 * x.size,
    });
  }),
];
