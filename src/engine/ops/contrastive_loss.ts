import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import { Tensor } from '../tensor.ts';
import { matmul } from './matmul.ts';
import { OWN_SLOT } from './step.ts';

/** The roles of texts that are not queries: one that queries are compared with, and padding. */
export const [CANDIDATE, NO_TEXT] = [0xffff_fffe, 0xffff_ffff];

/** Slots of `total` from OWN_SLOT on: queries whose own text comes first, its cosine, and that of the nearest other one. */
export const CONTRASTIVE_SUMS = 3;

/**
 * total[LOSS_SLOT] += Σ over queries i of −ln softmax over candidates j of (scores[i, j] / temperature), at the text that answers it; and the sums
 * after OWN_SLOT likewise. With dscores, dscores = scale · the gradient of the summed loss.
 */
export const contrastiveLossKind = operationKind<
  { scores: Tensor; roles: Tensor; total: Tensor; dscores?: Tensor },
  { readonly temperature: number; scale: number }
>('contrastive_loss');

/**
 * The summed loss of queries against all texts of a batch (in-batch negatives: Henderson and others, 2017): each should be nearest to the text that
 * answers it. The gradient of the loss must be a known
 * number when the backward is recorded.
 *
 * @param x f32 [S, C], rows of length 1; S is a multiple of four
 * @param roles u32 [S]: for a query the index of the text that answers it, else {@link CANDIDATE} or {@link NO_TEXT}
 * @param total f32, uploaded, with {@link CONTRASTIVE_SUMS} slots after OWN_SLOT
 * @param temperature by which cosines are divided
 * @returns the loss, in the memory and shape of `total`
 * @throws Error if S is not a multiple of four, or if `roles` or `total` has the wrong size; when the backward is recorded, if the gradient of the
 * loss is not a known number
 */
export function contrastiveLoss(
  tape: Tape,
  { x, roles, total }: Record<'x' | 'roles' | 'total', Tensor>,
  temperature: number,
): Tensor {
  const S = x.rows;
  if (S % 4 !== 0 || roles.size !== S || total.size < OWN_SLOT + CONTRASTIVE_SUMS)
    throw new Error(`contrastiveLoss: ${S} texts, ${roles.size} roles, ${total.size} slots for the sums`);
  const scores = matmul(tape, {
    ...{ a: x, b: x, layout: 'NT' },
    c: tape.tensor([S, S], 'f32', `cosines of ${x.label}`),
  });
  const tensors: { scores: Tensor; roles: Tensor; total: Tensor; dscores?: Tensor } = {
    scores,
    roles,
    total,
  };
  const { attributes } = tape.append(contrastiveLossKind, tensors, { temperature, scale: 1 });
  const loss = new Tensor(total.storage, total.shape, total.dtype, total.offset);
  tape.record([loss], [x], () => {
    const scale = tape.factor(loss);
    if (scale === undefined) throw new Error('The gradient of a contrastive loss must be a known number');
    attributes.scale = scale;
    const dscores = tape.tensor([S, S], 'f32', `d ${scores.label}`);
    tensors.dscores = dscores;
    // A row is a query of some cosines and a candidate of others.
    tape.addGradient(x, (dx, accumulate) => {
      matmul(tape, { a: dscores, b: x, layout: 'NN', c: dx, accumulate });
      matmul(tape, { a: dscores, b: x, layout: 'TN', c: dx, accumulate: true });
    });
  });
  return loss;
}
