import source from '../../../shaders/rope.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import { Tensor } from '../tensor.ts';

const shader = parseShader('rope', source);

export interface RopeOptions {
  heads: number;
  headSize: number;
  /** How many numbers of each head turn, from its first; even. All if left out. */
  rotary?: number;
  /** f32 [rotary / 2], external: radians per position of each pair, already scaled as the model wants. */
  inverseFrequencies: Tensor;
  /** Multiplies cosine and sine (YaRN's attention factor). */
  attentionScaling?: number;
}

/**
 * Rotary position embedding, in place: x [M, H·D] in any float type is turned where it lies, and the result is the same memory, so
 * nothing may read x afterwards. positions u32 [M].
 */
export function rope(tape: Tape, x: Tensor, positions: Tensor, options: RopeOptions): Tensor {
  const { heads: H, headSize: D, rotary = D, inverseFrequencies, attentionScaling = 1 } = options;
  const M = x.rows;
  const R = rotary / 2;
  if (x.columns !== H * D || rotary > D || rotary % 2 !== 0 || D % 2 !== 0)
    throw new Error(`rope: [${x.shape}] is not ${H} heads of ${D} with ${rotary} to turn`);
  if (positions.size !== M || inverseFrequencies.size !== R)
    throw new Error(`rope: ${M} positions and ${R} frequencies are needed`);
  const types = { Elem: x.dtype };
  const params = { M, H, D, R, scaling: attentionScaling };
  const y = new Tensor(x.storage, x.shape, x.dtype, x.offset);
  tape.dispatch({
    shader,
    entry: 'in_place',
    types,
    constants: { DIRECTION: 1 },
    tensors: { positions, inverseFrequencies, turned: y },
    params,
    workgroups: Math.ceil((M * H * R) / 64),
    flops: 4 * x.size,
  });

  tape.record([y], [x], () => {
    // Others may hold the gradient of y (a residual's, for example), so it is not turned in place.
    const dy = tape.gradient(y);
    tape.addGradient(x, (dx, accumulate) => {
      tape.dispatch({
        shader,
        entry: 'add_turned',
        types,
        constants: { DIRECTION: -1, ACCUMULATE: Number(accumulate) },
        tensors: { positions, inverseFrequencies, x: dy, y: dx },
        params,
        workgroups: Math.ceil((M * H * D) / 2 / 64),
        flops: 4 * x.size,
      });
    });
  });
  return y;
}
