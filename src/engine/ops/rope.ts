import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import { Tensor } from '../tensor.ts';

interface Attributes {
  heads: number;
  headSize: number;
  /** Pairs of each head that turn. */
  pairs: number;
  scaling: number;
}

/** Turns `turned` [M, H·D] where it lies. */
export const ropeKind = operationKind<
  { positions: Tensor; inverseFrequencies: Tensor; turned: Tensor },
  Attributes
>('rope');
/** y (+)= x, turned the other way. */
export const ropeBackward = operationKind<
  { positions: Tensor; inverseFrequencies: Tensor; x: Tensor; y: Tensor },
  Attributes & { accumulate: boolean }
>('rope.backward');

interface RopeOptions {
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
 * Rotary position embedding (Su and others, 2021), in place: x [M, H·D] in any float type is turned where it lies, and the result is the same memory, so
 * nothing may read x afterwards. positions u32 [M].
 *
 * @throws Error if x is not [M, H·D], if D or `rotary` is odd, or if positions or frequencies have another number of elements
 */
export function rope(tape: Tape, x: Tensor, positions: Tensor, options: RopeOptions): Tensor {
  const { heads: H, headSize: D, rotary = D, inverseFrequencies, attentionScaling = 1 } = options;
  const M = x.rows;
  const R = rotary / 2;
  if (x.columns !== H * D || rotary > D || rotary % 2 !== 0 || D % 2 !== 0)
    throw new Error(`rope: [${x.shape}] is not ${H} heads of ${D} with ${rotary} to turn`);
  if (positions.size !== M || inverseFrequencies.size !== R)
    throw new Error(`rope: ${M} positions and ${R} frequencies are needed`);
  const attributes = { heads: H, headSize: D, pairs: R, scaling: attentionScaling };
  const y = new Tensor(x.storage, x.shape, x.dtype, x.offset);
  tape.append(ropeKind, { positions, inverseFrequencies, turned: y }, attributes);

  tape.record([y], [x], () => {
    // Other tensors may share the gradient of y (a residual's, for example), so it is not rotated in place.
    const dy = tape.gradient(y);
    tape.addGradient(x, (dx, accumulate) =>
      tape.append(
        ropeBackward,
        { positions, inverseFrequencies, x: dy, y: dx },
        { ...attributes, accumulate },
      ),
    );
  });
  return y;
}
