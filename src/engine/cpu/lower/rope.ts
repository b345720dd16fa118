import source from '../kernels/rope.ts?raw';
import { ropeBackward, ropeKind } from '../../ops/rope.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('rope', source);

export const ropeLowerings = [
  lowers(ropeKind, (out, tensors, { heads: H, headSize: D, pairs, scaling }) => {
    const { inverseFrequencies, turned } = tensors;
    checkF32(inverseFrequencies, turned);
    out.add({
      file,
      kernel: 'ropeInPlace',
      tensors,
      params: { H, D, pairs, scaling, accumulate: 0 },
      units: turned.rows,
      grain: rowsAtOnce(H * D),
      flops: 4 * turned.size,
    });
  }),
  lowers(ropeBackward, (out, tensors, { heads: H, headSize: D, pairs, scaling, accumulate }) => {
    const { inverseFrequencies, x, y } = tensors;
    checkF32(inverseFrequencies, x, y);
    out.add({
      file,
      kernel: 'ropeBackward',
      tensors,
      params: { H, D, pairs, scaling, accumulate: Number(accumulate) },
      units: x.rows,
      grain: rowsAtOnce(H * D),
      flops: 4 * x.size,
    });
  }),
];
