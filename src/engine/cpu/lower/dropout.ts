import source from '../kernels/dropout.ts?raw';
import { dropoutKind } from '../../ops/dropout.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { ELEMENTS } from './shape.ts';

const file = parseKernels('dropout', source);

export const dropoutLowerings = [
  lowers(dropoutKind, (out, tensors, { probability, salt, accumulate }) => {
    const { x, y } = tensors;
    checkF32(x, y);
    out.add({
      file,
      kernel: 'dropout',
      tensors,
      params: { salt, probability, accumulate: Number(accumulate) },
      units: x.size,
      grain: ELEMENTS,
      flops: 12 * x.size,
    });
  }),
];
