/**
 * Matrices that are larger than one buffer or binding may be, in several buffers of whole rows. The vocabulary of an embedding is what
 * this is for: 262,144 rows of 1152 numbers take 1.2 GB in f32, and WebGPU promises bindings of 128 MiB. Operations walk over the pieces:
 * embedding.ts, matmul_pieces.ts.
 */
import type { Device } from './device.ts';
import { createQuantised, quantisedBytes, QuantisedTensor, type QuantisedType } from './quantised.ts';
import type { Target } from './target.ts';
import { byteLength, Storage, Tensor, type DType } from './tensor.ts';

/** Rows of a matrix in memory of their own. */
export interface Piece {
  readonly firstRow: number;
  readonly tensor: Tensor;
}

/** A matrix in pieces, in the order of its rows. It has no buffer itself: what binds it binds its pieces. */
export class SplitTensor extends Tensor {
  constructor(
    label: string,
    shape: readonly number[],
    dtype: DType,
    readonly pieces: readonly Piece[],
  ) {
    super(new Storage('external', 0, label), shape, dtype);
  }

  override get bytes(): number {
    return this.pieces.reduce((sum, { tensor }) => sum + tensor.bytes, 0);
  }
}

/** The pieces of a matrix: itself, where it is in one. */
export function piecesOf(tensor: Tensor): readonly Piece[] {
  return tensor instanceof SplitTensor ? tensor.pieces : [{ firstRow: 0, tensor }];
}

/** How a matrix is quantised, in pieces or not; undefined for numbers. */
export function formatOf(tensor: Tensor): QuantisedType | undefined {
  const [{ tensor: first }] = piecesOf(tensor);
  return first instanceof QuantisedTensor ? first.format : undefined;
}

/**
 * Pieces begin at multiples of so many rows: then a column of results, an element of a bias and a row of a factor of an adapter for their
 * first row lies on a 256-byte boundary, as a binding must, in f16 as in f32.
 */
const ROWS = 128;

/**
 * Rows of a piece of a matrix, the last one's excepted: as many pieces as it takes, of about the same size.
 *
 * @param bytes of so many rows
 * @returns all rows where they fit in one, or where not even the smallest piece does
 */
export function rowsOfPiece(
  { maxBufferSize, maxStorageBufferBindingSize, largestWeight = Infinity }: Target['limits'],
  rows: number,
  bytes: (rows: number) => number,
): number {
  const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize, largestWeight);
  const most = Math.floor(limit / bytes(ROWS));
  if (bytes(rows) <= limit || most === 0) return rows;
  const units = Math.ceil(rows / ROWS);
  return ROWS * Math.ceil(units / Math.ceil(units / most));
}

/** First row and number of rows of each piece. */
export function cutRows(rows: number, step: number): { firstRow: number; count: number }[] {
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => ({
    firstRow: i * step,
    count: Math.min(step, rows - i * step),
  }));
}

/** A new tensor in memory of its own, full of zeros; a matrix in as many pieces as the device's limits ask for. */
export function createWeight(
  device: Device,
  shape: readonly number[],
  type: 'f32' | 'f16' | QuantisedType,
  label: string,
): Tensor {
  const numbers = type === 'f32' || type === 'f16';
  const create = (part: readonly number[], name: string): Tensor =>
    numbers ? device.upload(part, type, name) : createQuantised(device, part, type, name);
  if (shape.length !== 2) return create(shape, label);
  const [rows, columns] = shape;
  const step = rowsOfPiece(device.limits, rows, (count) =>
    numbers ? byteLength([count, columns], type) : quantisedBytes([count, columns], type),
  );
  if (step >= rows) return create(shape, label);
  const cuts = cutRows(rows, step);
  const pieces = cuts.map(({ firstRow, count }, i) => ({
    firstRow,
    tensor: create([count, columns], `${label}, piece ${i + 1} of ${cuts.length}`),
  }));
  return new SplitTensor(label, shape, numbers ? type : 'u32', pieces);
}

/**
 * Walks over the pieces that hold some rows.
 *
 * @param use `row` is of the piece, `from` of the rows that were asked for
 */
export function eachPiece(
  tensor: Tensor,
  firstRow: number,
  count: number,
  use: (piece: Tensor, at: { row: number; from: number; count: number }) => void,
): void {
  for (const { firstRow: start, tensor: piece } of piecesOf(tensor)) {
    const first = Math.max(firstRow, start);
    const end = Math.min(firstRow + count, start + piece.rows);
    if (first < end) use(piece, { row: first - start, from: first - firstRow, count: end - first });
  }
}
