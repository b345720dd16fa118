/**
 * Matrix products of training and decoding on one adapter: GFLOP/s, median of several runs after a warm-up, all shapes in turn.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/matmul.ts [adapter name] [f32|f16]
 */
import { pathToFileURL } from 'node:url';
import type { Device } from '../src/engine/device.ts';
import { chooseKernel, matmul, type Layout } from '../src/engine/ops/matmul.ts';
import { BufferPool, Plan } from '../src/engine/plan.ts';
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

export interface MatmulResult extends MatmulCase {
  /** The kernel that was chosen. */
  kernel: string;
  /** Median of the runs. */
  milliseconds: number;
  gflops: number;
}

/** Measures `cases` in turn. */
export async function benchMatmul(
  device: Device,
  { cases = MATMUL_CASES, runs = 7, dtype = 'f32' as 'f32' | 'f16' } = {},
): Promise<MatmulResult[]> {
  const pool = new BufferPool(device);
  const measured = [];
  for (const item of cases) {
    const { layout, M, N, K } = item;
    const a = device.upload(layout === 'TN' ? [K, M] : [M, K], dtype, 'A');
    const b = device.upload(layout === 'NT' ? [N, K] : [K, N], dtype, 'B');
    const tape = new Tape(device);
    matmul(tape, { a, b, layout, c: tape.pinned([M, N], dtype, 'C') });
    measured.push({ item, a, b, plan: await Plan.compile(device, tape, pool), times: [] as number[] });
  }
  for (let run = -1; run < runs; run++) {
    for (const { plan, times } of measured) {
      const start = performance.now();
      plan.run();
      await device.settle();
      if (run >= 0) times.push(performance.now() - start);
    }
  }
  const results = measured.map(({ item, times }): MatmulResult => {
    const milliseconds = times.sort((x, y) => x - y)[times.length >> 1];
    const kernel = chooseKernel(device, item.layout, item);
    const tile =
      'tile' in kernel
        ? ` ${4 * kernel.tile.rows}×${4 * kernel.tile.columns} along ${kernel.alongN ? 'N' : 'M'}`
        : '';
    const parts = kernel.parts ? ` in ${kernel.parts} parts` : '';
    return {
      ...item,
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

async function main(): Promise<void> {
  const [name, dtype = 'f32'] = process.argv.slice(2);
  if (dtype !== 'f32' && dtype !== 'f16') throw new Error(`No such type: ${dtype}`);
  const { openDawn } = await import('../src/cli/dawn.ts');
  const device = await openDawn(name);
  console.log(`${device.adapter.description} · ${dtype}`);
  for (const { layout, M, N, K, what, kernel, milliseconds, gflops } of await benchMatmul(device, {
    dtype,
  })) {
    const shape = `${layout} ${M}×${N}×${K}`;
    console.log(
      `${shape.padEnd(20)} ${gflops.toFixed(2).padStart(8)} GFLOP/s ${milliseconds.toFixed(2).padStart(9)} ms  ${what} (${kernel})`,
    );
  }
  device.close();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
