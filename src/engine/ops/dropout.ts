import source from '../../../shaders/dropout.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('dropout', source);

export interface Dropout {
  /** Chance of an element to be dropped: 0 ≤ p < 1. */
  probability: number;
  /** u32 [1], external: another one each micro-batch. */
  seed: Tensor;
  /** Sets places of the model apart that drop under the same seed. */
  salt: number;
}

/** y (+)= dropout(x), without a gradient of its own: the gradient of dropout is the same call on dy. */
export function dropoutInto(
  tape: Tape,
  x: Tensor,
  y: Tensor,
  { probability, seed, salt }: Dropout,
  accumulate = false,
): void {
  tape.dispatch({
    shader,
    types: { Elem: x.dtype },
    constants: { ACCUMULATE: Number(accumulate) },
    tensors: { x, seed, y },
    params: { size: x.size, salt, probability },
    workgroups: elementGroups(x.size),
    flops: 12 * x.size,
  });
}
