import source from '../../../../shaders/attention.wgsl?raw';
import decodeSource from '../../../../shaders/attention_decode.wgsl?raw';
import tileSource from '../../../../shaders/attention_tile.wgsl?raw';
import aloneSource from '../../../../shaders/matmul_alone.wgsl?raw';
import quadSource from '../../../../shaders/matmul_quad.wgsl?raw';
import {
  attentionKeys,
  attentionKind,
  attentionPrepare,
  attentionQueries,
  type AttentionAttributes,
} from '../../ops/attention.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, type Dispatches } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { dispatchPieces } from '../pace.ts';
import { addDispatch, copyDispatch } from './add.ts';

const lanesShader = parseShader('attention', `${source}\n${aloneSource}`);
const quadsShader = parseShader('attention', `${source}\n${quadSource}`);
const tilesShader = parseShader('attention_tile', tileSource);
const decodeShader = parseShader('attention_decode', decodeSource);

/**
 * Which kernels: `tiles` in shared memory for GPUs, `lanes` without it for software adapters, `decode` for few queries over long
 * caches (inference only).
 */
export type AttentionFamily = 'lanes' | 'tiles' | 'decode';

/** Up to here `decode` is chosen on GPUs, where a thread for each query would leave most of them idle; not yet measured on one. */
const DECODE_QUERIES = 64;
/**
 * The same on software adapters: over 512 keys of 9 heads of 64 numbers, one query takes 1.4 ms on lavapipe, with `lanes` 2.2 ms; 8 queries of one
 * cache take 16 ms and 2.3 ms.
 */
const SOFTWARE_DECODE_QUERIES = 2;
/** Rows of a workgroup of attention_tile.wgsl, and how many numbers of a row it takes at a time. */
const TILE_ROWS = 32;
const TILE_COLUMNS = 32;
/** Rows of a thread of attention.wgsl. */
const LANE_ROWS = 4;
/** Threads of a workgroup of attention.wgsl: 4, 8 and 16 are within a tenth of each other on lavapipe, and 4 wastes the least on causal edges. */
const LANES = 4;

export const attentionLowerings = [
  lowers(attentionKind, (out, { q, k, v, keyRanges, o, lse: saved }, attributes) => {
    const { heads: H, headSize: D } = attributes;
    const M = q.rows;
    const differentiable = saved !== undefined;
    const family = givenFamily(attributes) ?? chooseFamily(out, M, differentiable || attributes.ranges > 1);
    if (family === 'decode') {
      if (differentiable) throw new Error('attention: decode has no backward');
      const { types, params, flops } = describe(q, k, attributes);
      out.add({
        shader: decodeShader,
        types,
        constants: { D, THREADS: out.target.kernels === 'software' ? 64 : 128 },
        tensors: { q, k, v, keyRanges, o },
        params,
        workgroups: M * H,
        flops,
      });
      return;
    }
    const { common, constants, blocks, flops } = kernels(out, family, q, k, attributes);
    // The binding must exist; without a backward nothing is written to it.
    const lse = saved ?? out.tensor([1], 'f32', 'log-sum-exp of attention');
    summed(out, family, o, false, (sums) =>
      inBlocks(out, blocks(M, H), flops, {
        ...common,
        entry: 'forward',
        constants: { ...constants, SAVE: Number(differentiable) },
        tensors: { q, k, v, keyRanges, o: sums, lse },
      }),
    );
  }),
  lowers(attentionPrepare, (out, { k, lse, o, dO, keyRanges, rows }, attributes) => {
    const { types, params } = describe(o, k, attributes);
    out.add({
      shader: lanesShader,
      types,
      entry: 'prepare',
      constants: { RANGES: attributes.ranges },
      tensors: { saved: lse, result: o, dO, keyRanges, prepared: rows },
      params: { ...params, quads: attributes.headSize / 4, first: 0 },
      workgroups: Math.ceil((o.rows * attributes.heads) / 64),
      flops: 2 * o.size,
    });
  }),
  lowers(attentionQueries, (out, { dq: target, ...tensors }, { accumulate: add, ...attributes }) => {
    const { q, k } = tensors;
    const family = backwardFamily(out, attributes);
    const { common, constants, blocks, flops } = kernels(out, family, q, k, attributes);
    summed(out, family, target, add, (dq, accumulate) =>
      inBlocks(out, blocks(q.rows, attributes.heads), 1.5 * flops, {
        ...common,
        entry: 'queries',
        constants: { ...constants, ACCUMULATE: Number(accumulate) },
        tensors: { ...tensors, dq },
      }),
    );
  }),
  lowers(
    attentionKeys,
    (
      out,
      { dk: targetK, dv: targetV, ...tensors },
      { accumulateK: addK, accumulateV: addV, ...attributes },
    ) => {
      const { q, k } = tensors;
      const family = backwardFamily(out, attributes);
      const { common, constants, blocks, flops } = kernels(out, family, q, k, attributes);
      summed(out, family, targetK, addK, (dk, accumulateK) =>
        summed(out, family, targetV, addV, (dv, accumulateV) =>
          inBlocks(out, blocks(k.rows, attributes.kvHeads), 2 * flops, {
            ...common,
            entry: 'keys',
            constants: {
              ...constants,
              ACCUMULATE_K: Number(accumulateK),
              ACCUMULATE_V: Number(accumulateV),
            },
            tensors: { ...tensors, dk, dv },
          }),
        ),
      );
    },
  ),
];

/** The family that a test or a measurement chose. */
function givenFamily({ family }: AttentionAttributes): AttentionFamily | undefined {
  return family as AttentionFamily | undefined;
}

function chooseFamily(out: Dispatches, M: number, differentiable: boolean): AttentionFamily {
  if (out.target.tuning.simple.attention) return 'lanes';
  const software = out.target.kernels === 'software';
  if (!differentiable && M <= (software ? SOFTWARE_DECODE_QUERIES : DECODE_QUERIES)) return 'decode';
  return software ? 'lanes' : 'tiles';
}

function backwardFamily(out: Dispatches, attributes: AttentionAttributes): AttentionFamily {
  return givenFamily(attributes) ?? chooseFamily(out, 0, true);
}

/** Types and parameters of every kernel over queries like `q` and keys like `k`. */
function describe(
  q: Tensor,
  k: Tensor,
  { heads: H, kvHeads: KV, headSize: D, window, scale }: AttentionAttributes,
) {
  const M = q.rows;
  const N = k.rows;
  return {
    types: { Elem: q.dtype },
    params: { M, N, H, KV, window, scale },
    // Two products for each pair. Half of the pairs, as in one causal segment: the ranges are data, so this is a guess.
    flops: 2 * M * N * H * D,
  };
}

/** The kernels of a family that is differentiable. */
function kernels(
  out: Dispatches,
  family: AttentionFamily,
  q: Tensor,
  k: Tensor,
  attributes: AttentionAttributes,
) {
  const D = attributes.headSize;
  const { types, params, flops } = describe(q, k, attributes);
  const tiles = family === 'tiles';
  const { simple, matmul } = out.target.tuning;
  const inQuads = !tiles && out.target.features.subgroups && matmul.quads && !simple.attention;
  const constants: Record<string, number> = {
    RANGES: attributes.ranges,
    ...(tiles ? { PARTS: Math.ceil(D / TILE_COLUMNS) } : { LANES, QUADS: Number(inQuads) }),
  };
  return {
    constants,
    flops,
    common: {
      shader: tiles ? tilesShader : inQuads ? quadsShader : lanesShader,
      types,
      subgroups: inQuads,
      params: { ...params, quads: D / 4 },
    },
    blocks: (rows: number, groups: number): Blocks => [
      Math.ceil(rows / (tiles ? TILE_ROWS : LANES * LANE_ROWS)),
      groups,
    ],
  };
}

type Blocks = readonly [x: number, y: number];

/** Adds a kernel over blocks of rows: in several dispatches if one would have more operations than a submit should. */
function inBlocks(
  out: Dispatches,
  [x, y]: Blocks,
  flops: number,
  request: Omit<Parameters<Dispatches['add']>[0], 'workgroups' | 'flops'>,
): void {
  const step = Math.ceil(x / dispatchPieces(flops, out.target.tuning.flopsPerSubmit));
  for (let first = 0; first < x; first += step) {
    const count = Math.min(step, x - first);
    out.add({
      ...request,
      params: { ...request.params, first },
      workgroups: [count, y, 1],
      flops: (flops * count) / x,
    });
  }
}

/** The lanes family accumulates in its results, which must be f32. Gives `write` an f32 tensor, and converts it if the real one is f16. */
function summed(
  out: Dispatches,
  family: AttentionFamily,
  target: Tensor,
  accumulate: boolean,
  write: (sums: Tensor, accumulate: boolean) => void,
): void {
  if (family === 'tiles' || target.dtype === 'f32') {
    write(target, accumulate);
    return;
  }
  const sums = out.tensor(target.shape, 'f32', `sums of ${target.label}`);
  write(sums, false);
  if (accumulate) addDispatch(out, sums, target);
  else copyDispatch(out, sums, target);
}
