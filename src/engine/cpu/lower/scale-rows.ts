import source from '../kernels/scale_rows.ts?raw';
import { scaleRowsBackward, scaleRowsKind } from '../../ops/scale_rows.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('scale_rows', source);

export const scaleRowsLowerings = [
  lowers(scaleRowsKind, (out, { x, weights, rows, y }, { accumulate }) => {
    checkF32(x, weights, y);
    out.add({
      file,
      kernel: 'scaleRows',
      tensors: { x, weights, rows, y },
      params: { F: x.columns, accumulate: Number(accumulate) },
      units: x.rows,
      grain: rowsAtOnce(x.columns),
      flops: x.size,
    });
  }),
  lowers(scaleRowsBackward, (out, { x, dy, rows, dweights }, { accumulate }) => {
    checkF32(x, dy, dweights);
    out.add({
      file,
      kernel: 'scaleRowsBackward',
      tensors: { x, dy, rows, dweights },
      params: { F: x.columns, accumulate: Number(accumulate) },
      units: x.rows,
      grain: rowsAtOnce(x.columns),
      flops: 2 * x.size,
    });
  }),
];
