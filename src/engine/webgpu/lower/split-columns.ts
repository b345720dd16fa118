import source from '../../../../shaders/split_columns.wgsl?raw';
import { putColumns, takeColumns } from '../../ops/split_columns.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('split_columns', source);

export const splitColumnsLowerings = [
  lowers(takeColumns, (out, { whole, part }, { start }) => {
    out.add({
      shader,
      entry: 'take',
      types: { Elem: whole.dtype },
      tensors: { source: whole, goal: part },
      params: { M: whole.rows, N: part.columns, C: whole.columns, start },
      workgroups: elementGroups(part.size),
      flops: part.size,
    });
  }),
  lowers(putColumns, (out, { part, whole }, { start, accumulate }) => {
    out.add({
      shader,
      entry: 'put',
      types: { Elem: part.dtype },
      constants: { ACCUMULATE: Number(accumulate) },
      tensors: { source: part, goal: whole },
      params: { M: whole.rows, N: part.columns, C: whole.columns, start },
      workgroups: elementGroups(part.size),
      flops: part.size,
    });
  }),
];
