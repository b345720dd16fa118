/**
 * The kernels that are tried for a class of products: a point that was good on four vendors' GPUs, and at most ten neighbours of it. The point of tiles is
 * llama.cpp's (PR 22241): 8×8 threads of 4×4 outputs, eight k of numbers or 32 of blocks at a time. That of products with few rows is its matrix-vector
 * kernel: 256 threads for four rows of B.
 */
import { fitsDevice, type TiledKernel, type TileKernel } from './lower/matmul-kernel.ts';
import { hasFewRows, type ProductClass } from './product-class.ts';
import type { GpuTarget } from './target.ts';

/** K is split only if a part has at least this many. */
const SHORTEST_PART = 256;
const PARTS = 4;

/** The candidates of a class, the portable point first. Those that a device's limits forbid are left out. */
export function candidatesOf(shape: ProductClass, target: Pick<GpuTarget, 'limits'>): TileKernel[] {
  const all = hasFewRows(shape) ? VECTORS : tilesOf(shape);
  return all.filter((kernel) => fitsDevice(kernel, target));
}

/** Whether tiles in half precision hold what they are made of: products with an operand in f32 do not go with them. */
const isHalf = ({ a, b }: ProductClass): boolean => a === 'f16' && b !== 'f32';

function tilesOf(shape: ProductClass): TileKernel[] {
  const inBlocks = shape.b !== 'f32' && shape.b !== 'f16';
  const portable = {
    ...{ family: 'tiled', rows: 1, columns: 1, across: 8, down: 8 },
    ...{ depth: inBlocks ? 32 : 8, half: false, parts: 1 },
  } as const satisfies TiledKernel;
  const square = { ...portable, rows: 2, columns: 2 } as const;
  const wide = { ...portable, across: 16, down: 16 } as const;
  const half = isHalf(shape);
  const isLong = shape.products === 1 && shape.K >= PARTS * SHORTEST_PART;
  return [
    portable,
    { ...portable, depth: 16 },
    { ...portable, depth: inBlocks ? 8 : 32 },
    { ...portable, columns: 2 },
    { ...portable, rows: 2 },
    square,
    { ...wide, depth: 8 },
    { ...wide, rows: 2, columns: 2, depth: 8 },
    { ...square, across: 16, depth: 16 },
    ...(half ? [{ ...square, depth: 16, half } as const] : []),
    ...(isLong ? [{ ...square, depth: 16, parts: PARTS } as const] : []),
  ];
}

const VECTORS: readonly TileKernel[] = (
  [
    [4, 64],
    [4, 32],
    [4, 16],
    [4, 8],
    [2, 64],
    [2, 32],
    [8, 32],
    [8, 16],
    [8, 8],
    [16, 16],
  ] as const
).map(([outputs, lanes]) => ({ family: 'vector', outputs, lanes }));
