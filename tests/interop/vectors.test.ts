/**
 * Adapters that are not on linear layers, against PEFT: virtual tokens, and norms with biases, on small random models of families that have
 * biases, norms of several kinds, positions in a table, or an embedding that is multiplied.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, kindOf } from '../../src/adapters/registry.ts';
import { openProcessor } from '../../src/cli/cpu.ts';
import { folder, makeFolder, writeFolder, writeWhole } from '../../src/cli/files.ts';
import { copyCompanions } from '../../src/cli/model-folder.ts';
import type { Device } from '../../src/engine/device.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { readPeft, writePeft } from '../../src/export/peft.ts';
import { openModelWeights } from '../../src/model/folder-layout.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { noise, worstError } from '../engine/run.ts';
import { askPython, python, type Answered } from './ask.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';
import { specOf } from '../../src/settings/spec.ts';

const SIZES = {
  vocab_size: 91,
  hidden_size: 48,
  intermediate_size: 88,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  pad_token_id: null,
};
const configs: Record<string, Record<string, unknown>> = {
  gpt2: { model_type: 'gpt2', vocab_size: 91, n_embd: 48, n_layer: 2, n_head: 4, n_positions: 64 },
  qwen2: { ...SIZES, model_type: 'qwen2' },
  qwen3: { ...SIZES, model_type: 'qwen3', head_dim: 20, tie_word_embeddings: true },
  gemma3: { ...SIZES, model_type: 'gemma3_text', head_dim: 16, query_pre_attn_scalar: 24 },
  granite: { ...SIZES, model_type: 'granite', embedding_multiplier: 6 },
};

describe.skipIf(!python)('Virtual tokens, norms and biases in PEFT', () => {
  const names = Object.keys(configs);
  const ids = Array.from(noise(16, 1), (value) => Math.floor(Math.abs(value) * 1e6) % 91);
  let device: Device;
  let out: string;
  const at = (name: string): string => join(out, name);
  const ours = new Map<string, Record<'base' | 'prompt' | 'norms' | 'biases', Float32Array>>();
  const theirs = new Map<string, Answered[]>();

  beforeAll(async () => {
    device = await openProcessor();
    out = mkdtempSync(join(tmpdir(), 'graft-vectors-'));
    await askPython(names.map((name) => ({ model: at(name), config: configs[name] })));
    for (const name of names) ours.set(name, await adaptAll(name));
    const answers = await askPython(
      names.flatMap((name) => [
        ...['prompt', 'norms', 'biases'].map((kind) => ({
          ...{ model: at(name), adapter: `${at(name)}-${kind}`, partial: true, ids },
        })),
        { model: `${at(name)}-norms-merged`, ids },
      ]),
    );
    names.forEach((name, i) => theirs.set(name, answers.slice(4 * i, 4 * i + 4)));
  }, 600_000);
  afterAll(() => {
    device?.close();
    rmSync(out, { recursive: true, force: true });
  });

  async function adaptAll(
    name: string,
  ): Promise<Record<'base' | 'prompt' | 'norms' | 'biases', Float32Array>> {
    const model = await LanguageModel.load(device, folder(at(name)), { precision: 'f32' });
    const logits = {
      base: await model.logits(ids),
      prompt: await adapt(name, model, 'prompt', { method: 'prompt', virtualTokens: 5 }),
      norms: await adapt(name, model, 'norms', { method: 'norms' }),
      biases: await adapt(name, model, 'biases', {
        method: 'norms',
        normParts: name === 'gpt2' || name === 'qwen2' ? 'biases' : 'norms',
      }),
    };
    await model.destroy();
    return logits;
  }

  /** Writes an adapter moved from its start by random numbers, also merged if that is possible; returns Graft's logits with it. */
  async function adapt(
    name: string,
    model: LanguageModel,
    kind: string,
    settings: Readonly<Record<string, unknown>>,
  ): Promise<Float32Array> {
    const config = adapterConfigOf(specOf(settings));
    const modules = adapterModules(model.definition, config);
    const start = new Adapter(device, modules, new Map(), { trainable: false });
    await start.start(model, { seed: 3 });
    const tensors = new Map(
      [...(await start.read())].map(([key, values], i) => {
        const moved = noise(values.length, i + 1, 0.2);
        return [key, values.map((value, at) => value + moved[at])] as const;
      }),
    );
    start.destroy();
    const path = `${at(name)}-${kind}`;
    await writeFolder(path, writePeft({ config, modules, tensors }, { baseModel: at(name) }));
    const read = await readPeft(folder(path), model.definition);
    expect(read.modules).toEqual(modules);
    if (kindOf(config).unmergeable === undefined) {
      const weights = await openModelWeights(folder(at(name)), model.definition);
      await makeFolder(`${path}-merged`);
      await writeWhole(
        join(`${path}-merged`, 'model.safetensors'),
        mergedWeights(model.definition, weights, read),
      );
      await copyCompanions(folder(at(name)), `${path}-merged`);
    }
    const adapter = await Adapter.frozen(model, read.modules, read.tensors);
    const logits = await model.logits(ids, adapter);
    adapter.destroy();
    return logits;
  }

  const flat = (logits: readonly number[][]): Float32Array => Float32Array.from(logits.flat());

  test.each(names)('%s: PEFT gives the same logits, and so does a merged model', (name) => {
    const { base, ...adapted } = ours.get(name)!;
    const [prompt, norms, biases, merged] = theirs.get(name)!.map(({ logits }) => flat(logits));
    for (const [logits, expected] of [
      [adapted.prompt, prompt],
      [adapted.norms, norms],
      [adapted.biases, biases],
      [adapted.norms, merged],
    ]) {
      expect(worstError(logits, expected)).toBeLessThan(1e-4);
      expect(worstError(logits, base)).toBeGreaterThan(1e-2);
    }
  });
});
