import source from '../kernels/depthwise_conv.ts?raw';
import { depthwiseConvBackward, depthwiseConvKind, depthwiseConvWeight } from '../../ops/depthwise_conv.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { COLUMNS, rowsAtOnce } from './shape.ts';

const file = parseKernels('depthwise_conv', source);

export const depthwiseConvLowerings = [
  lowers(depthwiseConvKind, (out, { x, w, bias, previous, state, y }) => {
    checkF32(x, w, bias, state, y);
    out.add({
      file,
      kernel: 'depthwiseConv',
      tensors: { x, w, bias, previous, state, y },
      params: { M: x.rows, C: x.columns, L: w.columns, accumulate: 0 },
      units: x.rows,
      grain: rowsAtOnce(x.columns),
      flops: 2 * x.size * w.columns,
    });
  }),
  lowers(depthwiseConvBackward, (out, { w, following, dy, dx }, { accumulate }) => {
    checkF32(w, dy, dx);
    out.add({
      file,
      kernel: 'depthwiseConvBackward',
      tensors: { w, following, dy, dx },
      params: { M: dy.rows, C: dy.columns, L: w.columns, accumulate: Number(accumulate) },
      units: dy.rows,
      grain: rowsAtOnce(dy.columns),
      flops: 2 * dy.size * w.columns,
    });
  }),
  lowers(depthwiseConvWeight, (out, { x, previous, dy, dw }) => {
    checkF32(x, dy, dw);
    out.add({
      file,
      kernel: 'depthwiseConvWeight',
      tensors: { x, previous, dy, dw },
      params: { M: x.rows, C: x.columns, L: dw.columns, accumulate: 1 },
      units: x.columns,
      grain: COLUMNS,
      flops: 2 * x.size * dw.columns,
    });
  }),
];
