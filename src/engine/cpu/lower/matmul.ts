/** How a product is cut into blocks for threads: kernels/matmul.ts. */
import source from '../kernels/matmul.ts?raw';
import vectorSource from '../kernels/matmul_vector.ts?raw';
import { isSharded, matmulOfShards } from '../../matmul-shards.ts';
import { ACTIVATIONS, type Activation } from '../../ops/activation.ts';
import {
  activatedMatmulKind,
  gatedMatmulsKind,
  matmulKind,
  matmulsKind,
  shapeOf,
  type Product,
} from '../../ops/matmul.ts';
import type { Tensor } from '../../tensor.ts';
import { checkF32, lowers, SCRATCH_BYTES, storedRows, weightType, type Commands } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { activateCommand, gatedCommand } from './activation.ts';
import { int8Product, isInt8, type RoundedInputs } from './matmul-int8.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('matmul', source);
const vectorFile = parseKernels('matmul_vector', vectorSource);

/** As in kernels/matmul.ts. */
const DEPTH = 512;
const TILE = { rows: 6, columns: 8 };
/** The largest block: its panels of B fit in the second-level cache, and many rows share the cost of packing them. */
const MAX_ROWS = 264;
const MAX_COLUMNS = 96;
const MIN_COLUMNS = 48;
/** Quantised columns of B are unpacked this many at a time: `unpackBlocks` in kernels/blocks.ts. */
const BLOCK_COLUMNS = 64;
/** Up to this many rows, kernels/matmul_vector.ts makes the product. */
const VECTOR_ROWS = 4;
/** Blocks for each thread, if there are enough: a delayed thread then hardly delays the others. */
const BLOCKS_OF_A_THREAD = 4;

export const matmulLowerings = [
  lowers(
    matmulKind,
    (out, { a, b, c, z, l, bias, residual }, { layout, accumulate, scale, lowRankScale }) => {
      const lowRank = z && l && { z, l, scale: lowRankScale };
      matmulCommands(out, { a, b, c, lowRank, bias, residual, layout, accumulate, scale });
    },
  ),
  lowers(matmulsKind, (out, _, { products }) => together(out, products)),
  lowers(gatedMatmulsKind, (out, { gate, up, y }, { products, activation }) => {
    together(out, products);
    gatedCommand(out, { g: gate, u: up, y }, activation);
  }),
  lowers(activatedMatmulKind, (out, { c, y }, { product: whole, activation }) => {
    if (!isSharded(whole) && !isVector(whole)) return product(out, { ...whole, c: y }, new Map(), activation);
    matmulCommands(out, whole);
    activateCommand(out, { g: c, y }, activation);
  }),
];

/** Adds products none of which reads what another writes. */
function together(out: Commands, products: readonly Product[]): void {
  const rounded: RoundedInputs = new Map();
  for (const one of products) matmulCommands(out, one, rounded);
}

/** Adds a product, or one for each shard. @param rounded inputs that need not be rounded again */
export function matmulCommands(out: Commands, whole: Product, rounded: RoundedInputs = new Map()): void {
  if (isSharded(whole)) matmulOfShards(whole, (part) => product(out, part, rounded), notF32);
  else product(out, whole, rounded);
}

function notF32({ label, dtype }: Tensor): never {
  throw new Error(`${label} is ${dtype}, not f32`);
}

/** Whether kernels/matmul_vector.ts makes the product. */
function isVector(options: Product): boolean {
  const { M, K } = shapeOf(options);
  return options.layout === 'NT' && M <= VECTOR_ROWS && K * 4 <= SCRATCH_BYTES && !isInt8(options);
}

/** Adds a product. @param activation of its result; not if `isVector` */
function product(out: Commands, options: Product, rounded: RoundedInputs, activation?: Activation): void {
  const { a, b, c, layout, lowRank, bias, residual, accumulate = false, scale = 1 } = options;
  const { M, N, K } = shapeOf(options);
  checkF32(a, c, lowRank?.z, lowRank?.l, bias, residual);
  const activates = activation === undefined ? -1 : ACTIVATIONS.indexOf(activation);
  if (isInt8(options)) return int8Product(out, options, rounded, activates);
  const typeB = weightType(b);
  const { rows, columns } = blockOf(M, N, out.target.threads, typeB > 1 ? BLOCK_COLUMNS : TILE.columns);
  const params = {
    M,
    N,
    K,
    R: lowRank?.z.columns ?? 0,
    pitchA: a.pitch,
    pitchC: c.pitch,
    pitchZ: lowRank?.z.pitch ?? 0,
    typeB,
    rowsB: storedRows(b),
    scale,
    lowRankScale: lowRank?.scale ?? 0,
    accumulate: Number(accumulate),
  };
  const common = {
    tensors: { a, b, c, z: lowRank?.z, l: lowRank?.l, bias, residual },
    flops: 2 * M * N * (K + params.R),
    matmul: `${layout} ${M}×${N}×${K}`,
  };
  if (isVector(options)) {
    const grain = rowsAtOnce(K);
    out.add({ ...common, file: vectorFile, kernel: 'matmulVector', params, units: N, grain });
    return;
  }
  out.add({
    ...common,
    file,
    kernel: 'matmul',
    params: {
      ...params,
      pitchB: b.pitch,
      pitchL: lowRank?.l.pitch ?? 0,
      transposedA: Number(layout === 'TN'),
      transposedB: Number(layout === 'NT'),
      activation: activates,
      rows,
      columns,
    },
    units: Math.ceil(M / rows) * Math.ceil(N / columns),
    grain: 1,
  });
}

/** The block size of a product, in whole tiles: large, but several blocks for each thread. Results do not depend on it. */
function blockOf(M: number, N: number, threads: number, unit: number): { rows: number; columns: number } {
  const wanted = threads === 1 ? 1 : threads * BLOCKS_OF_A_THREAD;
  const cut = (side: number, of: number, parts: number): number =>
    Math.ceil(Math.ceil(side / of) / parts) * of;
  const max = Math.floor(MAX_COLUMNS / unit) * unit;
  const min = Math.ceil(M / MAX_ROWS);
  let columns = Math.min(max, cut(N, unit, Math.ceil(wanted / min)));
  // Narrow blocks read A often: below this width, reduce rows first.
  columns = Math.max(columns, Math.min(cut(N, unit, 1), MIN_COLUMNS));
  const across = Math.ceil(N / columns);
  const rows = Math.min(MAX_ROWS, cut(M, TILE.rows, Math.max(min, Math.ceil(wanted / across))));
  const sums = Math.ceil(rows / TILE.rows) * TILE.rows * columns;
  if ((columns * DEPTH + sums + (TILE.columns + 2 * TILE.rows) * DEPTH) * 4 > SCRATCH_BYTES)
    throw new Error(`matmul: a block of ${rows} × ${columns} is too large`);
  return { rows, columns };
}
