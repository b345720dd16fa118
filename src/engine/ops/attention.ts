import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

export interface AttentionOptions {
  /** Queries [M, H·D]. All three are f32, or all f16. */
  q: Tensor;
  /** Keys [N, KV·D]. */
  k: Tensor;
  /** Values [N, KV·D]. */
  v: Tensor;
  /**
   * u32 [M, 2]: query m attends to the rows start … end − 1 of k and v. With start = end its result and its gradients are zero. Or u32
   * [M, 2·ranges], several such ranges in the order of its sequence, some of them empty: tokens that a query shares with others, and its own up to itself.
   */
  keyRanges: Tensor;
  /**
   * u32 [N, 2]: only the queries first … last − 1 can see key j; the backward of k and v walks them, and `keyRanges` says which of them do see it.
   * Needed if k or v has a gradient. With a window, query first + i must end after key j + i, as in causal rows, if it sees the key at all: only
   * as many queries are walked as the window is wide. With several ranges a query, the queries that see key j without a window are exactly these, and
   * `first` is at its position.
   */
  queryRanges?: Tensor;
  heads: number;
  kvHeads: number;
  /** A multiple of 4, at most 256. */
  headSize: number;
  /** Factor of the scores, usually 1/√D. */
  scale: number;
  /** How many of the last keys of its range a query sees, its own included (Mistral's sliding window); 0 for all. */
  window?: number;
  /** Chooses among the backend's kernels, in the backend's own terms: for tests and measurements. */
  family?: unknown;
}

/** The attributes that all operations of attention share. */
export interface AttentionAttributes {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly scale: number;
  readonly window: number;
  /** How many ranges of keys a query has. */
  readonly ranges: number;
  readonly family?: unknown;
}

/** o [M, H·D] = softmax(scale · q·kᵀ)·v of each head; lse f32 [M, H] (optional): the log-sum-exp of the scores. */
export const attentionKind = operationKind<
  { q: Tensor; k: Tensor; v: Tensor; keyRanges: Tensor; o: Tensor; lse?: Tensor },
  AttentionAttributes
>('attention');
/** rows [M, H, 4] = what the backward needs of each row of o: its log-sum-exp, Σ o · dO, and its range; with several ranges, its position. */
export const attentionPrepare = operationKind<
  { k: Tensor; lse: Tensor; o: Tensor; dO: Tensor; keyRanges: Tensor; rows: Tensor },
  AttentionAttributes
>('attention.prepare');
/** dq (+)= its gradient. */
export const attentionQueries = operationKind<
  { q: Tensor; k: Tensor; v: Tensor; keyRanges: Tensor; dO: Tensor; rows: Tensor; dq: Tensor },
  AttentionAttributes & { accumulate: boolean }
>('attention.queries');
/** dk (+)= and dv (+)= their gradients. */
export const attentionKeys = operationKind<
  { q: Tensor; k: Tensor; v: Tensor; dO: Tensor; rows: Tensor; queryRanges: Tensor; dk: Tensor; dv: Tensor },
  AttentionAttributes & { accumulateK: boolean; accumulateV: boolean }
>('attention.keys');

const MAX_HEAD_SIZE = 256;

/**
 * softmax(scale · q·kᵀ)·v of each head, over each query's own range of keys. The [M, N] probabilities are never stored: the backward computes them
 * again from the log-sum-exp of each row (Dao and others, 2022, "FlashAttention").
 *
 * @returns [M, H·D] in the type of q
 * @throws Error for a head size that is not a multiple of 4 up to 256, heads that are not a multiple of the key heads, or tensors of other shapes;
 * when the backward is recorded, also if k or v has a gradient and `queryRanges` is missing
 */
export function attention(tape: Tape, options: AttentionOptions): Tensor {
  const { q, k, v, keyRanges, queryRanges, heads: H, kvHeads: KV, headSize: D, window = 0, family } = options;
  const M = q.rows;
  const N = k.rows;
  if (D % 4 !== 0 || D > MAX_HEAD_SIZE)
    throw new Error(`attention: a head size of ${D} is not a multiple of 4 up to ${MAX_HEAD_SIZE}`);
  if (H % KV !== 0) throw new Error(`attention: ${H} heads cannot share ${KV} key heads`);
  if (q.columns !== H * D || k.columns !== KV * D || v.columns !== KV * D || v.rows !== N) {
    throw new Error(
      `attention: q [${q.shape}], k [${k.shape}], v [${v.shape}] do not fit ${H} heads of ${D}, ${KV} for keys`,
    );
  }
  const ranges = keyRanges.size / (M * 2);
  if (!Number.isInteger(ranges) || ranges === 0 || (queryRanges && queryRanges.size !== N * 2))
    throw new Error('attention: a range per row is needed');

  const attributes = { heads: H, kvHeads: KV, headSize: D, scale: options.scale, window, ranges, family };
  const differentiable = tape.training && [q, k, v].some((tensor) => tensor.requiresGrad);
  const o = tape.tensor(q.shape, q.dtype, 'attention');
  const lse = differentiable ? tape.tensor([M, H], 'f32', 'log-sum-exp of attention') : undefined;
  tape.append(attentionKind, { q, k, v, keyRanges, o, lse }, attributes);
  if (!lse) return o;

  tape.record([o], [q, k, v], () => {
    const dO = tape.gradient(o);
    const rows = tape.tensor([M, H, 4], 'u32', 'rows of attention');
    tape.append(attentionPrepare, { k, lse, o, dO, keyRanges, rows }, attributes);
    tape.addGradient(q, (dq, accumulate) =>
      tape.append(attentionQueries, { q, k, v, keyRanges, dO, rows, dq }, { ...attributes, accumulate }),
    );
    const keys = (dk: Tensor, accumulateK: boolean, dv: Tensor, accumulateV: boolean): void => {
      if (!queryRanges) throw new Error('attention: the gradients of k and v need queryRanges');
      const tensors = { q, k, v, dO, rows, queryRanges, dk, dv };
      tape.append(attentionKeys, tensors, { ...attributes, accumulateK, accumulateV });
    };
    // One operation computes both. If only one is needed, the other goes to memory that is never read.
    const unread = (of: Tensor): Tensor => tape.tensor(of.shape, of.dtype, `unread d ${of.label}`);
    if (k.requiresGrad && v.requiresGrad) {
      tape.addGradient(k, (dk, accumulateK) =>
        tape.addGradient(v, (dv, accumulateV) => keys(dk, accumulateK, dv, accumulateV)),
      );
    } else {
      tape.addGradient(k, (dk, accumulate) => keys(dk, accumulate, unread(v), false));
      tape.addGradient(v, (dv, accumulate) => keys(unread(k), false, dv, accumulate));
    }
  });
  return o;
}
