/** What `graft bench` measures of a small model, in a process of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import type { BenchResult } from '../../src/cli/bench-report.ts';
import { openDawn } from '../../src/cli/dawn.ts';
import { keptFiles, measuredHere } from '../../src/cli/tuning-store.ts';
import { toKeep } from '../../src/engine/webgpu/measured-on.ts';
import { randomFiles } from '../../src/model/random-files.ts';
import { GPU, graft, graftHere } from '../engine/graft-command.ts';

const CONFIG = {
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 96,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
};

async function smallModel(folder: string): Promise<void> {
  const files = randomFiles('small', CONFIG);
  for (const name of files.list()) {
    const source = (await files.open(name))!;
    writeFileSync(join(folder, name), await source.read(0, source.size));
  }
}

test('graft bench --kernels gpu runs the builds for GPUs on a software GPU', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'graft-builds-'));
  try {
    await smallModel(folder);
    const device = await openDawn('llvmpipe', { kernels: 'gpu' });
    const { check, tuning } = keptFiles(device);
    const on = measuredHere(device);
    device.close();
    expect(tuning).toMatch(/-with-gpu-kernels\.json$/);
    // The comparison with the processor takes minutes here: one that was kept stands for it.
    mkdirSync(join(folder, 'graft'));
    const kept = { cases: 1, worst: 0, dropped: [], differing: [] };
    writeFileSync(join(folder, 'graft', basename(check)), JSON.stringify(toKeep(on, kept)));
    const args = ['bench', '--model', folder, '--only', 'decoding', '--runs', '1', '--profile', '--json'];
    const { code, out, err } = await graft([...args, '--kernels', 'gpu', ...GPU], undefined, {
      XDG_CACHE_HOME: folder,
    });
    expect(code, err).toBe(0);
    const { kernels, tuning: used, decoding } = JSON.parse(out) as BenchResult;
    expect({ kernels, used }).toMatchObject({ kernels: 'gpu', used: { matmul: { family: 'tiles' } } });
    expect(decoding!.profile!.kernels.map(({ kernel }) => kernel).join()).toContain('matmul_vector');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('graft bench --profile gives the time of each kernel, as JSON and as a table', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'graft-bench-'));
  try {
    await smallModel(folder);
    const args = ['bench', '--model', folder, '--batches', '1x16,2x16', '--runs', '1', '--profile'];
    const only = (parts: string): string[] => ['--only', parts, ...GPU];

    const { code, out, err } = await graft([...args, ...only('training,decoding'), '--json']);
    expect(code, err).toBe(0);
    const result = JSON.parse(out) as BenchResult;
    expect(result.matmul).toEqual([]);
    expect(result.attention).toEqual([]);
    expect(result.training.map(({ rows, length, tokens }) => [rows, length, tokens])).toEqual([
      [1, 16, 16],
      [2, 16, 32],
    ]);
    for (const training of result.training) {
      const { profile, dispatches, matmulSeconds, secondsPerStep, matmulEfficiency } = training;
      expect(profile!.kernels.reduce((sum, kernel) => sum + kernel.dispatches, 0)).toBe(dispatches);
      expect(profile!.kernels.map(({ kernel }) => kernel)).toContain('adamw update');
      expect(matmulEfficiency).toBeCloseTo(matmulSeconds / secondsPerStep, 12);
    }
    const decoding = result.decoding!;
    expect(decoding.decodeTokensPerSecond).toBeGreaterThan(0);
    expect(decoding.profile!.kernels.map(({ kernel }) => kernel)).toContain('sampling pick');

    const table = await graft([...args, ...only('decoding')]);
    expect(table.code, table.err).toBe(0);
    expect(table.out).toContain('Kernel (by timestamps)');
    expect(table.out).toMatch(/^ {2}All kernels +\d+ +[\d.]+ +100\.0%$/m);
    expect(table.out).not.toContain('Training');

    for (const [wrong, said] of [
      [['--only', 'training,sleeping'], '--only has "sleeping"'],
      [['--batches', '4-256'], '--batches has "4-256"'],
      [['--runs', '0'], '--runs is 0'],
    ] as const) {
      const failed = await graftHere(['bench', ...wrong, ...GPU]);
      expect(failed.code).not.toBe(0);
      expect(failed.err).toContain(said);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
