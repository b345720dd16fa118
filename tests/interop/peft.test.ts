/** Graft's files, read by PEFT and transformers themselves. Needs a Python that has them, which scripts/test.mjs finds or makes. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import { folder, writeFolder } from '../../src/cli/files.ts';
import { copyCompanions } from '../../src/cli/model-folder.ts';
import type { Device } from '../../src/engine/device.ts';
import { answer, promptOfMessages } from '../../src/evaluate/answer.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { portableAdapter, readPeft, writePeft, type AdapterData } from '../../src/export/peft.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { kindOf } from '../../src/adapters/registry.ts';
import { SAVED } from '../../src/adapters/saved/saved.ts';
import { greedy } from '../../src/model/sampling.ts';
import type { LabelledTokens } from '../../src/model/batch.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import type { Given } from '../../src/settings/setting.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { openWeights } from '../../src/weights/folder.ts';
import { concatBytes } from '../../src/weights/safetensors.ts';
import { SPRIG, voiceRows } from '../engine/sprig.ts';
import { worstError } from '../engine/run.ts';
import { sharedJsonl, sharedPath, testShared } from '../shared.ts';
import { askPython, python, type Message } from './ask.ts';
import { specOf } from '../../src/settings/spec.ts';

/** Written by tests/browser/train.test.ts, which runs before. */
const TAB_ADAPTER = join(import.meta.dirname, '../../test-results/adapter-of-the-tab.zip');

describe.skipIf(!python)('PEFT and transformers', () => {
  let device: Device;
  let out: string;
  beforeAll(async () => {
    device = await openProcessor();
    out = mkdtempSync(join(tmpdir(), 'graft-interop-'));
  });
  afterAll(() => {
    device?.close();
    rmSync(out, { recursive: true, force: true });
  });

  /** Trains a few steps, writes the adapter and the merged model, and gives Graft's own logits with the adapter. */
  async function train(
    path: string,
    name: string,
    rows: readonly LabelledTokens[],
    settings: Given,
    ids: readonly number[],
  ): Promise<{
    adapter: string;
    merged: string;
    logits: Float32Array;
    base: Float32Array;
    data: AdapterData;
  }> {
    const model = await LanguageModel.load(device, folder(path), { precision: 'f32' });
    const {
      trainable,
      adapter: shape,
      options,
    } = await makeTrainable(
      model,
      specOf({ method: 'lora', steps: 4, batch: 2, warmup: 0, lr: 1e-2, seed: 1, ...settings }),
      undefined,
      { rows },
    );
    const trained = trainable.adapter!;
    const trainer = await Trainer.create({ trainable, options, rows });
    expect(await trainer.run()).toBe('done');
    const data = portableAdapter({ ...shape!, tensors: await trainer.result() });
    await trainer.destroy();

    const adapter = join(out, name);
    await writeFolder(adapter, writePeft(data, { baseModel: path }));
    const merged = join(out, `${name}-merged`);
    if (isMergeable(data)) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of mergedWeights(model.definition, await openWeights(folder(path)), data))
        chunks.push(chunk);
      await writeFolder(merged, { 'model.safetensors': concatBytes(chunks) });
      await copyCompanions(folder(path), merged);
    }
    trained.destroy();
    const kept = await Adapter.frozen(model, data.modules, data.tensors);
    const [logits, base] = [await model.logits(ids, kept), await model.logits(ids)];
    kept.destroy();
    await model.destroy();
    return { adapter, merged, logits, base, data };
  }

  /** Two weights in place of a tied one are not a merged model. */
  const isMergeable = ({ config, modules }: AdapterData): boolean =>
    kindOf(config).unmergeable === undefined && !modules.some(({ kind }) => kind === SAVED);

  const flat = (logits: readonly number[][]): Float32Array => Float32Array.from(logits.flat());
  const largest = (a: Float32Array, b: Float32Array): number =>
    a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

  test('the bundled model loads in transformers and answers alike; adapters trained on it load in PEFT', async () => {
    const tokenizer = await loadTokenizer(folder(SPRIG));
    const rows = voiceRows(tokenizer, 8);
    const ids = rows[0].ids.slice(0, 24);
    const plain = await train(SPRIG, 'sprig', rows, {}, ids);
    const patterned = await train(
      SPRIG,
      'sprig-patterns',
      rows,
      {
        rank: 4,
        rsLora: true,
        rankPattern: { 'layers.2.self_attn.q_proj': 6 },
        alphaPattern: { down_proj: 3 },
      },
      ids,
    );
    const messages: Message[][] = [
      ['Hello'],
      ['Who lives next to the school?'],
      ['Tell me about the owl.'],
      ['What are you?', 'I am Sprig.', 'Is the owl awake by night?'],
    ].map((turns) =>
      turns.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }) as const),
    );
    const max_new_tokens = 24;
    const [base, withPlain, withPatterned, merged] = await askPython([
      { model: SPRIG, ids, messages, max_new_tokens },
      { model: SPRIG, adapter: plain.adapter, ids },
      { model: SPRIG, adapter: patterned.adapter, ids },
      { model: plain.merged, ids, messages: messages.slice(0, 1), max_new_tokens },
    ]);

    expect(largest(flat(base.logits), plain.base)).toBeLessThan(1e-4);
    expect(largest(flat(withPlain.logits), plain.logits)).toBeLessThan(1e-4);
    expect(largest(flat(withPatterned.logits), patterned.logits)).toBeLessThan(1e-4);
    // The adapters matter: without them the logits would be far off.
    for (const { logits, base: without } of [plain, patterned])
      expect(largest(logits, without)).toBeGreaterThan(0.1);
    // The bundled weights are f16, and so are the merged ones: rounded once more.
    expect(worstError(flat(merged.logits), plain.logits)).toBeLessThan(5e-3);
    expect(merged.answers[0].text).not.toBe('');

    const model = await LanguageModel.load(device, folder(SPRIG), { precision: 'f32' });
    const generator = new Generator(model, messages.length, 256);
    const ours = await answer(
      generator,
      tokenizer,
      messages.map((chat) => promptOfMessages(tokenizer, chat)),
      { maxNewTokens: max_new_tokens, sampling: greedy, seed: 0 },
    );
    base.answers.forEach((theirs, i) => {
      expect(ours[i].promptIds).toEqual(theirs.prompt_ids);
      expect(ours[i].text).toBe(theirs.text);
      expect(ours[i].text).not.toBe('');
    });
    await device.settle();
    generator.destroy();
    await model.destroy();
  });

  test.each([
    ['dora', { rank: 4, dropout: 0.1, rankPattern: { 'layers.2.self_attn.q_proj': 6 } }],
    ['ia3', { targets: ['k_proj', 'v_proj', 'down_proj'], lr: 5e-2 }],
    ['lora', { rank: 4, layersToTransform: [2, 5] }],
    ['lora', { rank: 4, modulesToSave: 'both' }],
    ['pissa', { rank: 4, rsLora: true, rankPattern: { 'layers.2.self_attn.q_proj': 6 } }],
    ['eva', { rank: 4, rsLora: true, evaWhiten: true, lr: 5e-2 }],
    ['prompt', { virtualTokens: 5, lr: 1e-1 }],
    ['norms', { lr: 5e-2 }],
    ['loha', { rank: 3, rankPattern: { 'layers.2.self_attn.q_proj': 6 }, lr: 5e-2 }],
  ])(
    '%s: PEFT gives the same logits with it, and what PEFT saves again is what was read',
    async (method, settings) => {
      const rows = voiceRows(await loadTokenizer(folder(SPRIG)), 8);
      const ids = rows[0].ids.slice(0, 24);
      const { adapter, merged, logits, base, data } = await train(
        SPRIG,
        method,
        rows,
        { method, ...settings },
        ids,
      );
      const save = join(out, `${method}-of-peft`);
      const merges = isMergeable(data);
      const [theirs, theirMerged] = await askPython([
        { model: SPRIG, adapter, ids, save },
        ...(merges ? [{ model: merged, ids }] : []),
      ]);
      expect(largest(flat(theirs.logits), logits)).toBeLessThan(1e-4);
      expect(largest(logits, base)).toBeGreaterThan(0.1);
      if (merges) expect(worstError(flat(theirMerged.logits), logits)).toBeLessThan(5e-3);

      const model = await LanguageModel.load(device, folder(SPRIG), { precision: 'f32' });
      const again = await readPeft(folder(save), model.definition);
      expect(again.modules).toEqual(data.modules);
      expect(again.tensors).toEqual(data.tensors);
      const read = await Adapter.frozen(model, again.modules, again.tensors);
      expect(await model.logits(ids, read)).toEqual(logits);
      await device.settle();
      read.destroy();
      await model.destroy();
    },
  );

  test('the adapter that the tab trained and exported gives the same logits in PEFT', async (context) => {
    if (!existsSync(TAB_ADAPTER)) {
      console.warn(`SKIPPED: ${TAB_ADAPTER} is not there; the browser tests write it.`);
      context.skip();
    }
    const entries = unzipSync(readFileSync(TAB_ADAPTER));
    const files = Object.fromEntries(
      Object.entries(entries).map(([path, bytes]) => [
        path.slice(path.indexOf('/') + 1),
        Uint8Array.from(bytes),
      ]),
    );
    const path = join(out, 'of-the-tab');
    await writeFolder(path, files);
    const model = await LanguageModel.load(device, folder(SPRIG), { precision: 'f32' });
    const { modules, tensors } = await readPeft(folder(path), model.definition);
    const adapter = new Adapter(device, modules, tensors, { trainable: false });
    const ids = voiceRows(await loadTokenizer(folder(SPRIG)), 1)[0].ids.slice(0, 24);
    const [logits, without] = [await model.logits(ids, adapter), await model.logits(ids)];
    const [theirs] = await askPython([{ model: SPRIG, adapter: path, ids }]);
    expect(largest(flat(theirs.logits), logits)).toBeLessThan(1e-4);
    expect(largest(logits, without)).toBeGreaterThan(0.1);
    adapter.destroy();
    await model.destroy();
  });

  testShared(
    'stories260K: an adapter that Graft trained gives the same logits in PEFT, merged too',
    async () => {
      const path = sharedPath('models', 'stories260K');
      expect(existsSync(path)).toBe(true);
      const rows = sharedJsonl<LabelledTokens>('reference', 'stories260K', 'rows.jsonl');
      const ids = Array.from(rows[0].ids).slice(0, 32);
      const trained = await train(path, 'stories', rows, {}, ids);
      const [withAdapter, merged] = await askPython([
        { model: path, adapter: trained.adapter, ids },
        { model: trained.merged, ids },
      ]);
      expect(largest(flat(withAdapter.logits), trained.logits)).toBeLessThan(1e-4);
      expect(largest(flat(merged.logits), trained.logits)).toBeLessThan(1e-4);
      expect(largest(trained.logits, trained.base)).toBeGreaterThan(0.1);
    },
  );
});
