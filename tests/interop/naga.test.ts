/**
 * The kernels on wgpu, the WebGPU of Firefox: its compiler, naga, takes every pipeline of the self-test and of each family, with the builds for GPUs and
 * those for software adapters, and one dispatch of each writes what it writes in Dawn. That Dawn's numbers are right is tested with the kernels. `npm test`
 * has a part of it, `npm run test:long` all.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { openDevice, type GpuDevice } from '../../src/engine/webgpu/device.ts';
import { selfTestOf } from '../../src/evaluate/self-test.ts';
import { readPeft } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { readTensorsOf, referenceFolder } from '../engine/reference-file.ts';
import { temporaryFolder } from '../engine/graft-command.ts';
import { python } from './ask.ts';
import { RecordedGpu } from './recorded-gpu.ts';

const PART = process.env['GRAFT_TEST_MATRIX'] === 'part';
const BUILDS = PART ? (['gpu'] as const) : (['gpu', 'software'] as const);
const FAMILIES = PART
  ? ['gemma3', 'gpt2']
  : ['llama', 'qwen3', 'gemma3', 'gpt2', 'smollm3', 'olmo2', 'granite', 'phi3-partial-rope', 'olmoe'];
/** Sums run in another order at most. */
const CLOSE = { f32: 1e-5, f16: 2e-3 };

const missing = python && spawnSync(python, ['-c', 'import wgpu']).status !== 0;
if (missing) console.warn(`SKIPPED: the kernels on wgpu, which ${python} lacks (pip install wgpu)`);

describe.skipIf(!python || missing)('wgpu', () => {
  const at = temporaryFolder();

  test.each(BUILDS)('computes what Dawn does, builds for %s', async (kernels) => {
    const recorded = new RecordedGpu();
    const device = await openDevice(recorded.gpu('llvmpipe'), { kernels });
    // Layouts of blocks are many, and differ in how they are read only.
    const cases = selfTestOf(device).filter(({ name }) => !PART || !/ (of|over) [qf]\d/.test(name));
    for (const { run } of cases) await run(device);
    for (const name of FAMILIES) await stepOf(device, name);
    await recorded.settle();
    const pipelines = await recorded.write(at(''));
    device.close();
    const { status, stdout, stderr } = spawnSync(
      python!,
      [fileURLToPath(new URL('naga.py', import.meta.url)), at('')],
      { encoding: 'utf8', maxBuffer: 2 ** 26 },
    );
    expect(status, stderr.slice(-2000)).toBe(0);
    const results = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { label: string; error?: number | null; refused?: string });
    expect(results).toHaveLength(pipelines);
    expect(pipelines).toBeGreaterThan(PART ? 80 : 150);
    expect(
      results.filter(
        ({ label, error }) =>
          typeof error !== 'number' || error > (label.includes('f16') ? CLOSE.f16 : CLOSE.f32),
      ),
    ).toEqual([]);
  });
});

/** Loss and gradients of an adapter on a tiny model of a family: of one row, and of rows that share their first tokens in a tree. */
async function stepOf(device: GpuDevice, name: string): Promise<void> {
  const files = (...parts: string[]) => referenceFolder('families', name, ...parts);
  const model = await LanguageModel.load(device, files(), { precision: 'f32' });
  const { modules, tensors } = await readPeft(files('adapter'), model.definition);
  const adapter = new Adapter(device, modules, tensors, { trainable: true });
  const { integers } = await readTensorsOf(files(), 'reference.safetensors');
  const ids = integers.get('ids')!.values.slice(0, 24);
  const trainable = { model, adapter, store: adapter.store };
  await computeGradients(trainable, [{ ids, labels: ids }]);
  // The gradients of queries and keys with windows, in three ranges.
  if (name === 'gemma3') {
    const rows = [0, 0, 9, 9].map((second, at) => {
      const own = [...ids.slice(0, 5), ...ids.slice(second, second + 6), ...ids.slice(at)];
      return { ids: own, labels: own.map((id, t) => (t > 11 ? id : -100)) };
    });
    await computeGradients(trainable, rows, { sharePrefixes: true });
  }
  adapter.destroy();
  await model.destroy();
}
