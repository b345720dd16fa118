/**
 * Tensors on the tape. A tensor is a typed, shaped view of a storage; a storage is what a device gives memory to.
 *
 * Symbols used in the whole tree: M tokens of a batch laid end to end, C channels, H heads, KV key/value heads, D head size, F width of the MLP,
 * V vocabulary, R rank of an adapter, S sequences of a generation.
 */

export type DType = 'f32' | 'f16' | 'u32';

/**
 * How a storage gets its memory:
 * - `transient`: planned by liveness, its memory is reused by others before and after;
 * - `pinned`: the plan's own for as long as the plan lives (inputs that the host writes, outputs that it reads);
 * - `external`: lives outside plans (weights, adapters, optimiser state, caches).
 */
type StorageKind = 'transient' | 'pinned' | 'external';

/** A piece of memory that tensors view; `bytes` is a multiple of four. */
export class Storage {
  constructor(
    readonly kind: StorageKind,
    readonly bytes: number,
    readonly label: string,
  ) {}
}

/** A typed, shaped view of a storage. It holds no numbers: those are on a device. */
export class Tensor {
  /** Whether the tape computes a gradient for this tensor. */
  requiresGrad = false;
  /** For a trainable parameter: where its gradient is accumulated, across micro-batches. */
  gradient: Tensor | undefined;

  constructor(
    readonly storage: Storage,
    readonly shape: readonly number[],
    readonly dtype: DType,
    /** Byte offset in the storage: a multiple of 256, the smallest alignment of what kernels bind. */
    readonly offset = 0,
    /** Elements from one row to the next: the columns, unless these are some columns of a wider matrix. */
    readonly pitch = shape[shape.length - 1] ?? 1,
  ) {}

  get size(): number {
    return sizeOf(this.shape);
  }

  /** From the first element to the last. */
  get bytes(): number {
    const others = this.pitch - this.columns;
    return byteLength([others === 0 ? this.size : this.size + (this.rows - 1) * others], this.dtype);
  }

  get label(): string {
    return this.storage.label;
  }

  /** Rows of the matrix that this tensor is when all but the last dimension are taken together. */
  get rows(): number {
    return this.shape.length < 2 ? 1 : this.size / this.columns;
  }

  get columns(): number {
    return this.shape[this.shape.length - 1] ?? 1;
  }

  /** The same memory with another shape. @throws Error for another size, or if rows do not follow each other without gaps */
  reshape(...shape: number[]): Tensor {
    if (sizeOf(shape) !== this.size || this.pitch !== this.columns)
      throw new Error(`${this.label}: cannot reshape [${this.shape}] to [${shape}]`);
    return new Tensor(this.storage, shape, this.dtype, this.offset);
  }

  /**
   * Rows `start … start + count` of a matrix, without a copy: [count, columns].
   *
   * @throws Error unless the byte offset of the first one is a multiple of 256
   */
  slice(start: number, count: number): Tensor {
    const offset = this.#offsetOf(start * this.pitch, `row ${start}`);
    return new Tensor(this.storage, [count, this.columns], this.dtype, offset, this.pitch);
  }

  /**
   * Columns `start … start + count` of a matrix, or such elements of a vector, without a copy: [rows, count] or [count].
   *
   * @throws Error as `slice`
   */
  sliceColumns(start: number, count: number): Tensor {
    const offset = this.#offsetOf(start, `column ${start}`);
    const shape = this.shape.length < 2 ? [count] : [this.rows, count];
    return new Tensor(this.storage, shape, this.dtype, offset, this.shape.length < 2 ? count : this.pitch);
  }

  #offsetOf(element: number, what: string): number {
    const offset = this.offset + element * bytesPer[this.dtype];
    if (offset % 256 !== 0) throw new Error(`${this.label}: ${what} is not on a 256-byte boundary`);
    return offset;
  }
}

/** Elements of a tensor of this shape; 1 for []. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

export const bytesPer: Readonly<Record<DType, number>> = { f32: 4, f16: 2, u32: 4 };

/** Bytes of a tensor, rounded up to a multiple of four, as devices want it for copies and bindings. */
export function byteLength(shape: readonly number[], dtype: DType): number {
  return Math.ceil((sizeOf(shape) * bytesPer[dtype]) / 4) * 4;
}
