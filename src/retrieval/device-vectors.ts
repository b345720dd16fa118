/**
 * Exact search by vectors with the products on a device. It computes all products in f32. Those that may be among the best by more than the error of f32
 * are computed again in f64, so that the ranking is the one of cosine.ts.
 */
import type { Device } from '../engine/device.ts';
import { matmul } from '../engine/ops/matmul.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { dotProducts } from './cosine.ts';
import { bestRanked, type Allowed, type Ranked } from './ranking.ts';

/** What any device can bind, at half of what WebGPU promises. */
const BLOCK_BYTES = 64 * 2 ** 20;
/** Rows of a block are a multiple of this, for the fast kernels. */
const ROWS = 128;
/** Half the distance of two numbers of f32 around 1. */
const ROUNDING = 2 ** -24;

interface Block {
  readonly firstRow: number;
  readonly rows: number;
  readonly vectors: Tensor;
  readonly products: Tensor;
}

export class DeviceVectors {
  readonly #longest: number;

  private constructor(
    private readonly device: Device,
    private readonly vectors: Float32Array,
    private readonly size: number,
    private readonly plan: Plan,
    private readonly question: Tensor,
    private readonly blocks: readonly Block[],
  ) {
    this.#longest = longestRow(vectors, size);
  }

  /**
   * Copies vectors to a device.
   *
   * @param vectors [chunks, size], row by row
   * @param blockBytes of one copy at most: vectors are copied in blocks that a device can bind
   * @throws GraftError `engine-…`, if there is no room
   */
  static async open(
    device: Device,
    vectors: Float32Array,
    size: number,
    blockBytes = BLOCK_BYTES,
  ): Promise<DeviceVectors> {
    const chunks = vectors.length / size;
    const max = Math.max(ROWS, Math.floor(blockBytes / (4 * size * ROWS)) * ROWS);
    const tape = new Tape(device);
    const question = tape.pinned([1, size], 'f32', 'question');
    const blocks: Block[] = [];
    for (let firstRow = 0; firstRow < chunks; firstRow += max) {
      const rows = Math.min(max, chunks - firstRow);
      // Rows after the last are zeros.
      const held = Math.ceil(rows / ROWS) * ROWS;
      const values = new Float32Array(held * size);
      values.set(vectors.subarray(firstRow * size, (firstRow + rows) * size));
      const products = tape.pinned([1, held], 'f32', 'products');
      const b = device.upload([held, size], 'f32', 'vectors of chunks', values);
      matmul(tape, { a: question, b, c: products, layout: 'NT' });
      blocks.push({ firstRow, rows, vectors: b, products });
    }
    const plan = await device.compile(tape, device.createPool());
    return new DeviceVectors(device, vectors, size, plan, question, blocks);
  }

  /** The best chunks for a vector, as `searchVectors` ranks them. @param question [size] @throws GraftError `engine-…` */
  async search(question: Float32Array, max: number, allowed?: Allowed): Promise<Ranked[]> {
    const products = await this.#products(question);
    const last = bestRanked(products, max, allowed).at(-1);
    if (!last) return [];
    // A sum of n products in any order is off by at most n roundings of the lengths' product (Higham 2002, 3.1).
    const error = this.size * ROUNDING * this.#longest * longestRow(question, this.size);
    const min = last.score - 2 * error;
    const exact = new Float64Array(products.length).fill(NaN);
    products.forEach((product, chunk) => {
      if (product < min || !(allowed?.(chunk) ?? true)) return;
      const row = this.vectors.subarray(chunk * this.size, (chunk + 1) * this.size);
      exact[chunk] = dotProducts(row, question)[0];
    });
    return bestRanked(exact, max);
  }

  async #products(question: Float32Array): Promise<Float64Array> {
    const all = new Float64Array(this.vectors.length / this.size);
    this.plan.write(this.question, new Float32Array(question));
    this.plan.run();
    for (const { firstRow, rows, products } of this.blocks)
      all.set(new Float32Array(await this.plan.read(products)).subarray(0, rows), firstRow);
    return all;
  }

  /** Frees the plan and the vectors on the device. */
  destroy(): void {
    this.plan.destroy();
    for (const { vectors } of this.blocks) this.device.free(vectors);
  }
}

/** The largest Euclidean length of a row. */
function longestRow(rows: Float32Array, size: number): number {
  let longest = 0;
  for (let start = 0; start < rows.length; start += size) {
    let sum = 0;
    for (let i = start; i < start + size; i++) sum += rows[i] * rows[i];
    longest = Math.max(longest, sum);
  }
  return Math.sqrt(longest);
}
