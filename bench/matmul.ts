/**
 * Matrix products of training and decoding on one adapter: median of several runs after a warm-up, all shapes and types in turn.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/matmul.ts [adapter name] [types] [layers]
 *
 * types: of the operands, f32 or f16; or of B beside an A in f32: q8_0, nf4, q4_k and so on (QUANTISED_TYPES), if its rows are whole blocks; several
 * with commas. layers: products of SmolLM2's frozen layers only.
 */
import { pathToFileURL } from 'node:url';
import type { GpuDevice } from '../src/engine/webgpu/device.ts';
import { matmul, type Layout } from '../src/engine/ops/matmul.ts';
import { chooseKernel } from '../src/engine/webgpu/lower/matmul-kernel.ts';
import {
  createQuantised,
  fitsQuantised,
  QUANTISED_TYPES,
  type QuantisedType,
} from '../src/engine/quantised.ts';
import { Tape } from '../src/engine/tape.ts';

export interface MatmulCase {
  layout: Layout;
  M: number;
  N: number;
  K: number;
  what: string;
}

export const MATMUL_CASES: readonly MatmulCase[] = [
  { layout: 'NN', M: 1024, N: 1024, K: 1024, what: 'square' },
  { layout: 'NT', M: 1024, N: 1024, K: 1024, what: 'square' },
  { layout: 'TN', M: 1024, N: 1024, K: 1024, what: 'square' },
  { layout: 'NT', M: 512, N: 576, K: 576, what: 'y = x·Wᵀ' },
  { layout: 'NN', M: 512, N: 576, K: 576, what: 'dx = dy·W' },
  { layout: 'NT', M: 512, N: 8, K: 576, what: 'LoRA z = x·Aᵀ' },
  { layout: 'NN', M: 512, N: 8, K: 576, what: 'LoRA dz = dy·B' },
  { layout: 'TN', M: 8, N: 576, K: 2048, what: 'LoRA dA = dzᵀ·x' },
  { layout: 'TN', M: 576, N: 8, K: 2048, what: 'LoRA dB = dyᵀ·z' },
  { layout: 'NT', M: 1, N: 1536, K: 576, what: 'decoding' },
  { layout: 'NT', M: 256, N: 64, K: 64, what: 'small' },
];

/** SmolLM2-135M's: a square layer, the MLP, the head; decoding, and two batches forward and backward. */
export const LAYER_CASES: readonly MatmulCase[] = [1, 64, 256].flatMap((M) =>
  [
    [576, 576],
    [1536, 576],
    [49_152, 576],
  ].flatMap(([rows, columns]): MatmulCase[] => [
    { layout: 'NT', M, N: rows, K: columns, what: M === 1 ? 'decoding' : 'forward' },
    ...(M === 1 ? [] : [{ layout: 'NN', M, N: columns, K: rows, what: 'reverse' } as const]),
  ]),
);

export type OperandType = 'f32' | 'f16' | QuantisedType;

export interface MatmulResult extends MatmulCase {
  type: OperandType;
  /** The kernel that was chosen. */
  kernel: string;
  /** Median of the runs. */
  milliseconds: number;
  gflops: number;
}

/** Measures `cases` in turn. */
export async function benchMatmul(
  device: GpuDevice,
  { cases = MATMUL_CASES, runs = 7, types = ['f32'] as readonly OperandType[] } = {},
): Promise<MatmulResult[]> {
  const pool = device.createPool();
  const measured = [];
  for (const item of cases) {
    for (const type of types) {
      const { layout, M, N, K } = item;
      const shape = layout === 'NT' ? [N, K] : [K, N];
      const quantised = isQuantised(type) ? type : undefined;
      if (quantised && (layout === 'TN' || !fitsQuantised(shape[1], quantised))) continue;
      const dtype = type === 'f16' ? 'f16' : 'f32';
      const a = device.upload(layout === 'TN' ? [K, M] : [M, K], dtype, 'A');
      const b = quantised ? createQuantised(device, shape, quantised, 'B') : device.upload(shape, dtype, 'B');
      const tape = new Tape(device);
      matmul(tape, { a, b, layout, c: tape.pinned([M, N], dtype, 'C') });
      const plan = await device.compile(tape, pool);
      const kernel = chooseKernel(device, layout, { ...item, quantised });
      measured.push({ item, type, kernel, a, b, plan, times: [] as number[] });
    }
  }
  for (let run = -1; run < runs; run++) {
    for (const { plan, times } of measured) {
      const start = performance.now();
      plan.run();
      await device.settle();
      if (run >= 0) times.push(performance.now() - start);
    }
  }
  const results = measured.map(({ item, type, kernel, times }): MatmulResult => {
    const milliseconds = times.sort((x, y) => x - y)[times.length >> 1];
    const tile =
      'tile' in kernel
        ? ` ${4 * kernel.tile.rows}×${4 * kernel.tile.columns} along ${kernel.alongN ? 'N' : 'M'}`
        : '';
    const parts = 'parts' in kernel && kernel.parts ? ` in ${kernel.parts} parts` : '';
    return {
      ...item,
      type,
      kernel: `${kernel.family}${tile}${parts}`,
      milliseconds,
      gflops: (2 * item.M * item.N * item.K) / milliseconds / 1e6,
    };
  });
  for (const { a, b, plan } of measured) {
    plan.destroy();
    device.free(a);
    device.free(b);
  }
  pool.destroy();
  return results;
}

function isQuantised(type: string): type is QuantisedType {
  return QUANTISED_TYPES.some((candidate) => candidate === type);
}

async function main(): Promise<void> {
  const [name, list = 'f32', layers] = process.argv.slice(2);
  const types = list.split(',').map((type): OperandType => {
    if (type === 'f32' || type === 'f16' || isQuantised(type)) return type;
    throw new Error(`No such type: ${type}`);
  });
  const { openDawn } = await import('../src/cli/dawn.ts');
  const device = await openDawn(name);
  console.log(device.adapter.description);
  for (const { layout, M, N, K, what, type, kernel, milliseconds, gflops } of await benchMatmul(device, {
    types,
    cases: layers ? LAYER_CASES : MATMUL_CASES,
  })) {
    const shape = `${layout} ${M}×${N}×${K}`;
    console.log(
      `${shape.padEnd(20)} ${type.padEnd(5)} ${gflops.toFixed(2).padStart(8)} GFLOP/s ${milliseconds.toFixed(2).padStart(9)} ms  ${what} (${kernel})`,
    );
  }
  device.close();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
