import source from '../../../../shaders/gather_rows.wgsl?raw';
import { gatherRowsKind } from '../../ops/gather_rows.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('gather_rows', source);

export const gatherRowsLowerings = [
  lowers(gatherRowsKind, (out, { x, rows, y }, { accumulate }) => {
    out.add({
      shader,
      types: { Elem: x.dtype },
      constants: { ACCUMULATE: Number(accumulate) },
      tensors: { x, rows, y },
      params: { R: rows.size, C: x.columns },
      workgroups: elementGroups(y.size),
      flops: y.size,
    });
  }),
];
