/** The end of a product whose K was split: matmul_reduce.wgsl. */
import reduceSource from '../../../../shaders/matmul_reduce.wgsl?raw';
import type { MatmulOptions } from '../../ops/matmul.ts';
import type { Tensor } from '../../tensor.ts';
import type { Dispatches } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { elementOf } from './shape.ts';

const shader = parseShader('matmul_reduce', reduceSource);

/**
 * Adds up the parts of a product, and what is added to it.
 *
 * @param sum f32 [parts, M, columns of C]
 */
export function reduceDispatch(
  out: Dispatches,
  sum: Tensor,
  parts: number,
  {
    c,
    bias,
    residual,
    accumulate = false,
    scale = 1,
  }: Pick<MatmulOptions, 'bias' | 'residual' | 'accumulate' | 'scale'> & { readonly c: Tensor },
): void {
  out.add({
    shader,
    types: { ElemC: elementOf(c) },
    constants: {
      BIAS: Number(bias !== undefined),
      RESIDUAL: Number(residual !== undefined),
      ACCUMULATE: Number(accumulate),
    },
    tensors: { partial: sum, c, bias: bias ?? sum, residual: residual ?? sum },
    params: { size: c.size, N: c.columns, pitchC: c.pitch, parts, scale },
    workgroups: Math.ceil(c.size / 64),
    flops: c.size * parts,
  });
}
