import source from '../kernels/sequence_sums.ts?raw';
import { sequenceSumsBackward, sequenceSumsKind } from '../../ops/sequence_sums.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { ELEMENTS } from './shape.ts';

const file = parseKernels('sequence_sums', source);

export const sequenceSumsLowerings = [
  lowers(sequenceSumsKind, (out, { x, ranges, y }) => {
    checkF32(x, y);
    out.add({
      file,
      kernel: 'sequenceSums',
      tensors: { x, ranges, y },
      params: { S: ranges.rows },
      units: ranges.rows,
      flops: x.size,
    });
  }),
  lowers(sequenceSumsBackward, (out, { dy, ranges, dx }) => {
    checkF32(dy, dx);
    out.add({
      file,
      kernel: 'sequenceSumsBackward',
      tensors: { dy, ranges, dx },
      params: { S: ranges.rows },
      units: dx.size,
      grain: ELEMENTS,
      flops: dx.size,
    });
  }),
];
