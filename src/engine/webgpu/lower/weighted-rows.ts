import source from '../../../../shaders/weighted_rows.wgsl?raw';
import { weightedRowsKind } from '../../ops/weighted_rows.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('weighted_rows', source);

export const weightedRowsLowerings = [
  lowers(weightedRowsKind, (out, { x, weights, total }, { slots: [first, second] }) => {
    out.add({
      shader,
      tensors: { x, weights, sum: total },
      params: { R: x.size, first, second },
      workgroups: 1,
      flops: 2 * x.size,
    });
  }),
];
