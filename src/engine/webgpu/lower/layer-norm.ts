import source from '../../../../shaders/layer_norm.wgsl?raw';
import { layerNormBackward, layerNormKind, layerNormWeight } from '../../ops/layer_norm.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { rowShape } from './shape.ts';

const shader = parseShader('layer_norm', source);

export const layerNormLowerings = [
  lowers(layerNormKind, (out, tensors, { eps }) => {
    const { x } = tensors;
    const rows = rowShape(out.target);
    out.add({
      shader,
      entry: 'forward',
      types: { Elem: x.dtype },
      constants: { ...rows },
      tensors,
      params: { M: x.rows, C: x.columns, eps },
      workgroups: Math.ceil(x.rows / rows.ROWS),
      flops: 8 * x.size,
    });
  }),
  lowers(layerNormWeight, (out, { x, stats, dy, dw }, { eps }) => {
    out.add({
      shader,
      entry: 'weight',
      types: { Elem: x.dtype },
      tensors: { x, saved: stats, dy, dw },
      params: { M: x.rows, C: x.columns, eps },
      workgroups: Math.ceil(x.columns / 64),
      flops: 4 * x.size,
    });
  }),
  lowers(layerNormBackward, (out, { x, w, stats, dy, dx }, { eps, accumulate }) => {
    const rows = rowShape(out.target);
    out.add({
      shader,
      entry: 'backward',
      types: { Elem: x.dtype },
      constants: { ...rows, ACCUMULATE: Number(accumulate) },
      tensors: { x, w, saved: stats, dy, dx },
      params: { M: x.rows, C: x.columns, eps },
      workgroups: Math.ceil(x.rows / rows.ROWS),
      flops: 12 * x.size,
    });
  }),
];
