/** The classes of products of a model, from dry runs, and what a choice for one changes in a plan. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DryRunDevice } from '../../../src/engine/dry-run/device.ts';
import { matmul } from '../../../src/engine/ops/matmul.ts';
import { sizePlan } from '../../../src/engine/size.ts';
import { Tape } from '../../../src/engine/tape.ts';
import type { Dispatch } from '../../../src/engine/webgpu/dispatch.ts';
import type { TileKernel } from '../../../src/engine/webgpu/lower/matmul-kernel.ts';
import { GpuLowering } from '../../../src/engine/webgpu/lowering.ts';
import {
  isProductClass,
  type ChosenProduct,
  type ProductClass,
} from '../../../src/engine/webgpu/product-class.ts';
import { USUAL_GPU } from '../../../src/engine/webgpu/target.ts';
import { classesOfModel } from '../../../src/evaluate/product-classes.ts';
import { kernelWords, productRows, tunedName } from '../../../src/evaluate/product-words.ts';
import { parseJson } from '../../../src/json.ts';
import { defineModel } from '../../../src/model/family.ts';

const USUAL = new GpuLowering(USUAL_GPU);
const KERNEL = {
  ...{ family: 'tiled', rows: 1, columns: 2, across: 8, down: 8 },
  ...{ depth: 32, half: false, parts: 2 },
} as const satisfies TileKernel;
const SHAPE: ProductClass = {
  ...{ layout: 'NT', M: 512, N: 576, K: 1536, R: 0 },
  ...{ products: 1, terms: false, a: 'f32', b: 'f32', c: 'f32' },
};

function classesOf(name: string, baseWeights?: 'q4_0'): Promise<ProductClass[]> {
  const path = new URL(`../../fixtures/configs/${name}.json`, import.meta.url);
  const config = parseJson(readFileSync(path, 'utf8'), name) as Record<string, unknown>;
  const definition = defineModel({ ...config, num_hidden_layers: 2, layer_types: undefined }, name);
  const matrices = baseWeights && { baseWeights: { matrices: baseWeights } };
  return classesOfModel(USUAL, definition, { precision: 'f16', tokens: 512, rank: 16, ...matrices });
}

describe('The classes of SmolLM2-135M', () => {
  test('are those of forward, gradients, head and a new token', async () => {
    const classes = await classesOf('SmolLM2-135M');
    expect(classes.length).toBeGreaterThanOrEqual(6);
    expect(classes.length).toBeLessThanOrEqual(8);
    expect(classes.every(isProductClass)).toBe(true);
    const has = (wanted: Partial<ProductClass>): boolean =>
      classes.some((one) =>
        Object.entries(wanted).every(([key, value]) => one[key as keyof ProductClass] === value),
      );
    expect(has({ layout: 'NT', M: 512, N: 3072, K: 576, products: 2, R: 16 })).toBe(true);
    expect(has({ layout: 'NN', M: 512 })).toBe(true);
    expect(classes.some(({ layout, N }) => layout === 'NT' && N >= 4096)).toBe(true);
    expect(has({ layout: 'NT', M: 1 })).toBe(true);
    expect(classes[0].a).toBe('f16');
  });

  test('are of blocks if the base is', async () => {
    const classes = await classesOf('SmolLM2-135M', 'q4_0');
    expect(classes.some(({ layout, b }) => layout === 'NN' && b === 'q4_0')).toBe(true);
  });
});

describe('A product', () => {
  const dispatchesOf = (products?: readonly ChosenProduct[]): readonly Dispatch[] => {
    const lowering = new GpuLowering({ ...USUAL_GPU, tuning: { ...USUAL_GPU.tuning, products } });
    const device = new DryRunDevice(lowering);
    const tape = new Tape(device);
    const [a, b, c] = [
      [512, 1536],
      [576, 1536],
      [512, 576],
    ].map((shape) => device.upload(shape, 'f32', 'operand'));
    matmul(tape, { a, b, c, layout: 'NT' });
    return sizePlan(tape, lowering).commands;
  };

  test('has the kernel that was measured for its class, with K in parts', () => {
    const [first, second, ...rest] = dispatchesOf([{ shape: SHAPE, kernel: KERNEL }]);
    expect(first.constants).toMatchObject({ COLUMNS: 2, ACROSS: 8, DOWN: 8, DEPTH: 32, SPLIT: 1 });
    expect(first.params).toMatchObject({ part: 768, tiles: 2 * 16 * 9 });
    expect([second.label, rest]).toEqual(['matmul_reduce', []]);
  });

  test('has its usual kernel if nothing was measured, or only others', () => {
    const usual = dispatchesOf();
    expect(usual.map(({ label, constants }) => [label, constants])).toEqual(
      dispatchesOf([{ shape: { ...SHAPE, M: 8 }, kernel: KERNEL }]).map(({ label, constants }) => [
        label,
        constants,
      ]),
    );
    expect(usual[0].constants).toMatchObject({ ROWS: 1, COLUMNS: 1, ACROSS: 16, DOWN: 16, DEPTH: 16 });
  });
});

describe('In words', () => {
  test('a class has its speed next to that of the usual kernel, and what was given up', () => {
    const flops = 2 * 512 * 576 * 1536;
    const [row] = productRows([
      {
        shape: SHAPE,
        tried: [
          { kernel: KERNEL, outcome: 'faster', seconds: flops / 4e11, against: flops / 1e11 },
          { kernel: { family: 'sliced' }, outcome: 'wrong', why: '3 of 9 values are wrong' },
        ],
        chosen: KERNEL,
        seconds: flops / 4e11,
        usual: flops / 1e11,
      },
    ]);
    expect(row).toEqual({
      name: 'NT 512 × 576 × 1536, f32 · f32',
      kernel: kernelWords(KERNEL),
      gflops: 400,
      usualGflops: 100,
      right: 1,
      tried: 2,
      givenUp: ['sliced K: 3 of 9 values are wrong'],
    });
    expect(row.kernel).toBe('32 × 64 tiles, 4 × 8 a thread, depth 32, K in 2 parts');
  });

  test('the choices of a device have a name, which differs with each', () => {
    const one = tunedName([{ shape: SHAPE, kernel: KERNEL }]);
    expect(one).toMatch(/^matmuls tuned here \([0-9a-f]{8}\)$/);
    expect(tunedName([{ shape: SHAPE, kernel: { ...KERNEL, parts: 1 } }])).not.toBe(one);
    expect(tunedName([])).toBeUndefined();
  });
});
