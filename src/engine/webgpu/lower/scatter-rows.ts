import shaderSource from '../../../../shaders/scatter_rows.wgsl?raw';
import { scatterRowsKind } from '../../ops/scatter_rows.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('scatter_rows', shaderSource);

export const scatterRowsLowerings = [
  lowers(scatterRowsKind, (out, tensors) => {
    const { source, goal } = tensors;
    out.add({
      shader,
      types: { ElemS: source.dtype, ElemT: goal.dtype },
      tensors,
      params: { M: source.rows, C: source.columns, T: goal.rows },
      workgroups: Math.ceil(source.size / 64),
      flops: source.size,
    });
  }),
];
