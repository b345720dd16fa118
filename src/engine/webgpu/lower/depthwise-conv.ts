import source from '../../../../shaders/depthwise_conv.wgsl?raw';
import { depthwiseConvBackward, depthwiseConvKind, depthwiseConvWeight } from '../../ops/depthwise_conv.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('depthwise_conv', source);

/** Missing tensors are bound to another tensor, and not read. */
export const depthwiseConvLowerings = [
  lowers(depthwiseConvKind, (out, { x, w, bias, previous, state, y }) => {
    out.add({
      shader,
      entry: 'forward',
      types: { Elem: x.dtype },
      constants: { BIAS: Number(!!bias) },
      tensors: { x, w, bias: bias ?? w, previous, state: state ?? x, y },
      params: { M: x.rows, C: x.columns, L: w.columns },
      workgroups: elementGroups(x.size),
      flops: 2 * x.size * w.columns,
    });
  }),
  lowers(depthwiseConvBackward, (out, { w, following, dy, dx }, { accumulate }) => {
    out.add({
      shader,
      entry: 'backward',
      types: { Elem: dy.dtype },
      constants: { ACCUMULATE: Number(accumulate) },
      tensors: { w, following, dy, dx },
      params: { M: dy.rows, C: dy.columns, L: w.columns },
      workgroups: elementGroups(dy.size),
      flops: 2 * dy.size * w.columns,
    });
  }),
  lowers(depthwiseConvWeight, (out, { x, previous, dy, dw }) => {
    out.add({
      shader,
      entry: 'weight',
      types: { Elem: x.dtype },
      tensors: { x, previous, dy, dw },
      params: { M: x.rows, C: x.columns, L: dw.columns },
      workgroups: Math.ceil(dw.size / 64),
      flops: 2 * x.size * dw.columns,
    });
  }),
];
