/** What a search for kernels found, in words: for the command, the page and the record of a run. */
import type { TileKernel } from '../engine/webgpu/lower/matmul-kernel.ts';
import { className, type ChosenProduct, type ProductClass } from '../engine/webgpu/product-class.ts';
import { shortHash } from '../engine/webgpu/shader.ts';
import type { TunedClass } from '../engine/webgpu/tune-products.ts';

/** A class as a row of a table. Speeds are in GFLOP/s. */
export interface ProductRow {
  readonly name: string;
  /** The choice: “usual” if no candidate was faster. */
  readonly kernel: string;
  readonly gflops?: number;
  readonly usualGflops?: number;
  /** Candidates whose values were right, and all that were tried. */
  readonly right: number;
  readonly tried: number;
  /** Candidates that were given up, and why. */
  readonly givenUp: readonly string[];
}

/** A kernel, such as “64 × 64 tiles, 8 × 8 a thread, depth 8”. */
export function kernelWords(kernel: TileKernel): string {
  if (kernel.family === 'sliced') return 'sliced K';
  if (kernel.family === 'vector') return `${kernel.outputs ?? 4} rows of ${kernel.lanes ?? 16} threads`;
  const { rows, columns = 1, across = 16, down = 16, depth = 16, half, parts = 1 } = kernel;
  const tile = `${4 * rows * down} × ${4 * columns * across} tiles, ${4 * rows} × ${4 * columns} a thread, depth ${depth}`;
  return `${tile}${half ? ', in half precision' : ''}${parts > 1 ? `, K in ${parts} parts` : ''}`;
}

/** @param speed operations a second of `seconds` */
const speedOf = ({ M, N, K, R }: ProductClass, seconds: number | undefined): number | undefined =>
  seconds === undefined || seconds === 0 ? undefined : (2 * M * N * (K + R)) / seconds / 1e9;

/** The rows of a table of classes. */
export function productRows(classes: readonly TunedClass[]): ProductRow[] {
  return classes.map(({ shape, tried, chosen, seconds, usual }) => {
    const wrong = tried.filter(({ outcome }) => ['wrong', 'failed', 'lost'].includes(outcome));
    return {
      name: className(shape),
      kernel: chosen ? kernelWords(chosen) : 'usual',
      gflops: speedOf(shape, seconds ?? usual),
      usualGflops: speedOf(shape, usual),
      right: tried.filter(({ outcome }) => ['right', 'faster', 'slower'].includes(outcome)).length,
      tried: tried.length,
      givenUp: wrong.map(({ kernel, outcome, why }) => `${kernelWords(kernel)}: ${why ?? outcome}`),
    };
  });
}

/** Names the choices of a device in the record of a run, whose last bits depend on them; undefined if it has none. */
export function tunedName(products: readonly ChosenProduct[] = []): string | undefined {
  if (products.length === 0) return undefined;
  return `matmuls tuned here (${shortHash(JSON.stringify(products))})`;
}
