import source from '../kernels/rms_norm.ts?raw';
import { rmsNormBackward, rmsNormKind, rmsNormWeight } from '../../ops/rms_norm.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { COLUMNS, rowsAtOnce } from './shape.ts';

const file = parseKernels('rms_norm', source);

export const rmsNormLowerings = [
  lowers(rmsNormKind, (out, tensors, { eps, offset, scale }) => {
    const { x, w, y } = tensors;
    checkF32(x, w, y);
    const C = w.size;
    const M = x.size / C;
    out.add({
      file,
      kernel: 'rmsNorm',
      tensors,
      params: { M, C, eps, offset, scale, accumulate: 0 },
      units: M,
      grain: rowsAtOnce(C),
      flops: 4 * x.size,
    });
  }),
  lowers(rmsNormWeight, (out, { x, r, dy, dw }, { eps, offset, scale }) => {
    checkF32(x, dy, dw);
    const C = dw.size;
    out.add({
      file,
      kernel: 'rmsNormWeight',
      tensors: { x, saved: r, dy, dw },
      params: { M: x.size / C, C, eps, offset, scale, accumulate: 1 },
      units: C,
      grain: COLUMNS,
      flops: 3 * x.size,
    });
  }),
  lowers(rmsNormBackward, (out, { x, w, r, dy, dx }, { eps, offset, scale, accumulate }) => {
    checkF32(x, w, dy, dx);
    const C = w.size;
    const M = x.size / C;
    out.add({
      file,
      kernel: 'rmsNormBackward',
      tensors: { x, w, saved: r, dy, dx },
      params: { M, C, eps, offset, scale, accumulate: Number(accumulate) },
      units: M,
      grain: rowsAtOnce(C),
      flops: 8 * x.size,
    });
  }),
];
