/** Products with weights in 8 bits that have one scale a row: kernels/matmul_int8.ts. */
import source from '../kernels/matmul_int8.ts?raw';
import { shapeOf, type Product } from '../../ops/matmul.ts';
import { QuantisedTensor } from '../../quantised.ts';
import type { Tensor } from '../../tensor.ts';
import { checkF32, storedRows, type Commands } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('matmul_int8', source);

/** Columns of a panel, and bytes of its scales and sums: kernels/matmul_int8.ts. */
const PANEL = 8;
const MARKS_BYTES = 64;
/** Rows of a unit, and columns at least. */
const ROWS = 32;
const MIN_COLUMNS = 48;
/** Units for each thread, if there are enough. */
const UNITS_OF_A_THREAD = 4;
/** The number arguments, for kernels that take few of them. */
const NONE = {
  ...{ M: 0, N: 0, K: 0, pitchX: 0, pitchC: 0, rowsB: 0 },
  ...{ scale: 1, accumulate: 0, activation: -1, rows: 0, columns: 0 },
};

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
  const { packed, marks } = packedRows(out, b, N, K, scale);
  const strips = Math.ceil(M / ROWS);
  const parts = Math.min(
    Math.ceil((out.target.threads * UNITS_OF_A_THREAD) / strips),
    Math.ceil(N / MIN_COLUMNS),
  );
  const columns = Math.ceil(N / parts / PANEL) * PANEL;
  out.add({
    file,
    kernel: 'matmulInt8',
    tensors: { a: input.q, marksA: input.marks, packed, marksB: marks, c, bias, residual },
    params: {
      ...NONE,
      M,
      N,
      K,
      pitchC: c.pitch,
      accumulate: Number(accumulate),
      activation,
      rows: ROWS,
      columns,
    },
    units: strips * Math.ceil(N / columns),
    grain: 1,
    flops: 2 * M * N * K,
    matmul: `NT ${M}×${N}×${K}`,
  });
}

function packedRows(
  out: Commands,
  b: Tensor,
  N: number,
  K: number,
  scale: number,
): { packed: Tensor; marks: Tensor } {
  const panels = Math.ceil(N / PANEL);
  const packed = out.tensor([panels, (PANEL * K) / 4], 'u32', `${b.label} in panels`);
  const marks = out.tensor([panels, MARKS_BYTES / 4], 'u32', `scales and sums of ${b.label}`);
  out.add({
    file,
    kernel: 'packBytes',
    tensors: { b, packed, marksB: marks },
    params: { ...NONE, N, K, rowsB: storedRows(b), scale },
    units: panels,
    grain: rowsAtOnce(PANEL * K),
    flops: N * K,
  });
  return { packed, marks };
}

function roundedRows(out: Commands, a: Tensor, K: number): RoundedRows {
  const q = out.tensor([a.rows, K / 4], 'u32', `${a.label} in bytes`);
  const marks = out.tensor([a.rows, 2], 'u32', `factors of ${a.label}`);
  out.add({
    file,
    kernel: 'roundRows',
    tensors: { x: a, q, marks },
    params: { ...NONE, M: a.rows, K, pitchX: a.pitch },
    units: a.rows,
    grain: rowsAtOnce(K),
    flops: 3 * a.size,
  });
  return { q, marks };
}
