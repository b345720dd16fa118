/**
 * Adapters that have trained embedding, head or both as a whole, on bases with one weight for both: transformers loads the merged model, and gives the
 * logits of base and adapter in Graft and in PEFT.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, adapterShapes } from '../../src/adapters/registry.ts';
import { openProcessor } from '../../src/cli/cpu.ts';
import { folder, makeFolder, writeFolder, writeWhole } from '../../src/cli/files.ts';
import { copyCompanions } from '../../src/cli/model-folder.ts';
import type { Device } from '../../src/engine/device.ts';
import { sizeOf } from '../../src/engine/tensor.ts';
import { mergedFolder } from '../../src/export/grown-folder.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { readPeft, writePeft } from '../../src/export/peft.ts';
import { openModelWeights } from '../../src/model/folder-layout.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { noise, worstError } from '../engine/run.ts';
import { askPython, python } from './ask.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';
import { specOf } from '../../src/settings/spec.ts';

const SIZES = {
  vocab_size: 301,
  hidden_size: 48,
  intermediate_size: 88,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  pad_token_id: null,
  tie_word_embeddings: true,
};
const BASES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  llama: { ...SIZES, model_type: 'llama' },
  gemma3: { ...SIZES, model_type: 'gemma3_text', head_dim: 16, query_pre_attn_scalar: 24 },
  gpt2: { model_type: 'gpt2', vocab_size: 301, n_embd: 48, n_layer: 2, n_head: 4, n_positions: 64 },
};
const IDS = [4, 17, 300, 255, 4, 0, 91, 12];

describe.skipIf(!python)('A merged model of an adapter with a trained embedding or head', () => {
  const cases = Object.keys(BASES).flatMap((base) =>
    (['embed_tokens', 'lm_head', 'both'] as const).map((choice) => ({
      base,
      choice,
      name: `${base}-${choice}`,
    })),
  );
  let device: Device;
  let out: string;
  const at = (name: string): string => join(out, name);
  const ours = new Map<string, { adapted: Float32Array; merged: Float32Array }>();
  const theirs = new Map<string, { adapted: Float32Array; merged: Float32Array }>();

  beforeAll(async () => {
    device = await openProcessor();
    out = mkdtempSync(join(tmpdir(), 'graft-untied-'));
    await askPython(Object.entries(BASES).map(([name, config]) => ({ model: at(name), config })));
    for (const one of cases) ours.set(one.name, await adapt(one));
    const answers = await askPython(
      cases.flatMap(({ base, name }) => [
        { model: at(base), adapter: at(`${name}-adapter`), ids: IDS },
        { model: at(`${name}-merged`), ids: IDS },
      ]),
    );
    cases.forEach(({ name }, i) => {
      const [adapted, merged] = answers
        .slice(2 * i, 2 * i + 2)
        .map(({ logits }) => Float32Array.from(logits.flat()));
      theirs.set(name, { adapted, merged });
    });
  }, 600_000);
  afterAll(() => {
    device?.close();
    rmSync(out, { recursive: true, force: true });
  });

  /** Writes an adapter of random numbers, also merged. */
  async function adapt({
    base,
    choice,
    name,
  }: (typeof cases)[number]): Promise<{ adapted: Float32Array; merged: Float32Array }> {
    const files = folder(at(base));
    const model = await LanguageModel.load(device, files, { precision: 'f32' });
    const config = adapterConfigOf(specOf({ modulesToSave: choice, rank: 2 }));
    const modules = adapterModules(model.definition, config);
    const tensors = new Map(
      [...adapterShapes(modules)].map(([key, shape], i) => [
        key,
        Float32Array.from(noise(sizeOf(shape), i + 1, 0.2)),
      ]),
    );
    await writeFolder(
      at(`${name}-adapter`),
      writePeft({ config, modules, tensors }, { baseModel: at(base) }),
    );
    const read = await readPeft(folder(at(`${name}-adapter`)), model.definition);
    const to = at(`${name}-merged`);
    await makeFolder(to);
    const weights = await openModelWeights(files, model.definition);
    await writeWhole(join(to, 'model.safetensors'), mergedWeights(model.definition, weights, read));
    await copyCompanions(await mergedFolder(files, read, model.definition), to);
    const adapter = await Adapter.frozen(model, read.modules, read.tensors);
    const adapted = await model.logits(IDS, adapter);
    adapter.destroy();
    await model.destroy();
    const whole = await LanguageModel.load(device, folder(to), { precision: 'f32' });
    const merged = await whole.logits(IDS);
    await whole.destroy();
    return { adapted, merged };
  }

  test.each(cases)('gives the same logits everywhere: $name', ({ name }) => {
    const [here, there] = [ours.get(name)!, theirs.get(name)!];
    expect(worstError(here.merged, here.adapted)).toBeLessThan(1e-4);
    expect(worstError(there.merged, here.adapted)).toBeLessThan(1e-4);
    expect(worstError(there.adapted, here.adapted)).toBeLessThan(1e-4);
  });
});
