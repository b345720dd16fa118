import source from '../kernels/scaled.ts?raw';
import { scaledKind } from '../../ops/weighted_sum.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { ELEMENTS } from './shape.ts';

const file = parseKernels('scaled', source);

export const weightedSumLowerings = [
  lowers(scaledKind, (out, { x, y }, { weight, accumulate }) => {
    checkF32(x, y);
    out.add({
      file,
      kernel: 'scaled',
      tensors: { x, y },
      params: { weight, accumulate: Number(accumulate) },
      units: y.size,
      grain: ELEMENTS,
      flops: 2 * y.size,
    });
  }),
];
