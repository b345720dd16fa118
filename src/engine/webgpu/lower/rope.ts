import source from '../../../../shaders/rope.wgsl?raw';
import { ropeBackward, ropeKind } from '../../ops/rope.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('rope', source);

export const ropeLowerings = [
  lowers(ropeKind, (out, tensors, { heads: H, headSize: D, pairs: R, scaling }) => {
    const { turned } = tensors;
    const M = turned.rows;
    out.add({
      shader,
      entry: 'in_place',
      types: { Elem: turned.dtype },
      constants: { DIRECTION: 1 },
      tensors,
      params: { M, H, D, R, scaling },
      workgroups: Math.ceil((M * H * R) / 64),
      flops: 4 * turned.size,
    });
  }),
  lowers(ropeBackward, (out, tensors, { heads: H, headSize: D, pairs: R, scaling, accumulate }) => {
    const { x } = tensors;
    const M = x.rows;
    out.add({
      shader,
      entry: 'add_turned',
      types: { Elem: x.dtype },
      constants: { DIRECTION: -1, ACCUMULATE: Number(accumulate) },
      tensors,
      params: { M, H, D, R, scaling },
      workgroups: Math.ceil((M * H * D) / 2 / 64),
      flops: 4 * x.size,
    });
  }),
];
