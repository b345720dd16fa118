import source from '../../../shaders/attention.wgsl?raw';
import decodeSource from '../../../shaders/attention_decode.wgsl?raw';
import aloneSource from '../../../shaders/matmul_alone.wgsl?raw';
import quadSource from '../../../shaders/matmul_quad.wgsl?raw';
import tileSource from '../../../shaders/attention_tile.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { addInto, copy } from './add.ts';

const lanesShader = parseShader('attention', `${source}\n${aloneSource}`);
const quadsShader = parseShader('attention', `${source}\n${quadSource}`);
const tilesShader = parseShader('attention_tile', tileSource);
const decodeShader = parseShader('attention_decode', decodeSource);

/**
 * Which kernels: `tiles` in shared memory for GPUs, `lanes` without it for software adapters, `decode` for few queries over long
 * caches (inference only).
 */
export type AttentionFamily = 'lanes' | 'tiles' | 'decode';

export interface AttentionOptions {
  /** Queries [M, H·D], f32 or f16 as all of them. */
  q: Tensor;
  /** Keys [N, KV·D]. */
  k: Tensor;
  /** Values [N, KV·D]. */
  v: Tensor;
  /** u32 [M, 2]: query m attends to the rows start … end − 1 of k and v. With start = end its result and its gradients are zero. */
  keyRanges: Tensor;
  /**
   * u32 [N, 2]: key j is seen by none but the queries first … last − 1, which the reverse of k and v walks; `keyRanges` says
   * which of them do. Needed where k or v has a gradient. With a window, query first + i must end behind key j + i, as in causal rows, if
   * it sees the key at all: of the queries only as many are walked as the window is wide.
   */
  queryRanges?: Tensor;
  heads: number;
  kvHeads: number;
  /** A multiple of 4, at most 256. */
  headSize: number;
  /** Factor of the scores, usually 1/√D. */
  scale: number;
  /** Only the last so many keys of a query's range, its own included (Mistral's sliding window); 0 for all. */
  window?: number;
  /** Left out: as the target suggests. */
  family?: AttentionFamily;
}

const MAX_HEAD_SIZE = 256;
/** Up to here `decode` is chosen on GPUs, where a thread for each query would leave most of them idle; not yet measured on one. */
const DECODE_QUERIES = 64;
/**
 * And on software adapters: over 512 keys of 9 heads of 64 numbers, one query takes 1.4 ms on lavapipe, `lanes` 2.2 ms; 8 queries of one
 * cache 16 ms and 2.3 ms.
 */
const SOFTWARE_DECODE_QUERIES = 2;
/** Rows of a workgroup of attention_tile.wgsl, and how many numbers of a row it takes at a time. */
const TILE_ROWS = 32;
const TILE_COLUMNS = 32;
/** Rows of a thread of attention.wgsl. */
const LANE_ROWS = 4;
/** Threads of a workgroup of attention.wgsl: 4, 8 and 16 are within a tenth of each other on lavapipe, and 4 wastes the least on causal edges. */
const LANES = 4;

/** softmax(scale · q·kᵀ)·v of each head, over each query's own range of keys. Result [M, H·D]. */
export function attention(tape: Tape, options: AttentionOptions): Tensor {
  const { q, k, v, keyRanges, queryRanges, heads: H, kvHeads: KV, headSize: D, scale, window = 0 } = options;
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
  if (keyRanges.size !== M * 2 || (queryRanges && queryRanges.size !== N * 2))
    throw new Error('attention: a range per row is needed');

  const differentiable = tape.training && [q, k, v].some((tensor) => tensor.requiresGrad);
  const family = options.family ?? chooseFamily(tape, M, differentiable);
  const types = { Elem: q.dtype };
  const params = { M, N, H, KV, window, scale };
  // Two products for each pair. Half of the pairs, as in one causal segment: the ranges are data, so this is a guess.
  const flops = 2 * M * N * H * D;
  const o = tape.tensor(q.shape, q.dtype, 'attention');

  if (family === 'decode') {
    if (differentiable) throw new Error('attention: decode has no reverse');
    const constants = { D, THREADS: tape.target.software ? 64 : 128 };
    tape.dispatch({
      shader: decodeShader,
      types,
      constants,
      tensors: { q, k, v, keyRanges, o },
      params,
      workgroups: M * H,
      flops,
    });
    return o;
  }

  const tiles = family === 'tiles';
  const inQuads = !tiles && tape.target.features.subgroups && tape.target.tuning.matmul.quads;
  const shader = tiles ? tilesShader : inQuads ? quadsShader : lanesShader;
  const constants: Record<string, number> = tiles
    ? { PARTS: Math.ceil(D / TILE_COLUMNS) }
    : { LANES, QUADS: Number(inQuads) };
  const common = { shader, types, subgroups: inQuads, params: { ...params, quads: D / 4 } };
  const blocks = (rows: number, groups: number): [number, number, number] => [
    Math.ceil(rows / (tiles ? TILE_ROWS : LANES * LANE_ROWS)),
    groups,
    1,
  ];
  /** The lanes family sums up in its results, which must be f32: gives such a tensor to `write`, and converts where the real one is not. */
  const summed = (
    target: Tensor,
    accumulate: boolean,
    write: (sums: Tensor, accumulate: boolean) => void,
  ): void => {
    if (tiles || target.dtype === 'f32') {
      write(target, accumulate);
      return;
    }
    const sums = tape.tensor(target.shape, 'f32', `sums of ${target.label}`);
    write(sums, false);
    if (accumulate) addInto(tape, sums, target);
    else copy(tape, sums, target);
  };

  const lse = tape.tensor(differentiable ? [M, H] : [1], 'f32', 'log-sum-exp of attention');
  summed(o, false, (sums) => {
    const tensors = { q, k, v, keyRanges, o: sums, lse };
    tape.dispatch({
      ...common,
      entry: 'forward',
      constants: { ...constants, SAVE: Number(differentiable) },
      tensors,
      workgroups: blocks(M, H),
      flops,
    });
  });

  tape.record([o], [q, k, v], () => {
    const dO = tape.gradient(o);
    const rows = tape.tensor([M, H, 4], 'u32', 'rows of attention');
    const tensors = { saved: lse, result: o, dO, keyRanges, prepared: rows };
    tape.dispatch({
      ...common,
      shader: lanesShader,
      subgroups: false,
      entry: 'prepare',
      tensors,
      workgroups: Math.ceil((M * H) / 64),
      flops: 2 * o.size,
    });

    tape.addGradient(q, (target, add) => {
      summed(target, add, (dq, accumulate) => {
        const tensors = { q, k, v, keyRanges, dO, rows, dq };
        const variant = { ...constants, ACCUMULATE: Number(accumulate) };
        tape.dispatch({
          ...common,
          entry: 'queries',
          constants: variant,
          tensors,
          workgroups: blocks(M, H),
          flops: 1.5 * flops,
        });
      });
    });

    const keys = (targetK: Tensor, addK: boolean, targetV: Tensor, addV: boolean): void => {
      if (!queryRanges) throw new Error('attention: the gradients of k and v need queryRanges');
      summed(targetK, addK, (dk, accumulateK) => {
        summed(targetV, addV, (dv, accumulateV) => {
          const tensors = { q, k, v, dO, rows, queryRanges, dk, dv };
          const variant = {
            ...constants,
            ACCUMULATE_K: Number(accumulateK),
            ACCUMULATE_V: Number(accumulateV),
          };
          tape.dispatch({
            ...common,
            entry: 'keys',
            constants: variant,
            tensors,
            workgroups: blocks(N, KV),
            flops: 2 * flops,
          });
        });
      });
    };
    // One dispatch makes both; where only one is asked for, the other goes to memory that nobody reads.
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

function chooseFamily(tape: Tape, M: number, differentiable: boolean): AttentionFamily {
  if (!differentiable && M <= (tape.target.software ? SOFTWARE_DECODE_QUERIES : DECODE_QUERIES))
    return 'decode';
  return tape.target.software ? 'lanes' : 'tiles';
}
