import source from '../../../../shaders/scaled.wgsl?raw';
import { scaledKind } from '../../ops/weighted_sum.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('scaled', source);

export const weightedSumLowerings = [
  lowers(scaledKind, (out, { x, y }, { weight, accumulate }) => {
    out.add({
      shader,
      constants: { ACCUMULATE: Number(accumulate) },
      tensors: { x, y },
      params: { size: y.size, weight },
      workgroups: Math.ceil(y.size / 64),
      flops: 2 * y.size,
    });
  }),
];
