import source from '../../../../shaders/column_sum.wgsl?raw';
import { columnSum } from '../../ops/column_sum.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('column_sum', source);

export const columnSumLowerings = [
  lowers(columnSum, (out, { x, y }) => {
    const N = x.columns;
    out.add({
      shader,
      types: { Elem: x.dtype },
      tensors: { x, y },
      params: { M: x.rows, N },
      workgroups: Math.ceil(N / 64),
      flops: x.size,
    });
  }),
];
