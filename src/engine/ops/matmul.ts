/**
 * Matrix products, without a gradient of their own: linear.ts says what their gradients are.
 *
 *   C[M,N] = scale · op(A)·op(B)  + lowRank.scale · Z·op(L)  + bias  + residual  (+ C)
 *
 * Which of the kernels computes one is decided here, from the shapes and the device's tuning:
 * - `registers` (software adapters): matmul_register.wgsl, its lanes paired with matmul_quad.wgsl where there are subgroups;
 * - `tiles` (GPUs): matmul_tiled.wgsl, and matmul_vector.wgsl for the one to four rows of decoding;
 * - matmul_plain.wgsl for rows that are not whole vec4s;
 * - K split in parts that matmul_reduce.wgsl adds up, where C alone would leave the device idle.
 *
 * A vocabulary need not be a multiple of four. Tensors with a column for each token therefore have `wholeColumns(V)` of them: products
 * write what they like into the columns beyond V, and whoever reads such rows as A must have made those columns zero.
 */
import aloneSource from '../../../shaders/matmul_alone.wgsl?raw';
import plainSource from '../../../shaders/matmul_plain.wgsl?raw';
import quadSource from '../../../shaders/matmul_quad.wgsl?raw';
import reduceSource from '../../../shaders/matmul_reduce.wgsl?raw';
import registerSource from '../../../shaders/matmul_register.wgsl?raw';
import tiledSource from '../../../shaders/matmul_tiled.wgsl?raw';
import vectorSource from '../../../shaders/matmul_vector.wgsl?raw';
import { parseShader, type ElementType, type Shader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Target } from '../target.ts';
import type { Tensor } from '../tensor.ts';
import type { RegisterTile } from '../tuning.ts';

/** NT: A [M,K] · B [N,K]ᵀ. NN: A [M,K] · B [K,N]. TN: A [K,M]ᵀ · B [K,N]. */
export type Layout = 'NT' | 'NN' | 'TN';

export interface MatmulOptions {
  /** Its rows may be padded with zeros, to `wholeColumns` of what B asks for. */
  a: Tensor;
  b: Tensor;
  layout: Layout;
  /** Where the result goes: [M, N], or padded [M, wholeColumns(N)]. A new tensor [M, N] of A's type if left out. */
  c?: Tensor;
  /** z [M, R] and l, which lies as B does: [N, R] for NT, [R, N] otherwise. R is a multiple of four. */
  lowRank?: { z: Tensor; l: Tensor; scale: number };
  /** f32 [N], added to every row. */
  bias?: Tensor;
  /** As C, in shape and type; added. Not C itself: that is `accumulate`. */
  residual?: Tensor;
  /** Adds to what C holds instead of replacing it. */
  accumulate?: boolean;
  /** Factor of A·B alone. */
  scale?: number;
  /** Chooses the kernel instead of the tuning: for tests and measurements. */
  kernel?: Kernel;
}

/** A kernel and how it is laid over the result; `parts` splits K. */
export type Kernel =
  | { family: 'plain'; parts?: number }
  | { family: 'vector'; parts?: undefined }
  | { family: 'tiled'; rows: 1 | 2; parts?: number }
  | { family: 'register'; tile: RegisterTile; lanes: number; alongN: boolean; parts?: number }
  | { family: 'quad'; tile: RegisterTile; lanes: number; alongN: boolean; parts?: number };

type SplitKernel = Exclude<Kernel, { family: 'vector' }>;

export interface Shape {
  M: number;
  N: number;
  K: number;
  /** Elements from one row of A, and of C, to the next: their columns if left out. */
  pitchA?: number;
  pitchC?: number;
}

/** Columns of a tensor whose rows are whole vec4s. */
export function wholeColumns(columns: number): number {
  return Math.ceil(columns / 4) * 4;
}

const shaders: Readonly<Record<Kernel['family'], Shader>> = {
  plain: parseShader('matmul_plain', plainSource),
  vector: parseShader('matmul_vector', vectorSource),
  tiled: parseShader('matmul_tiled', tiledSource),
  register: parseShader('matmul_register', `${registerSource}\n${aloneSource}`),
  quad: parseShader('matmul_quad', `${registerSource}\n${quadSource}`),
};
const reduceShader = parseShader('matmul_reduce', reduceSource);

/** Rows of A that matmul_vector.wgsl takes. */
const VECTOR_ROWS = 4;
/** Side of a tile of matmul_tiled.wgsl, and the k it takes at once. */
const TILE = 64;
const TILE_DEPTH = 16;
/** A part of K should be long enough to be worth the second pass. */
const SHORTEST_PART = 256;
/** Tiles with more rows of blocks than this take seconds to compile, so they are for products of at least that many operations. */
const ROWS_FOR_ALL = 4;
const TALL_TILE_FLOPS = 2 ** 28;
/** Multiply-adds of a SIMD vector that take as long as one gather, about: an estimate for SwiftShader, see matmul_register.wgsl. */
const GATHER_COST = 100;
const MAX_GROUPS = 65_535;
/** The smallest tensor that can be bound as vec4<f32>. */
const VEC4_BYTES = 16;
const PLAIN: Kernel = { family: 'plain' };

/** @returns C */
export function matmul(tape: Tape, options: MatmulOptions): Tensor {
  const { a, b, layout, lowRank, bias, residual, accumulate = false, scale = 1 } = options;
  const shape = shapeOf(options);
  const { M, N, K, pitchC } = shape;
  const c = options.c ?? tape.tensor([M, N], a.dtype, `${a.label} · ${b.label}`);
  // Bindings cannot be left out of an entry point that names them: what a variant does not read is bound to A or B.
  const unused = a.bytes < b.bytes ? b : a;
  const kernel =
    options.kernel ??
    (unused.bytes < VEC4_BYTES || (bias && N % 4 !== 0)
      ? PLAIN
      : chooseKernel(tape.target, layout, shape, lowRank !== undefined));
  const { family } = kernel;
  const { parts, part } = splitOf(kernel, K);
  const shader = shaders[family];
  const finish = {
    BIAS: Number(bias !== undefined),
    RESIDUAL: Number(residual !== undefined),
    ACCUMULATE: Number(accumulate),
  };
  const inRegisters = family === 'register' || family === 'quad';
  const last = parts === 1;
  if (!last && lowRank) throw new Error('matmul: a low-rank term does not go with a split K');
  const sum = last ? c : tape.tensor([parts, M, pitchC], 'f32', `parts of ${c.label}`);
  const z = lowRank?.z ?? unused;
  const l = lowRank?.l ?? unused;

  tape.dispatch({
    shader,
    types: {
      ElemA: elementOf(a),
      ElemB: elementOf(b),
      ElemC: elementOf(sum),
      ElemZ: elementOf(z),
      ElemL: elementOf(l),
    },
    constants: {
      ...constantsOf(kernel, layout),
      ...(inRegisters ? {} : { LOW_RANK: Number(lowRank !== undefined), ...(last ? finish : {}) }),
    },
    subgroups: family === 'quad',
    tensors: { a, b, c: sum, z, l, bias: (last && bias) || unused, residual: (last && residual) || unused },
    params: {
      M,
      N,
      K,
      R: lowRank ? lowRank.z.columns : 0,
      pitchC,
      ...(family === 'vector' ? {} : { part, pitchA: a.columns }),
      ...(inRegisters ? { finish: last ? finishBits(finish) : 0 } : {}),
      scale: last ? scale : 1,
      loraScale: lowRank?.scale ?? 0,
    },
    workgroups: workgroupsOf(kernel, shape, parts),
    flops: 2 * M * N * (K + (lowRank ? lowRank.z.columns : 0)),
  });
  if (!last) {
    tape.dispatch({
      shader: reduceShader,
      types: { ElemC: elementOf(c) },
      constants: finish,
      tensors: { partial: sum, c, bias: bias ?? sum, residual: residual ?? sum },
      params: { size: M * pitchC, N: pitchC, parts, scale },
      workgroups: Math.ceil((M * pitchC) / 64),
      flops: M * pitchC * parts,
    });
  }
  return c;
}

/** As matmul_register.wgsl wants them, in which these are data. */
function finishBits({
  BIAS,
  RESIDUAL,
  ACCUMULATE,
}: Record<'BIAS' | 'RESIDUAL' | 'ACCUMULATE', number>): number {
  return BIAS | (RESIDUAL << 1) | (ACCUMULATE << 2);
}

function shapeOf({ a, b, c, layout, lowRank, bias, residual }: MatmulOptions): Required<Shape> {
  const [N, K] = layout === 'NT' ? [b.rows, b.columns] : [b.columns, b.rows];
  const M = layout !== 'TN' ? a.rows : (c?.rows ?? a.columns);
  const pitchA = a.columns;
  const pitchC = c?.columns ?? N;
  const fits = (columns: number, side: number): boolean => columns === side || columns === wholeColumns(side);
  const fail = (what: string): never => {
    throw new Error(`matmul ${layout} of A [${a.shape}] and B [${b.shape}]: ${what}`);
  };
  if (layout === 'TN' ? a.rows !== K || !fits(pitchA, M) : !fits(pitchA, K)) fail('the inner sides differ');
  if (c && (c.rows !== M || !fits(pitchC, N))) fail(`C [${c.shape}] is not [${M}, ${N}]`);
  if (bias && bias.size !== N) fail(`the bias has ${bias.size} values, not ${N}`);
  if (residual && residual.size !== M * pitchC)
    fail(`the residual [${residual.shape}] is not [${M}, ${pitchC}]`);
  if (lowRank) {
    const { z, l } = lowRank;
    const R = z.columns;
    const [rows, columns] = layout === 'NT' ? [N, R] : [R, N];
    if (z.rows !== M || l.rows !== rows || l.columns !== columns || R % 4 !== 0)
      fail(`the low-rank factors [${z.shape}] and [${l.shape}] do not fit`);
  }
  return { M, N, K, pitchA, pitchC };
}

function elementOf({ dtype, label }: Tensor): ElementType {
  if (dtype === 'u32') throw new Error(`matmul: ${label} holds integers`);
  return dtype;
}

/** The kernel for a product on a device. */
export function chooseKernel(target: Target, layout: Layout, shape: Shape, hasLowRank = false): Kernel {
  const { M, N, K } = shape;
  const { matmul: tuning } = target.tuning;
  if (!hasWholeRows(layout, shape)) return PLAIN;
  let kernel: SplitKernel;
  if (tuning.family === 'registers') {
    kernel = chooseRegisterKernel(
      tuning[layout],
      tuning.lanes,
      shape,
      tuning.quads && target.features.subgroups ? 'quad' : 'register',
    );
  } else if (M <= VECTOR_ROWS && layout === 'NT') {
    return { family: 'vector' };
  } else {
    const tilesOf = (rows: number): number => Math.ceil(M / (TILE * rows)) * Math.ceil(N / TILE);
    kernel = { family: 'tiled', rows: tuning.tallTiles && tilesOf(2) >= tuning.workgroups ? 2 : 1 };
  }
  const [x, y] = workgroupsOf(kernel, shape, 1);
  const parts = Math.min(Math.ceil(tuning.workgroups / (x * y)), Math.floor(K / SHORTEST_PART));
  return parts > 1 && !hasLowRank ? { ...kernel, parts } : kernel;
}

/** What the vec4 kernels ask for. */
function hasWholeRows(layout: Layout, { M, N, K, pitchA, pitchC }: Shape): boolean {
  const columns = [pitchA ?? (layout === 'TN' ? M : K), layout === 'NT' ? K : N, pitchC ?? N];
  return columns.every((count) => count % 4 === 0);
}

/**
 * The tile and direction that need the least time by a simple model: gathers of the loads plus multiply-adds, over all quads. Tiles
 * larger than the measured best are not considered; smaller ones win where the result is narrow.
 */
function chooseRegisterKernel(
  best: RegisterTile,
  lanes: number,
  { M, N, K }: Shape,
  family: 'quad' | 'register',
): SplitKernel {
  const mostRows = 2 * M * N * K >= TALL_TILE_FLOPS ? best.rows : Math.min(best.rows, ROWS_FOR_ALL);
  let kernel: SplitKernel | undefined;
  let least = Infinity;
  for (const alongN of [true, false]) {
    for (const rows of [16, 8, 4, 2, 1] as const) {
      for (const columns of [4, 2, 1] as const) {
        if (rows > mostRows || columns > best.columns) continue;
        const across = Math.ceil(M / (4 * rows));
        const along = Math.ceil(N / (4 * columns));
        const vectors = alongN ? across * Math.ceil(along / lanes) : along * Math.ceil(across / lanes);
        const own = alongN ? columns : rows;
        const shared = alongN ? rows : columns;
        const gathers = 16 * own + (family === 'quad' ? 4 : 16) * shared;
        const cost = vectors * (gathers * GATHER_COST + 64 * rows * columns);
        if (cost < least) {
          least = cost;
          kernel = { family, tile: { rows, columns }, lanes, alongN };
        }
      }
    }
  }
  if (!kernel) throw new Error('matmul: no register tile');
  return kernel;
}

/** Parts of K and the k of each: a multiple of the depth that a kernel takes at once. */
function splitOf(kernel: Kernel, K: number): { parts: number; part: number } {
  const depth = kernel.family === 'tiled' ? TILE_DEPTH : 4;
  const part = Math.max(depth, Math.ceil(K / (kernel.parts ?? 1) / depth) * depth);
  return { parts: Math.max(1, Math.ceil(K / part)), part };
}

function constantsOf(kernel: Kernel, layout: Layout): Record<string, number> {
  const sides = { TRANSPOSED_A: Number(layout === 'TN'), TRANSPOSED_B: Number(layout === 'NT') };
  switch (kernel.family) {
    case 'vector':
      return {};
    case 'plain':
      return sides;
    case 'tiled':
      return { ...sides, ROWS: kernel.rows };
    case 'quad':
    case 'register': {
      const { tile, lanes, alongN, family } = kernel;
      return {
        ...sides,
        ROWS: tile.rows,
        COLUMNS: tile.columns,
        LANES: lanes,
        LANES_ALONG_N: Number(alongN),
        QUADS: Number(family === 'quad'),
      };
    }
  }
}

function workgroupsOf(kernel: Kernel, { M, N }: Shape, parts: number): [number, number, number] {
  switch (kernel.family) {
    case 'plain':
      return checked([Math.ceil(N / 8), Math.ceil(M / 8), parts]);
    case 'vector': {
      const groups = Math.ceil(N / 4);
      const y = Math.ceil(groups / MAX_GROUPS);
      return [Math.ceil(groups / y), y, 1];
    }
    case 'tiled':
      return checked([Math.ceil(N / TILE), Math.ceil(M / (TILE * kernel.rows)), parts]);
    case 'quad':
    case 'register': {
      const m = Math.ceil(M / (4 * kernel.tile.rows));
      const n = Math.ceil(N / (4 * kernel.tile.columns));
      return checked(
        kernel.alongN ? [Math.ceil(n / kernel.lanes), m, parts] : [Math.ceil(m / kernel.lanes), n, parts],
      );
    }
  }
}

function checked(groups: [number, number, number]): [number, number, number] {
  if (groups.some((count) => count > MAX_GROUPS))
    throw new Error(`matmul: ${groups.join('×')} workgroups are more than WebGPU dispatches`);
  return groups;
}
