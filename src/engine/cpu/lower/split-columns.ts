import source from '../kernels/split_columns.ts?raw';
import { putColumns, takeColumns } from '../../ops/split_columns.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('split_columns', source);

export const splitColumnsLowerings = [
  lowers(takeColumns, (out, { whole, part }, { start }) => {
    checkF32(whole, part);
    out.add({
      file,
      kernel: 'takeColumns',
      tensors: { source: whole, goal: part },
      params: { N: part.columns, C: whole.columns, start, accumulate: 0 },
      units: whole.rows,
      grain: rowsAtOnce(part.columns),
      flops: part.size,
    });
  }),
  lowers(putColumns, (out, { part, whole }, { start, accumulate }) => {
    checkF32(whole, part);
    out.add({
      file,
      kernel: 'putColumns',
      tensors: { source: part, goal: whole },
      params: { N: part.columns, C: whole.columns, start, accumulate: Number(accumulate) },
      units: whole.rows,
      grain: rowsAtOnce(part.columns),
      flops: part.size,
    });
  }),
];
