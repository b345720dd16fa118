import source from '../kernels/layer_norm.ts?raw';
import { layerNormBackward, layerNormKind, layerNormWeight } from '../../ops/layer_norm.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { COLUMNS, rowsAtOnce } from './shape.ts';

const file = parseKernels('layer_norm', source);

export const layerNormLowerings = [
  lowers(layerNormKind, (out, tensors, { eps }) => {
    const { x, w, b, y } = tensors;
    checkF32(x, w, b, y);
    out.add({
      file,
      kernel: 'layerNorm',
      tensors,
      params: { M: x.rows, C: x.columns, eps, accumulate: 0 },
      units: x.rows,
      grain: rowsAtOnce(x.columns),
      flops: 8 * x.size,
    });
  }),
  lowers(layerNormWeight, (out, { x, stats, dy, dw }, { eps }) => {
    checkF32(x, dy, dw);
    out.add({
      file,
      kernel: 'layerNormWeight',
      tensors: { x, saved: stats, dy, dw },
      params: { M: x.rows, C: x.columns, eps, accumulate: 1 },
      units: x.columns,
      grain: COLUMNS,
      flops: 4 * x.size,
    });
  }),
  lowers(layerNormBackward, (out, { x, w, stats, dy, dx }, { eps, accumulate }) => {
    checkF32(x, w, dy, dx);
    out.add({
      file,
      kernel: 'layerNormBackward',
      tensors: { x, w, saved: stats, dy, dx },
      params: { M: x.rows, C: x.columns, eps, accumulate: Number(accumulate) },
      units: x.rows,
      grain: rowsAtOnce(x.columns),
      flops: 12 * x.size,
    });
  }),
];
