import source from '../kernels/column_sum.ts?raw';
import { columnSum } from '../../ops/column_sum.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { COLUMNS } from './shape.ts';

const file = parseKernels('column_sum', source);

export const columnSumLowerings = [
  lowers(columnSum, (out, { x, y }) => {
    checkF32(x, y);
    out.add({
      file,
      kernel: 'columnSum',
      tensors: { x, y },
      params: { M: x.rows, N: x.columns },
      units: x.columns,
      grain: COLUMNS,
      flops: x.size,
    });
  }),
];
