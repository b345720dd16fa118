import source from '../kernels/weighted_rows.ts?raw';
import { weightedRowsKind } from '../../ops/weighted_rows.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';

const file = parseKernels('weighted_rows', source);

export const weightedRowsLowerings = [
  lowers(weightedRowsKind, (out, { x, weights, total }, { slots: [firstSlot, secondSlot] }) => {
    checkF32(x, weights, total);
    out.add({
      file,
      kernel: 'weightedRows',
      tensors: { x, weights, total },
      params: { R: x.size, firstSlot, secondSlot },
      units: 1,
      flops: 2 * x.size,
    });
  }),
];
