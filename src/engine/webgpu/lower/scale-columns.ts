import source from '../../../../shaders/scale_columns.wgsl?raw';
import { scaleColumnsBackward, scaleColumnsFactor, scaleColumnsKind } from '../../ops/scale_columns.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('scale_columns', source);

/** Missing tensors are bound to another tensor, and not read. */
export const scaleColumnsLowerings = [
  lowers(scaleColumnsKind, (out, { x, s, d, bias, residual, y }) => {
    out.add({
      shader,
      entry: 'forward',
      types: { Elem: x.dtype },
      constants: { DIVIDED: Number(!!d), BIAS: Number(!!bias), RESIDUAL: Number(!!residual) },
      tensors: { x, s, d: d ?? s, bias: bias ?? s, residual: residual ?? x, y },
      params: { M: x.rows, N: x.columns },
      workgroups: elementGroups(x.size),
      flops: 2 * x.size,
    });
  }),
  lowers(scaleColumnsBackward, (out, { s, d, dy, dx }, { accumulate }) => {
    out.add({
      shader,
      entry: 'backward',
      types: { Elem: dy.dtype },
      constants: { DIVIDED: Number(!!d), ACCUMULATE: Number(accumulate) },
      tensors: { s, d: d ?? s, dy, dx },
      params: { M: dy.rows, N: dy.columns },
      workgroups: elementGroups(dy.size),
      flops: 2 * dy.size,
    });
  }),
  lowers(scaleColumnsFactor, (out, { x, d, dy, ds }) => {
    out.add({
      shader,
      entry: 'factor',
      types: { Elem: x.dtype },
      constants: { DIVIDED: Number(!!d) },
      tensors: { x, d: d ?? dy, dy, ds },
      params: { M: x.rows, N: x.columns },
      workgroups: Math.ceil(x.columns / 64),
      flops: 2 * x.size,
    });
  }),
];
