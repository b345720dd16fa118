/** Which kernel computes a matrix product, from its shape and the device's tuning, and how it is laid over the result. */
import type { Layout, MatmulShape } from '../../ops/matmul.ts';
import { quantisedFormats, type QuantisedType } from '../../quantised.ts';
import type { GpuTarget } from '../target.ts';
import type { RegisterTile } from '../tuning.ts';

/** matmul_vector.wgsl: rows of B of a workgroup, and threads of each; 4 and 16 if left out. */
interface VectorKernel {
  family: 'vector';
  outputs?: 2 | 4 | 8 | 16;
  lanes?: 8 | 16 | 32 | 64;
}

/** matmul_tiled.wgsl. What is left out is as in its source. */
export interface TiledKernel {
  family: 'tiled';
  /** Blocks of four rows, and of four columns, of a thread. */
  rows: 1 | 2;
  columns?: 1 | 2;
  /** Threads along N, and along M. */
  across?: 8 | 16;
  down?: 8 | 16;
  /** The k of a tile. */
  depth?: 8 | 16 | 32;
  /** Whether tiles are in half precision. Sums never are. */
  half?: boolean;
  /** Parts of K, of one product. */
  parts?: number;
}

/** The kernels of GPUs, for one product or several at once: matmul-problems.ts. */
export type TileKernel = VectorKernel | { family: 'sliced' } | TiledKernel;

/** Those of one product only; `parts` splits K. */
export type PlainKernel =
  | { family: 'plain'; parts?: number }
  | { family: 'register'; tile: RegisterTile; lanes: number; alongN: boolean; parts?: number }
  | { family: 'quad'; tile: RegisterTile; lanes: number; alongN: boolean; parts?: number };

/** A kernel and how it is laid over the result. */
export type Kernel = TileKernel | PlainKernel;

/** Rows of A that matmul_vector.wgsl takes. */
export const VECTOR_ROWS = 4;
/** The values of matmul_tiled.wgsl and matmul_vector.wgsl that a kernel leaves out, and the sides of the tiles of matmul_sliced.wgsl. */
const TILED = { columns: 1, across: 16, down: 16, depth: 16, half: false, parts: 1 } as const;
const VECTOR = { outputs: 4, lanes: 16 } as const;
const SLICED_TILE = 16;
/** Up to this side of a result, most of a tile of matmul_tiled.wgsl would compute nothing. */
const NARROW_SIDE = 32;
/** A part of K should be long enough to be worth the second pass. */
const SHORTEST_PART = 256;
/** Tiles with more rows of blocks than this take seconds to compile, so only products of at least that many operations use them. */
const ROWS_FOR_ALL = 4;
const TALL_TILE_FLOPS = 2 ** 28;
/** Multiply-adds of a SIMD vector that take as long as one gather, about: an estimate for SwiftShader, see matmul_register.wgsl. */
const GATHER_COST = 100;
/** Numbers of a block that a thread of matmul_vector.wgsl takes at a time. */
const VECTOR_STEP = 8;
export const PLAIN: Kernel = { family: 'plain' };

/** The kernel for a product on a device. */
export function chooseKernel(
  target: GpuTarget,
  layout: Layout,
  shape: MatmulShape,
  hasLowRank = false,
): Kernel {
  const { matmul: tuning } = target.tuning;
  if (tuning.family === 'plain' || !hasWholeRows(layout, shape)) return PLAIN;
  if (tuning.family === 'tiles') return chooseTiles(target, layout, [shape]);
  const kernel = chooseRegisterKernel(
    tuning[layout],
    tuning.lanes,
    shape,
    tuning.quads && target.features.subgroups ? 'quad' : 'register',
  );
  const [x, y] = workgroupsOf(kernel, shape, 1);
  const parts = Math.min(Math.ceil(tuning.workgroups / (x * y)), Math.floor(shape.K / SHORTEST_PART));
  return parts > 1 && !hasLowRank ? { ...kernel, parts } : kernel;
}

/** The kernel of a GPU for products in one dispatch: tiles in shared memory, unless at least half of the device would have none. */
export function chooseTiles(
  { tuning: { matmul: tuning } }: GpuTarget,
  layout: Layout,
  shapes: readonly Pick<MatmulShape, 'M' | 'N'>[],
): TileKernel {
  if (layout === 'NT' && shapes.every(({ M }) => M <= VECTOR_ROWS)) return { family: 'vector' };
  const tiles = (rows: 1 | 2): number =>
    shapes.reduce((sum, shape) => sum + tilesOf({ family: 'tiled', rows }, shape).count, 0);
  const narrow = shapes.every(({ M, N }) => Math.min(M, N) <= NARROW_SIDE);
  if (narrow || 2 * tiles(1) <= tuning.workgroups) return { family: 'sliced' };
  return { family: 'tiled', rows: tuning.tallTiles && tiles(2) >= tuning.workgroups ? 2 : 1 };
}

/** Tiles of a result side by side along N, and all of them: a workgroup computes one. */
export function tilesOf(
  kernel: TileKernel,
  { M, N }: Pick<MatmulShape, 'M' | 'N'>,
): { across: number; count: number } {
  if (kernel.family === 'vector') {
    const count = Math.ceil(N / (kernel.outputs ?? VECTOR.outputs));
    return { across: count, count };
  }
  const [rows, columns] = kernel.family === 'tiled' ? sidesOf(kernel) : [SLICED_TILE, SLICED_TILE];
  const across = Math.ceil(N / columns);
  return { across, count: across * Math.ceil(M / rows) };
}

/** Rows and columns of a tile. */
function sidesOf(kernel: TiledKernel): readonly [rows: number, columns: number] {
  const { rows, columns, across, down } = { ...TILED, ...kernel };
  return [4 * rows * down, 4 * columns * across];
}

/** Whether a device has the threads and the shared memory that a workgroup of a kernel needs. */
export function fitsDevice(kernel: TileKernel, { limits }: Pick<GpuTarget, 'limits'>): boolean {
  const { threads, bytes } = workgroupOf(kernel);
  return (
    threads <= limits.maxComputeInvocationsPerWorkgroup && bytes <= limits.maxComputeWorkgroupStorageSize
  );
}

function workgroupOf(kernel: TileKernel): { threads: number; bytes: number } {
  if (kernel.family === 'sliced') return { threads: 256, bytes: 2 ** 14 };
  if (kernel.family === 'vector') {
    const { outputs, lanes } = { ...VECTOR, ...kernel };
    return { threads: outputs * lanes, bytes: outputs * lanes * 16 };
  }
  const { across, down, depth, half } = { ...TILED, ...kernel };
  const [rows, columns] = sidesOf(kernel);
  return { threads: across * down, bytes: depth * (rows / 4 + columns / 4 + 2) * (half ? 8 : 16) };
}

/** The shapes that the vec4 kernels need. */
export function hasWholeRows(layout: Layout, { M, N, K, pitchA, pitchC }: MatmulShape): boolean {
  const columns = [pitchA ?? (layout === 'TN' ? M : K), layout === 'NT' ? K : N, pitchC ?? N];
  return columns.every((count) => count % 4 === 0);
}

/**
 * The tile and direction that need the least time by a simple model: gathers of the loads plus multiply-adds, over all quads. Tiles
 * larger than the measured best are not considered; smaller ones win if the result is narrow.
 */
function chooseRegisterKernel(
  best: RegisterTile,
  lanes: number,
  { M, N, K, quantised }: MatmulShape,
  family: 'quad' | 'register',
): Exclude<PlainKernel, { family: 'plain' }> {
  // Blocks save so many gathers that a short tile needs as few of them as a tall one of numbers, and it compiles much faster.
  const isTall = 2 * M * N * K >= TALL_TILE_FLOPS && !quantised;
  const mostRows = isTall ? best.rows : Math.min(best.rows, ROWS_FOR_ALL);
  let kernel: Exclude<PlainKernel, { family: 'plain' }> | undefined;
  let min = Infinity;
  for (const alongN of [true, false]) {
    for (const rows of [16, 8, 4, 2, 1] as const) {
      for (const columns of [4, 2, 1] as const) {
        if (rows > mostRows || columns > best.columns) continue;
        const across = Math.ceil(M / (4 * rows));
        const along = Math.ceil(N / (4 * columns));
        const vectors = alongN ? across * Math.ceil(along / lanes) : along * Math.ceil(across / lanes);
        // A gather from blocks brings four numbers or more.
        const sideA = 16 * rows;
        const sideB = (quantised ? 4 : 16) * columns;
        const [own, shared] = alongN ? [sideB, sideA] : [sideA, sideB];
        const gathers = own + (family === 'quad' ? shared / 4 : shared);
        const cost = vectors * (gathers * GATHER_COST + 64 * rows * columns);
        if (cost < min) {
          min = cost;
          kernel = { family, tile: { rows, columns }, lanes, alongN };
        }
      }
    }
  }
  if (!kernel) throw new Error('matmul: no register tile');
  return kernel;
}

/** Parts of K and the k of each: a multiple of the kernel's depth, and of the numbers that share a scale in B. */
export function splitOf(
  kernel: PlainKernel | TiledKernel,
  { K, quantised }: Pick<MatmulShape, 'K' | 'quantised'>,
): { parts: number; part: number } {
  const min = kernel.family === 'tiled' ? (kernel.depth ?? TILED.depth) : 4;
  const depth = Math.max(min, quantised ? quantisedFormats[quantised].run : 0);
  const part = Math.max(depth, Math.ceil(K / (kernel.parts ?? 1) / depth) * depth);
  return { parts: Math.max(1, Math.ceil(K / part)), part };
}

/** The `override` constants of a kernel, except those for quantised blocks in B. */
export function constantsOf(
  kernel: Kernel,
  layout: Layout,
  quantised?: QuantisedType,
): Record<string, number> {
  const format = quantised && quantisedFormats[quantised];
  const sides = {
    TRANSPOSED_A: Number(layout === 'TN'),
    TRANSPOSED_B: Number(layout === 'NT'),
  };
  switch (kernel.family) {
    case 'vector': {
      const { outputs, lanes } = { ...VECTOR, ...kernel };
      return { ...sides, ...(format && { STEP: VECTOR_STEP }), OUTPUTS: outputs, LANES: lanes };
    }
    case 'sliced':
    case 'plain':
      return sides;
    case 'tiled': {
      const { rows, columns, across, down, depth } = { ...TILED, ...kernel };
      return { ...sides, ROWS: rows, COLUMNS: columns, ACROSS: across, DOWN: down, DEPTH: depth };
    }
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
        ...(format && layout === 'NT' ? { SCALE_DEPTH: format.run } : {}),
      };
    }
  }
}

/** A side may be more than WebGPU dispatches: compiling the plan refuses it (limits.ts). */
export function workgroupsOf(
  kernel: PlainKernel,
  { M, N }: MatmulShape,
  parts: number,
): [number, number, number] {
  if (kernel.family === 'plain') return [Math.ceil(N / 8), Math.ceil(M / 8), parts];
  const m = Math.ceil(M / (4 * kernel.tile.rows));
  const n = Math.ceil(N / (4 * kernel.tile.columns));
  return kernel.alongN ? [Math.ceil(n / kernel.lanes), m, parts] : [Math.ceil(m / kernel.lanes), n, parts];
}
