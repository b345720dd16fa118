import source from '../../../../shaders/scale_rows.wgsl?raw';
import { scaleRowsBackward, scaleRowsKind } from '../../ops/scale_rows.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { elementGroups, rowShape } from './shape.ts';

const shader = parseShader('scale_rows', source);

export const scaleRowsLowerings = [
  lowers(scaleRowsKind, (out, { x, weights, rows, y }, { accumulate }) => {
    out.add({
      shader,
      entry: 'forward',
      types: { Elem: x.dtype },
      constants: { ACCUMULATE: Number(accumulate) },
      tensors: { x, weights, rows, y },
      params: { P: x.rows, F: x.columns },
      workgroups: elementGroups(x.size),
      flops: x.size,
    });
  }),
  lowers(scaleRowsBackward, (out, { x, dy, rows, dweights }, { accumulate }) => {
    const shape = rowShape(out.target);
    out.add({
      shader,
      entry: 'backward',
      types: { Elem: x.dtype },
      constants: { ACCUMULATE: Number(accumulate), ...shape },
      tensors: { x, dy, rows, dweights },
      params: { P: x.rows, F: x.columns },
      workgroups: Math.ceil(x.rows / shape.ROWS),
      flops: 2 * x.size,
    });
  }),
];
