/** Tensors of a model folder beside the weights that Graft knows. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeModelFolder } from '../../../src/cli/model-folder.ts';
import type { LoadedModel } from '../../../src/cli/session.ts';
import { mergedWeights } from '../../../src/export/merge.ts';
import { writePeft } from '../../../src/export/peft.ts';
import { defineModel } from '../../../src/model/family.ts';
import { openModelWeights } from '../../../src/model/folder-layout.ts';
import type { LoraConfig } from '../../../src/adapters/lora/config.ts';
import { adapterModules, initialTensors } from '../../../src/adapters/registry.ts';
import { ALL_LINEAR } from '../../../src/adapters/targets.ts';
import { memoryFiles, memorySource } from '../../../src/weights/bytes.ts';
import {
  concatBytes,
  parseSafetensors,
  writeSafetensors,
  type TensorEntry,
} from '../../../src/weights/safetensors.ts';

const model = defineModel(
  {
    model_type: 'gemma3',
    text_config: {
      vocab_size: 8,
      hidden_size: 8,
      intermediate_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 1,
      num_key_value_heads: 1,
      head_dim: 8,
    },
  },
  'm/config.json',
);
const lora: LoraConfig = {
  rank: 2,
  alpha: 4,
  dropout: 0,
  rsLora: false,
  targets: [ALL_LINEAR],
  rankPattern: {},
  alphaPattern: {},
};
const modules = adapterModules(model, lora);

const VISION = { name: 'vision_tower.layers.0.self_attn.q_proj.weight', shape: [2, 3] };
const vision = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
const files = memoryFiles({
  'config.json': '{}',
  'preprocessor_config.json': '{}',
  'model.safetensors': concatBytes(
    writeSafetensors([
      { ...VISION, dtype: 'BF16', data: vision },
      // An old copy of the embedding, to which the head is tied.
      { name: 'language_model.lm_head.weight', dtype: 'F32', shape: [1], data: new Float32Array(1) },
      ...model.weights.map(({ name, shape }) => ({
        name: name.replace('model.language_model.', 'language_model.model.'),
        shape,
        dtype: 'F32' as const,
        data: new Float32Array(sizeOf(shape)),
      })),
    ]),
  ),
});

async function expectWhole(bytes: Uint8Array<ArrayBuffer>): Promise<Map<string, TensorEntry>> {
  const tensors = await parseSafetensors(memorySource('written', bytes));
  const before = await openModelWeights(files, model);
  expect([...tensors.keys()].sort()).toEqual(
    before
      .names()
      .filter((name) => !name.includes('lm_head'))
      .sort(),
  );
  expect(tensors.get(VISION.name)).toMatchObject({ dtype: 'BF16', shape: VISION.shape });
  expect(await tensors.get(VISION.name)!.read()).toEqual(vision);
  return tensors;
}

describe('a multimodal model', () => {
  let out: string;
  beforeEach(() => {
    out = mkdtempSync(join(tmpdir(), 'graft-merge-'));
  });
  afterEach(() => rmSync(out, { recursive: true, force: true }));

  test('merged, gets what the adapter adds to its layers, and keeps everything else', async () => {
    // A of ones and B of ¼ at a rank of 2 and a scale of 4 / 2: s · B · A is 1 everywhere, on weights that are 0.
    const tensors = new Map(
      [...initialTensors(modules, 1)].map(([name, values]) => [
        name,
        values.fill(name.includes('lora_A') ? 1 : 0.25),
      ]),
    );
    const adapter = { config: lora, modules, tensors };
    const chunks = [];
    for await (const chunk of mergedWeights(model, await openModelWeights(files, model), adapter))
      chunks.push(chunk);
    const written = await expectWhole(concatBytes(chunks));
    const changed = new Set(
      modules.map(({ path }) => `${path}.weight`.replace('model.language_model.', 'language_model.model.')),
    );
    expect(changed.size).toBe(7);
    for (const [name, entry] of written) {
      if (name === VISION.name) continue;
      const values = new Float32Array((await entry.read()).slice().buffer);
      expect(values, name).toEqual(new Float32Array(values.length).fill(changed.has(name) ? 1 : 0));
    }
  });

  test('keeps its vision weights if all text weights are trained', async () => {
    const values = new Map(
      model.weights.map(({ name, shape }) => [name, new Float32Array(sizeOf(shape)).fill(0.5)] as const),
    );
    await writeModelFolder({ model: { definition: model }, files } as unknown as LoadedModel, values, out);
    const tensors = await expectWhole(new Uint8Array(readFileSync(join(out, 'model.safetensors'))));
    const norm = tensors.get('language_model.model.norm.weight')!;
    expect(new Float32Array((await norm.read()).slice().buffer)).toEqual(new Float32Array(8).fill(0.5));
    expect(readFileSync(join(out, 'preprocessor_config.json'), 'utf8')).toBe('{}');
  });

  test('gets adapters on its text layers, and not on others of the same name', () => {
    const written = writePeft(
      { config: lora, modules, tensors: initialTensors(modules, 1) },
      { baseModel: 'm' },
    );
    const { target_modules: targets } = JSON.parse(
      new TextDecoder().decode(written['adapter_config.json']),
    ) as { target_modules: string[] };
    expect(targets).toHaveLength(7);
    expect(targets[0]).toBe('model.language_model.layers.0.self_attn.q_proj');
  });
});
