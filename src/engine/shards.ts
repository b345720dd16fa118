/**
 * Matrices that are larger than a device allows for one tensor, in shards of whole rows. The vocabulary of an embedding is what this is
 * for: 262,144 rows of 1152 numbers take 1.2 GB in f32, and WebGPU promises bindings of 128 MiB. Lowerings iterate over the shards.
 */
import type { Device } from './device.ts';
import { createQuantised, quantisedBytes, QuantisedTensor, type QuantisedType } from './quantised.ts';
import type { Target } from './target.ts';
import { byteLength, sizeOf, Storage, Tensor, type DType } from './tensor.ts';

/** Some rows of a matrix, in their own memory. */
interface Shard {
  readonly firstRow: number;
  readonly tensor: Tensor;
}

/** A matrix in shards, in the order of its rows. It has no memory itself: kernels read its shards. */
export class ShardedTensor extends Tensor {
  constructor(
    label: string,
    shape: readonly number[],
    dtype: DType,
    readonly shards: readonly Shard[],
  ) {
    super(new Storage('external', 0, label), shape, dtype);
  }

  override get bytes(): number {
    return this.shards.reduce((sum, { tensor }) => sum + tensor.bytes, 0);
  }
}

/** The shards of a matrix [N, K], each [rows, K] in order; a matrix in one piece is its own shard. */
export function shardsOf(tensor: Tensor): readonly Shard[] {
  return tensor instanceof ShardedTensor ? tensor.shards : [{ firstRow: 0, tensor }];
}

/** The shards of the first rows of a matrix [N, K], without a copy; `count` is a multiple of {@link SHARD_ROWS}. */
export function firstRows(tensor: Tensor, count: number): Shard[] {
  return shardsOf(tensor)
    .filter(({ firstRow }) => firstRow < count)
    .map(({ firstRow, tensor: shard }) => ({
      firstRow,
      tensor: firstRow + shard.rows <= count ? shard : shard.slice(0, count - firstRow),
    }));
}

/** How a matrix [N, K] is quantised, in shards or not; undefined for numbers. */
export function formatOf(tensor: Tensor): QuantisedType | undefined {
  const [{ tensor: first }] = shardsOf(tensor);
  return first instanceof QuantisedTensor ? first.format : undefined;
}

/**
 * Shards start at multiples of this many rows. The column of results, element of a bias or row of an adapter's factor that belongs to their first row
 * is then on a 256-byte boundary, as a binding must be, in f16 as in f32.
 */
export const SHARD_ROWS = 128;

/**
 * Rows of a shard of a matrix, except the last: as many shards as it takes, of about the same size.
 *
 * @param bytes of so many rows
 * @param unit shards begin at multiples of this many rows
 * @returns all rows if they fit in one, or if not even the smallest shard does
 */
export function rowsOfShard(
  { maxBufferSize, maxStorageBufferBindingSize, largestWeight = Infinity }: Target['limits'],
  rows: number,
  bytes: (rows: number) => number,
  unit = SHARD_ROWS,
): number {
  const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize, largestWeight);
  const max = Math.floor(limit / bytes(unit));
  if (bytes(rows) <= limit || max === 0) return rows;
  const units = Math.ceil(rows / unit);
  return unit * Math.ceil(units / Math.ceil(units / max));
}

/** What a weight of this shape is cut into, if it is: rows of a matrix, or those of whole matrices of experts [E, N, K]; undefined for a vector. */
export function unitOf(shape: readonly number[]): number | undefined {
  return shape.length < 2 ? undefined : shape.length === 2 ? SHARD_ROWS : shape[1];
}

/** The shape of some rows of a weight of this shape. */
export function partOf(shape: readonly number[], rows: number): readonly number[] {
  return shape.length === 2 ? [rows, shape[1]] : [rows / shape[1], ...shape.slice(1)];
}

/** First row and number of rows of each shard. */
export function cutRows(rows: number, step: number): { firstRow: number; count: number }[] {
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => ({
    firstRow: i * step,
    count: Math.min(step, rows - i * step),
  }));
}

/**
 * A new tensor of this shape in memory of its own, full of zeros; a matrix, or the matrices of experts [E, N, K], in as many shards as the device's limits
 * ask for.
 *
 * @param rowScales as of `createQuantised`
 * @throws Error as `createQuantised`; GraftError as `Device.upload`
 */
export function createWeight(
  device: Device,
  shape: readonly number[],
  type: 'f32' | 'f16' | QuantisedType,
  label: string,
  rowScales = false,
): Tensor {
  const numbers = type === 'f32' || type === 'f16';
  const create = (part: readonly number[], name: string): Tensor =>
    numbers ? device.upload(part, type, name) : createQuantised(device, part, type, name, rowScales);
  const unit = unitOf(shape);
  if (unit === undefined) return create(shape, label);
  const columns = shape[shape.length - 1];
  const rows = sizeOf(shape) / columns;
  const step = rowsOfShard(
    device.limits,
    rows,
    (count) => (numbers ? byteLength([count, columns], type) : quantisedBytes([count, columns], type)),
    unit,
  );
  if (step >= rows) return create(shape, label);
  const cuts = cutRows(rows, step);
  const shards = cuts.map(({ firstRow, count }, i) => ({
    firstRow,
    tensor: create(partOf(shape, count), `${label}, shard ${i + 1} of ${cuts.length}`),
  }));
  return new ShardedTensor(label, shape, numbers ? type : 'u32', shards);
}

/**
 * Iterates over the shards that hold some rows of a matrix [N, K].
 *
 * @param use `row` counts in the shard, `from` in the rows that were asked for
 */
export function eachShard(
  tensor: Tensor,
  firstRow: number,
  count: number,
  use: (shard: Tensor, at: { row: number; from: number; count: number }) => void,
): void {
  for (const { firstRow: start, tensor: shard } of shardsOf(tensor)) {
    const first = Math.max(firstRow, start);
    const end = Math.min(firstRow + count, start + shard.rows);
    if (first < end) use(shard, { row: first - start, from: first - firstRow, count: end - first });
  }
}
