import source from '../../../../shaders/row_norm.wgsl?raw';
import { rowNormKind } from '../../ops/row_norm.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { rowShape } from './shape.ts';

const shader = parseShader('row_norm', source);

export const rowNormLowerings = [
  lowers(rowNormKind, (out, { x, y }) => {
    const rows = rowShape(out.target);
    out.add({
      shader,
      constants: rows,
      tensors: { x, y },
      params: { M: x.rows, C: x.columns },
      workgroups: Math.ceil(x.rows / rows.ROWS),
      flops: 2 * x.size,
    });
  }),
];
