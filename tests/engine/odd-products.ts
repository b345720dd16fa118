/** Choices for products that no measurement made: kernels that differ from the usual ones in every way, for products of any size. */
import type { Layout } from '../../src/engine/ops/matmul.ts';
import type { TiledKernel, TileKernel } from '../../src/engine/webgpu/lower/matmul-kernel.ts';
import { hasFewRows, type ChosenProduct, type ProductClass } from '../../src/engine/webgpu/product-class.ts';

const KERNELS: Readonly<Record<Layout, TiledKernel>> = {
  NT: { family: 'tiled', rows: 1, columns: 2, across: 8, down: 16, depth: 32, half: false },
  NN: { family: 'tiled', rows: 2, columns: 1, across: 16, down: 8, depth: 8, half: false },
  TN: { family: 'tiled', rows: 2, columns: 2, across: 8, down: 8, depth: 16, half: false, parts: 3 },
};

/** Each is a factor of four from the next, so that every side is near one. */
const SIDES = [1, 4, 16, 64, 256, 1024, 4096];

const TYPES: readonly Pick<ProductClass, 'a' | 'b' | 'c'>[] = [
  { a: 'f32', b: 'f32', c: 'f32' },
  { a: 'f16', b: 'f16', c: 'f16' },
  { a: 'f16', b: 'f32', c: 'f16' },
  { a: 'f16', b: 'f16', c: 'f32' },
];

/** One choice for all products of layers in f32 and in f16, alone, in groups and as terms, with a low-rank term and without. */
export function oddProducts(): ChosenProduct[] {
  const all: ChosenProduct[] = [];
  for (const layout of ['NT', 'NN', 'TN'] as const)
    for (const types of TYPES)
      for (const [products, terms] of [[1, false] as const, [2, false] as const, [2, true] as const])
        for (const R of [0, 8])
          for (const M of SIDES)
            for (const N of SIDES)
              for (const K of SIDES) {
                const shape = { layout, M, N, K, R, products, terms, ...types };
                all.push({ shape, kernel: kernelOf(shape) });
              }
  return all;
}

function kernelOf(shape: ProductClass): TileKernel {
  if (hasFewRows(shape)) return { family: 'vector', outputs: 8, lanes: 8 };
  return { ...KERNELS[shape.layout], half: shape.a === 'f16' && shape.b === 'f16' };
}
