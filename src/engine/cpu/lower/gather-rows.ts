import source from '../kernels/gather_rows.ts?raw';
import { gatherRowsKind } from '../../ops/gather_rows.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('gather_rows', source);

export const gatherRowsLowerings = [
  lowers(gatherRowsKind, (out, { x, rows, y }, { accumulate }) => {
    checkF32(x, y);
    out.add({
      file,
      kernel: 'gatherRows',
      tensors: { x, rows, y },
      params: { C: x.columns, accumulate: Number(accumulate) },
      units: rows.size,
      grain: rowsAtOnce(x.columns),
      flops: y.size,
    });
  }),
];
