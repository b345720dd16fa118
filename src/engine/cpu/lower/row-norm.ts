import source from '../kernels/row_norm.ts?raw';
import { rowNormKind } from '../../ops/row_norm.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('row_norm', source);

export const rowNormLowerings = [
  lowers(rowNormKind, (out, { x, y }) => {
    checkF32(x, y);
    out.add({
      file,
      kernel: 'rowNorm',
      tensors: { x, y },
      params: { C: x.columns },
      units: x.rows,
      grain: rowsAtOnce(x.columns),
      flops: 2 * x.size,
    });
  }),
];
