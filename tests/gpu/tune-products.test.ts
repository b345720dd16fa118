/** Every candidate for products has the right values on software adapters: sums in float64 say which those are. */
import { expect, test } from 'vitest';
import { candidatesOf } from '../../src/engine/webgpu/candidates.ts';
import type { ProductClass } from '../../src/engine/webgpu/product-class.ts';
import { openProductBench } from '../../src/evaluate/product-bench.ts';
import { describeDevice, PART, type AdapterContext } from '../engine/adapters.ts';

const SHAPE: ProductClass = {
  ...{ layout: 'NT', M: 512, N: 1152, K: 576, R: 8 },
  ...{ products: 3, terms: false, a: 'f32', b: 'f32', c: 'f32' },
};
const F16 = { a: 'f16', b: 'f16', c: 'f16' } as const;

/** One of each kind that a plan has, and the candidates of `npm test` by their places: each takes seconds to compile. */
const CLASSES: readonly { readonly shape: ProductClass; readonly places: readonly number[] }[] = [
  { shape: SHAPE, places: [] },
  { shape: { ...SHAPE, products: 1, R: 0 }, places: [] },
  { shape: { ...SHAPE, ...F16 }, places: [] },
  { shape: { ...SHAPE, layout: 'NN', N: 576, K: 1152, terms: true }, places: [] },
  { shape: { ...SHAPE, ...F16, layout: 'NN', b: 'q4_0', products: 1 }, places: [9] },
  { shape: { ...SHAPE, b: 'q4_k', products: 2, K: 512 }, places: [0] },
  { shape: { ...SHAPE, layout: 'TN', products: 1, K: 1024, R: 0 }, places: [] },
  { shape: { ...SHAPE, M: 1, products: 2 }, places: [6] },
];

function describeChecks(context: AdapterContext): void {
  for (const { shape, places } of CLASSES) {
    const { layout, M, products, terms, R, a, b } = shape;
    const kernels = candidatesOf(shape, { limits: LIMITS }).filter(
      (_, place) => !PART || places.includes(place),
    );
    test.skipIf(kernels.length === 0 || (a === 'f16' && !context.f16))(
      `${layout} of ${M} rows, ${a} · ${b}, ${products} ${terms ? 'terms' : 'results'}, rank ${R}: ${kernels.length} kernels`,
      async () => {
        const bench = await openProductBench(context.gpu);
        try {
          expect(bench.ranks).toBe(false);
          for (const kernel of kernels)
            expect(await bench.check(shape, kernel), JSON.stringify(kernel)).toBeUndefined();
        } finally {
          bench.close();
        }
      },
    );
  }
}

/** Those of software adapters. */
const LIMITS = {
  ...{ maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 28 },
  ...{ maxComputeWorkgroupStorageSize: 2 ** 15, maxComputeInvocationsPerWorkgroup: 256 },
};

describeDevice(
  'Candidates for products',
  (context) => {
    describeChecks(context);

    test('a kernel that computes another layout is wrong', async () => {
      const bench = await openProductBench(context.gpu);
      const shape: ProductClass = { ...SHAPE, products: 1, M: 1, R: 0, layout: 'NN' };
      // The matrix-vector kernel reads rows of B, whatever the layout.
      expect(await bench.check(shape, { family: 'vector' })).toMatch(
        /values are wrong in the product NN 1 ×/,
      );
      bench.close();
    });
  },
  { options: { kernels: 'gpu' } },
);
