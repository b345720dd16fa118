import source from '../../../../shaders/rope.wgsl?raw';
import { ropeBackward, ropeIntoCacheKind, ropeKind, type RopeAttributes } from '../../ops/rope.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, type Dispatches } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('rope', source);

export const ropeLowerings = [
  lowers(ropeKind, (out, { turned, other, ...tensors }, attributes) => {
    const { heads: H, otherHeads: G, pairs: R } = attributes;
    const M = turned.rows;
    out.add({
      shader,
      entry: 'in_place',
      types: { Elem: turned.dtype },
      constants: { DIRECTION: 1 },
      tensors: { ...tensors, turned, otherTurned: other ?? unused(out, turned) },
      params: paramsOf(M, attributes),
      workgroups: Math.ceil((M * (H + G) * R) / 64),
      flops: 4 * (turned.size + (other?.size ?? 0)),
    });
  }),
  lowers(ropeBackward, (out, { x, y, otherX, otherY, ...tensors }, attributes) => {
    const { heads: H, otherHeads: G, headSize: D, accumulate, accumulateOther } = attributes;
    const M = x.rows;
    out.add({
      shader,
      entry: 'add_turned',
      types: { Elem: x.dtype },
      constants: {
        DIRECTION: -1,
        ACCUMULATE: Number(accumulate),
        ACCUMULATE_OTHER: Number(accumulateOther),
      },
      tensors: { ...tensors, x, y, otherX: otherX ?? x, otherY: otherY ?? unused(out, y) },
      params: paramsOf(M, attributes),
      workgroups: Math.ceil((M * (H + G) * D) / 2 / 64),
      flops: 4 * (x.size + (otherX?.size ?? 0)),
    });
  }),
  lowers(ropeIntoCacheKind, (out, { q, k, ...tensors }, attributes) => {
    const { heads: H, otherHeads: G, headSize: D } = attributes;
    const M = q.rows;
    out.add({
      shader,
      entry: 'into_cache',
      types: { Elem: q.dtype },
      constants: { DIRECTION: 1 },
      tensors: { ...tensors, turned: q, otherTurned: k },
      params: { ...paramsOf(M, attributes), T: tensors.keys.rows },
      workgroups: Math.ceil((M * (H + 2 * G) * D) / 2 / 64),
      flops: 4 * (q.size + k.size),
    });
  }),
];

function paramsOf(
  M: number,
  { heads: H, otherHeads: G, headSize: D, pairs: R, scaling }: RopeAttributes,
): Record<string, number> {
  return { M, H, G, D, R, T: 0, scaling };
}

/** The binding of the second matrix must exist; without one nothing is written to it. */
function unused(out: Dispatches, { dtype }: Tensor): Tensor {
  return out.tensor([2], dtype, 'no second matrix');
}
