/** Products with weights in 8 bits that have one scale a row: kernels/matmul_int8.ts. */
import source from '../kernels/matmul_int8.ts?raw';
import { shapeOf, type Product } from '../../ops/matmul.ts';
import { QuantisedTensor } from '../../quantised.ts';
import type { Tensor } from '../../tensor.ts';
import { checkF32, storedRows, type Commands } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('matmul_int8', source);

/** Sides of a block, in whole tiles of three: its rows of A, its sums and some rows of B fit in the second-level cache. */
const ROWS = 48;
const MAX_COLUMNS = 192;
const MIN_COLUMNS = 48;
/** Blocks for each thread, where there are enough. */
const BLOCKS_OF_A_THREAD = 4;
/** Rows in bytes, with factor and zero of each. */
interface RoundedRows {
  readonly q: Tensor;
  readonly marks: Tensor;
}

/** Inputs of products that have been rounded, so that several products of one input round it once. */
export type RoundedInputs = Map<Tensor, RoundedRows>;

/** Whether a product is made in integers: x · Wᵀ of a weight whose rows have one scale each, without an adapter. */
export function isInt8({ b, layout, lowRank }: Product): boolean {
  return layout === 'NT' && !lowRank && b instanceof QuantisedTensor && b.rowScales;
}

/** Adds a product for which `isInt8` holds. @param rounded of the same operation @param activation of its result, as the kernels number it; −1 for none */
export function int8Product(
  out: Commands,
  options: Product,
  rounded: RoundedInputs,
  activation: number,
): void {
  const { a, b, c, bias, residual, accumulate = false, scale = 1 } = options;
  const { M, N, K } = shapeOf(options);
  checkF32(a, c, bias, residual);
  let input = rounded.get(a);
  if (!input) rounded.set(a, (input = roundedRows(out, a, K)));
  const enough = out.target.threads * BLOCKS_OF_A_THREAD;
  let columns = MAX_COLUMNS;
  while (columns > MIN_COLUMNS && Math.ceil(M / ROWS) * Math.ceil(N / columns) < enough) columns /= 2;
  out.add({
    file,
    kernel: 'matmulInt8',
    tensors: { a: input.q, marksA: input.marks, b, c, bias, residual },
    params: {
      ...{ M, N, K, pitchX: 0, pitchC: c.pitch, rowsB: storedRows(b) },
      ...{ scale, accumulate: Number(accumulate), activation, rows: ROWS, columns },
    },
    units: Math.ceil(M / ROWS) * Math.ceil(N / columns),
    grain: 1,
    flops: 2 * M * N * K,
    matmul: `NT ${M}×${N}×${K}`,
  });
}

function roundedRows(out: Commands, a: Tensor, K: number): RoundedRows {
  const q = out.tensor([a.rows, K / 4], 'u32', `${a.label} in bytes`);
  const marks = out.tensor([a.rows, 2], 'u32', `factors of ${a.label}`);
  out.add({
    file,
    kernel: 'roundRows',
    tensors: { x: a, q, marks },
    params: {
      ...{ M: a.rows, N: 0, K, pitchX: a.pitch, pitchC: 0, rowsB: 0 },
      ...{ scale: 0, accumulate: 0, activation: -1, rows: 0, columns: 0 },
    },
    units: a.rows,
    grain: rowsAtOnce(K),
    flops: 3 * a.size,
  });
  return { q, marks };
}
