import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import type { AttentionAttributes, AttentionOptions } from './attention.ts';

/** p [H, M, N] = softmax(scale · q·kᵀ) over each query's range of keys, 0 outside. */
export const attentionMapKind = operationKind<
  { q: Tensor; k: Tensor; keyRanges: Tensor; p: Tensor },
  Omit<AttentionAttributes, 'family' | 'ranges'>
>('attention_map');

/**
 * The probabilities with which each query of each head sees each key: f32 [H, M, N]. `attention` never has them as a whole, so this is for those
 * who want to look at them; it has no gradient.
 *
 * @throws Error unless `keyRanges` is u32 [M, 2], one range for each query
 */
export function attentionMap(
  tape: Tape,
  {
    q,
    k,
    keyRanges,
    heads,
    kvHeads,
    headSize,
    scale,
    window = 0,
  }: Omit<AttentionOptions, 'v' | 'queryRanges' | 'family'>,
): Tensor {
  if (keyRanges.size !== q.rows * 2) throw new Error('attention map: one range per query is needed');
  const p = tape.tensor([heads, q.rows, k.rows], 'f32', 'attention map');
  tape.append(attentionMapKind, { q, k, keyRanges, p }, { heads, kvHeads, headSize, scale, window });
  return p;
}
