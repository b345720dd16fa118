/** Logits in chunks of rows, for backends: [rows, V] is made at once, never all of [R, V]. */
import { wholeColumns } from './ops/matmul.ts';
import { Tensor } from './tensor.ts';

/** Chunks start on 256-byte boundaries of every tensor that they cut: 64 labels of four bytes. */
const CHUNK_ROWS = 64;

/** A chunk of rows. */
export interface LogitChunk {
  /** Whether it is the first one. */
  readonly first: boolean;
  readonly rows: number;
  /** Shape of its logits, f32: a row of a vocabulary is padded to a multiple of four. */
  readonly shape: readonly [rows: number, pitch: number];
  /** The rows of x. */
  readonly part: Tensor;
  /** The chunk's rows of a matrix like x. */
  readonly of: (matrix: Tensor) => Tensor;
  /** The chunk's part of a tensor with one or more elements for each row, as a vector. */
  readonly elements: (tensor: Tensor) => Tensor;
}

/**
 * Cuts the rows of x [R, C] for the logits of x · wᵀ, w [V, C].
 *
 * @param max bytes that the logits of a chunk may take, unless it is as small as it can be already
 */
export function logitChunks(x: Tensor, w: Tensor, max: number): LogitChunk[] {
  const R = x.rows;
  const pitch = wholeColumns(w.rows);
  const step = Math.min(R, CHUNK_ROWS * Math.max(1, Math.floor(max / (pitch * 4) / CHUNK_ROWS)));
  return Array.from({ length: Math.ceil(R / step) }, (_, i) => {
    const start = i * step;
    const rows = Math.min(step, R - start);
    return {
      first: i === 0,
      rows,
      shape: [rows, pitch],
      part: x.slice(start, rows),
      of: (matrix) => matrix.slice(start, rows),
      elements: ({ storage, dtype, offset, size }) =>
        new Tensor(storage, [(rows * size) / R], dtype, offset + ((start * size) / R) * 4),
    };
  });
}
