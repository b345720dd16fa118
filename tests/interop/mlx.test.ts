/**
 * Graft's files for MLX, read by mlx-lm itself. Its logits are compared with those of PEFT with the same adapters (tests/reference/peft).
 * Needs a Python with mlx and mlx-lm, which run on Linux and on Macs: GRAFT_MLX_PYTHON.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import type { LoraConfig } from '../../src/adapters/lora/config.ts';
import { adapterModules, adapterShapes, initialTensors } from '../../src/adapters/registry.ts';
import { openDawn } from '../../src/cli/dawn.ts';
import { exportCommand } from '../../src/cli/export.ts';
import { file, folder, writeFolder } from '../../src/cli/files.ts';
import { createOutput } from '../../src/cli/output.ts';
import { sizeOf } from '../../src/engine/tensor.ts';
import { writePeft } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Random } from '../../src/random.ts';
import { readTensors } from '../engine/reference-file.ts';
import { worstError } from '../engine/run.ts';
import { SPRIG } from '../engine/sprig.ts';

const python = process.env['GRAFT_MLX_PYTHON'];
if (!python)
  console.warn(
    'SKIPPED: the tests against mlx-lm itself need GRAFT_MLX_PYTHON, a Python after pip install mlx-lm "mlx[cpu]".',
  );
const at = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const reference = (name: string): string => at(`../reference/peft/${name}`);

describe.skipIf(!python)('mlx-lm', () => {
  let out: string;
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'graft-mlx-'));
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  const write = (adapter: string, name: string): Promise<void> =>
    exportCommand(
      ['--model', SPRIG, '--adapter', adapter, '--format', 'mlx', '--out', join(out, name)],
      createOutput(),
    );

  test('gives the logits of PEFT with LoRA and DoRA adapters that Graft exported', async () => {
    await write(reference('adapter'), 'lora');
    await write(reference('dora'), 'dora');
    const { floats, integers } = await readTensors(file(reference('logits.safetensors')));
    const [lora, dora] = ask(['lora', 'dora'], [...integers.get('ids')!.values]);
    expect(worstError(lora, floats.get('adapter')!)).toBeLessThan(1e-4);
    expect(worstError(dora, floats.get('dora')!)).toBeLessThan(1e-4);
    // The adapters matter: without them the logits would be far off.
    expect(worstError(lora, floats.get('base')!)).toBeGreaterThan(1e-2);
    expect(worstError(dora, floats.get('base')!)).toBeGreaterThan(1e-2);
  });

  test('gives the logits of Graft where ranks, scales and layers differ', async () => {
    const device = await openDawn('llvmpipe');
    const model = await LanguageModel.load(device, folder(SPRIG), { precision: 'f32' });
    const ids = [5, 90, 300, 7, 44, 810, 12, 3, 66];
    const logits: Float32Array[] = [];
    for (const kind of ['lora', 'dora']) {
      const config: LoraConfig = {
        ...{ kind, rank: 2, alpha: 4, dropout: 0, rsLora: true },
        // Layers 0 and 1 have none, and layer 3 has some that others lack.
        targets: ['layers.3.mlp.down_proj', 'layers.2.self_attn.q_proj', 'layers.5.self_attn.q_proj'],
        rankPattern: { 'layers.5.self_attn.q_proj': 3 },
        alphaPattern: { 'layers.3.mlp.down_proj': 1 },
      };
      const modules = adapterModules(model.definition, config);
      const random = new Random(3);
      const tensors = initialTensors(modules, 3);
      for (const [name, shape] of adapterShapes(modules))
        if (!tensors.has(name) || name.includes('lora_B'))
          tensors.set(
            name,
            Float32Array.from(
              { length: sizeOf(shape) },
              () => (name.includes('lora_B') ? -0.5 : 1) + random.float(),
            ),
          );
      await writeFolder(
        join(out, `${kind}-peft`),
        writePeft({ config, modules, tensors }, { baseModel: 'sprig' }),
      );
      await write(join(out, `${kind}-peft`), `${kind}-mlx`);
      const adapter = new Adapter(device, modules, tensors, { trainable: false });
      logits.push(await model.logits(ids, adapter));
      await device.settle();
      adapter.destroy();
    }
    const base = await model.logits(ids);
    await model.destroy();
    device.close();
    const theirs = ask(['lora-mlx', 'dora-mlx'], ids);
    theirs.forEach((one, i) => {
      expect(worstError(one, logits[i])).toBeLessThan(1e-4);
      expect(worstError(one, base)).toBeGreaterThan(1e-2);
    });
  });

  function ask(adapters: readonly string[], ids: readonly number[]): Float32Array[] {
    const { status, stdout, stderr } = spawnSync(python!, [at('ask_mlx.py')], {
      input: JSON.stringify({ model: SPRIG, adapters: adapters.map((name) => join(out, name)), ids }),
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    if (status !== 0) throw new Error(`ask_mlx.py ended with ${status}:\n${stderr}`);
    return (JSON.parse(stdout) as number[][][]).map((logits) => Float32Array.from(logits.flat()));
  }
});
