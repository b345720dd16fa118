import source from '../kernels/attention.ts?raw';
import backwardSource from '../kernels/attention_backward.ts?raw';
import {
  attentionKeys,
  attentionKind,
  attentionPrepare,
  attentionQueries,
  type AttentionAttributes,
} from '../../ops/attention.ts';
import type { Tensor } from '../../tensor.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';

const file = parseKernels('attention', source);
const backward = parseKernels('attention_backward', backwardSource);

/** Rows of a unit of the backward pass: OWN in kernels/attention_rows.ts. */
const OWN_ROWS = 48;
/** Without a backward, up to this many queries are computed one by one: so few are those of a decoder, each of another sequence. */
const DECODE_QUERIES = 32;
/** Queries of a unit at most: each packs the keys that it meets. */
const MAX_QUERIES = 192;
/** Queries of a unit are a multiple of the rows of a tile. */
const TILE_ROWS = 6;
/** Units for each thread, if there are enough. */
const UNITS_OF_A_THREAD = 16;
/** No gradient is added to one that is there. */
const OVERWRITE = { accumulate: 0, accumulateV: 0 };

export const attentionLowerings = [
  lowers(attentionKind, (out, { q, k, v, keyRanges, o, lse }, attributes) => {
    const { heads: H } = attributes;
    const decode = !lse && attributes.ranges === 1 && q.rows <= DECODE_QUERIES;
    checkF32(q, k, v, o);
    const own = queriesOfUnit(q.rows, H, out.target.threads);
    out.add({
      file,
      kernel: decode ? 'attentionDecode' : 'attention',
      tensors: { q, k, v, keyRanges, o, lse },
      params: { ...describe(q, k, attributes), own },
      units: decode ? q.rows * H : Math.ceil(q.rows / own) * H,
      grain: 1,
      flops: flopsOf(q, k, attributes),
    });
  }),
  lowers(attentionPrepare, (out, { k, lse, o, dO, keyRanges, rows }, attributes) => {
    checkF32(o, dO);
    out.add({
      file: backward,
      kernel: 'attentionPrepare',
      tensors: { saved: lse, result: o, dO, keyRanges, prepared: rows },
      params: { ...describe(o, k, attributes), ...OVERWRITE },
      units: o.rows * attributes.heads,
      grain: 64,
      flops: 2 * o.size,
    });
  }),
  lowers(attentionQueries, (out, { keyRanges, ...others }, { accumulate, ...attributes }) => {
    const { q, k, v, dO, dq } = others;
    // Otherwise the rows have them.
    const tensors = { ...others, ...(attributes.ranges > 1 && { keyRanges }) };
    checkF32(q, k, v, dO, dq);
    out.add({
      file: backward,
      kernel: 'attentionQueries',
      tensors,
      params: { ...describe(q, k, attributes), ...OVERWRITE, accumulate: Number(accumulate) },
      units: Math.ceil(q.rows / OWN_ROWS) * attributes.heads,
      grain: 1,
      flops: 1.5 * flopsOf(q, k, attributes),
    });
  }),
  lowers(attentionKeys, (out, tensors, { accumulateK, accumulateV, ...attributes }) => {
    const { q, k, v, dO, dk, dv } = tensors;
    checkF32(q, k, v, dO, dk, dv);
    out.add({
      file: backward,
      kernel: 'attentionKeys',
      tensors,
      params: {
        ...describe(q, k, attributes),
        accumulate: Number(accumulateK),
        accumulateV: Number(accumulateV),
      },
      units: Math.ceil(k.rows / OWN_ROWS) * attributes.kvHeads,
      grain: 1,
      flops: 2 * flopsOf(q, k, attributes),
    });
  }),
];

/** Queries of a unit of the forward pass: many, but several units for each thread, and about as many in each. */
function queriesOfUnit(queries: number, heads: number, threads: number): number {
  const wanted = Math.ceil((threads * UNITS_OF_A_THREAD) / heads);
  const blocks = Math.max(Math.ceil(queries / MAX_QUERIES), Math.min(wanted, Math.ceil(queries / OWN_ROWS)));
  return Math.ceil(queries / blocks / TILE_ROWS) * TILE_ROWS;
}

/** The number arguments of every kernel over queries like `q` and keys like `k`. */
function describe(
  q: Tensor,
  k: Tensor,
  { heads: H, kvHeads: KV, headSize: D, window, ranges, scale }: AttentionAttributes,
): Record<string, number> {
  return { M: q.rows, N: k.rows, H, KV, D, window, ranges, scale };
}

/** Two products for each pair. Half of the pairs, as in one causal segment: the ranges are data, so this is a guess. */
function flopsOf(q: Tensor, k: Tensor, { heads: H, headSize: D }: AttentionAttributes): number {
  return 2 * q.rows * k.rows * H * D;
}
