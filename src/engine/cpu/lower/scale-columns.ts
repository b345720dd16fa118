import source from '../kernels/scale_columns.ts?raw';
import { scaleColumnsBackward, scaleColumnsFactor, scaleColumnsKind } from '../../ops/scale_columns.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { COLUMNS, rowsAtOnce } from './shape.ts';

const file = parseKernels('scale_columns', source);

export const scaleColumnsLowerings = [
  lowers(scaleColumnsKind, (out, tensors) => {
    const { x, s, d, bias, residual, y } = tensors;
    checkF32(x, s, d, bias, residual, y);
    out.add({
      file,
      kernel: 'scaleColumns',
      tensors,
      params: { M: x.rows, N: x.columns, accumulate: 0 },
      units: x.rows,
      grain: rowsAtOnce(x.columns),
      flops: 2 * x.size,
    });
  }),
  lowers(scaleColumnsBackward, (out, { s, d, dy, dx }, { accumulate }) => {
    checkF32(s, d, dy, dx);
    out.add({
      file,
      kernel: 'scaleColumnsBackward',
      tensors: { s, d, dy, dx },
      params: { M: dy.rows, N: dy.columns, accumulate: Number(accumulate) },
      units: dy.rows,
      grain: rowsAtOnce(dy.columns),
      flops: 2 * dy.size,
    });
  }),
  lowers(scaleColumnsFactor, (out, { x, d, dy, ds }) => {
    checkF32(x, d, dy, ds);
    out.add({
      file,
      kernel: 'scaleColumnsFactor',
      tensors: { x, d, dy, ds },
      params: { M: x.rows, N: x.columns, accumulate: 1 },
      units: x.columns,
      grain: COLUMNS,
      flops: 2 * x.size,
    });
  }),
];
