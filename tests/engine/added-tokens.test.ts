/** LoRA with added tokens: the numbers of transformers and PEFT, which every clone has (tests/reference/peft/tokens.py), and of models made of them. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { file, folder } from '../../src/cli/files.ts';
import { grownFolder, mergedFolder, tokenizerWithTokens } from '../../src/export/grown-folder.ts';
import { overlaid } from '../../src/export/overlaid.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { readPeft, writePeft, type AdapterData } from '../../src/export/peft.ts';
import { openModelWeights } from '../../src/model/folder-layout.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel, type LoadOptions } from '../../src/model/language-model.ts';
import { greedy } from '../../src/model/sampling.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import { newTokens } from '../../src/text/added-tokens.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles, readJson, type FileSet } from '../../src/weights/bytes.ts';
import { concatBytes, openSafetensors, writeSafetensors } from '../../src/weights/safetensors.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeOnCpu } from './adapters.ts';
import {
  peftFile as at,
  peftLines as lines,
  readTensors,
  type CurveSettings,
  type Reference,
} from './reference-file.ts';
import { worstError } from './run.ts';
import { sprigFolder, voiceRows } from './sprig.ts';
import { specOf } from '../../src/settings/spec.ts';

interface Told {
  texts: string[];
  kinds: Record<Kind, { rows: number; loss: number }>;
  curve: CurveSettings;
  greedy: { prompt_ids: number[]; new_ids: number[]; text: string }[];
}
const told = JSON.parse(readFileSync(at('tokens.json'), 'utf8')) as Told;
const rows = lines<{ ids: number[]; labels: number[] }>('tokens-rows.jsonl');

/** Whether the head is the embedding, or has weights of its own. */
type Kind = 'tied' | 'apart';
const KINDS = ['tied', 'apart'] as const;
/** Rows of embedding and head, as PEFT names them. */
const ROWS = {
  tied: ['base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta'],
  apart: [
    'base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta',
    'base_model.model.lm_head.token_adapter.trainable_tokens_delta',
  ],
};
const EMBEDDING = 'model.embed_tokens.weight';

/** Adapters as PEFT saves them: both have the one tokenizer. */
const adapterFolder = (kind: Kind): FileSet =>
  kind === 'tied' ? folder(at('tokens')) : overlaid(folder(at('tokens')), folder(at('tokens-apart')));

/** The bundled model with a head of its own: the embedding's rows in reverse. */
async function apart(): Promise<FileSet> {
  const base = sprigFolder();
  const { tensors } = await openSafetensors((await base.open('model.safetensors'))!);
  const whole = await Promise.all(
    [...tensors.values()].map(async ({ name, dtype, shape, read }) => ({
      ...{ name, dtype: dtype as 'F16', shape },
      data: await read(),
    })),
  );
  const { shape, data } = whole.find(({ name }) => name === EMBEDDING)!;
  const rowBytes = data.byteLength / shape[0];
  const turned = new Uint8Array(data.byteLength);
  for (let row = 0; row < shape[0]; row++)
    turned.set(data.subarray(row * rowBytes, (row + 1) * rowBytes), (shape[0] - 1 - row) * rowBytes);
  const config = (await readJson(base, 'config.json'))!;
  return overlaid(
    base,
    memoryFiles({
      'config.json': JSON.stringify({ ...config, tie_word_embeddings: false }),
      'model.safetensors': concatBytes(
        writeSafetensors([...whole, { name: 'lm_head.weight', dtype: 'F16', shape, data: turned }]),
      ),
    }),
  );
}

describeOnCpu('added tokens', (context) => {
  let reference: Reference;
  let plain: Tokenizer;
  let grown: Tokenizer;
  const models = new Map<Kind, LanguageModel>();
  const load = (files: FileSet, options: LoadOptions = {}): Promise<LanguageModel> =>
    LanguageModel.load(context.device, files, { precision: 'f32', ...options });
  beforeAll(async () => {
    reference = await readTensors(file(at('logits-tokens.safetensors')));
    plain = await loadTokenizer(sprigFolder());
    const added = newTokens(told.texts, plain);
    grown = await tokenizerWithTokens(added, sprigFolder());
    models.set('tied', await load(sprigFolder()));
    models.set('apart', await load(await apart()));
  });
  afterAll(async () => {
    for (const model of models.values()) await model.destroy();
  });

  const read = (kind: Kind): Promise<AdapterData> =>
    readPeft(adapterFolder(kind), models.get(kind)!.definition);
  const opened = async (kind: Kind): Promise<Adapter> => {
    const { modules, tensors } = await read(kind);
    return new Adapter(context.device, modules, tensors, { trainable: true });
  };
  const settled = async (adapter: Adapter): Promise<void> => {
    await context.device.settle();
    adapter.destroy();
  };

  test('rows, by the tokens added here and by the tokenizer that came with the adapter', async () => {
    const added = newTokens(told.texts, plain);
    const own = await tokenizerWithTokens(added, sprigFolder(), adapterFolder('tied'));
    for (const tokenizer of [grown, own]) {
      const made = voiceRows(tokenizer, rows.length);
      expect(made.map(({ ids, labels }) => ({ ids: [...ids], labels: [...labels] }))).toEqual(rows);
      expect(told.texts.map((text) => tokenizer.encode(text))).toEqual([[1024], [1025], [1026]]);
      expect(tokenizer.decode(rows[0].ids)).toBe(plain.decode(voiceRows(plain, 1)[0].ids));
    }
  });

  test.each(KINDS)('%s: a row starts as the mean of its pieces', async (kind) => {
    const model = models.get(kind)!;
    const { first } = newTokens(told.texts, plain);
    const options = specOf({ addTokens: told.texts, rank: 2 });
    const { trainable } = await makeTrainable(model, { ...options, firstToken: first }, undefined, {
      encode: (text) => plain.encode(text),
    });
    const values = await trainable.adapter!.read();
    ROWS[kind].forEach((name, place) =>
      expect(worstError(values.get(name)!, reference.floats.get(`${kind}.start.${place}`)!)).toBeLessThan(
        1e-6,
      ),
    );
    await settled(trainable.adapter!);
  });

  test.each(KINDS)('%s: logits, loss and gradients', async (kind) => {
    const model = models.get(kind)!;
    const adapter = await opened(kind);
    const logits = await model.logits(reference.integers.get('ids')!.values, adapter);
    expect(worstError(logits, reference.floats.get(kind)!)).toBeLessThan(1e-5);
    const { floats } = await readTensors(file(at(`gradients-tokens-${kind}.safetensors`)));
    const trainable = { model, adapter, store: adapter.store };
    const { rows: count, loss: expected } = told.kinds[kind];
    for (const checkpointing of [false, true]) {
      const { loss, gradients } = await computeGradients(trainable, rows.slice(0, count), { checkpointing });
      expect(Math.abs(loss / expected - 1)).toBeLessThan(1e-5);
      expect([...gradients.keys()].sort()).toEqual([...floats.keys()].sort());
      for (const [name, values] of floats)
        expect(worstError(gradients.get(name)!, values), name).toBeLessThan(1e-4);
    }
    await settled(adapter);
  });

  test('20 steps, and what is kept of them', async () => {
    const model = models.get('tied')!;
    const { lr, schedule, warmup, weight_decay, clip, ...sizes } = told.curve;
    const options = specOf({
      ...{ ...sizes, method: 'lora', lr, schedule, warmup, clip, weightDecay: weight_decay },
      ...{ maxLength: 64, shuffle: false },
    });
    const { trainable, adapter, options: own } = await makeTrainable(model, options, await read('tied'));
    const steps: StepEvent[] = [];
    const trainer = await Trainer.create({
      trainable,
      options: own,
      rows,
      onEvent: (event) => event.type === 'step' && steps.push(event),
    });
    expect(await trainer.run()).toBe('done');
    const expected = lines<{ loss: number; grad_norm: number }>('curve-tokens.jsonl');
    expect(steps).toHaveLength(expected.length);
    expected.forEach(({ loss, grad_norm }, i) => {
      expect(Math.abs(steps[i].loss - loss), `loss of step ${i + 1}`).toBeLessThan(1e-4);
      expect(Math.abs(steps[i].gradNorm / grad_norm - 1), `norm of step ${i + 1}`).toBeLessThan(1e-3);
    });
    const data = { ...adapter!, tensors: await trainer.result() };
    await trainer.destroy();
    trainable.adapter!.destroy();
    // Without a tokenizer beside it, the texts come from the file of weights.
    const again = await readPeft(
      memoryFiles(writePeft(data, { baseModel: 'sprig' }), 'kept'),
      model.definition,
    );
    expect(again.config).toEqual(data.config);
    expect(again.modules).toEqual(data.modules);
    const kept = await Adapter.frozen(model, again.modules, again.tensors);
    const logits = await model.logits(reference.integers.get('ids')!.values, kept);
    expect(worstError(logits.slice(-1027), reference.floats.get('trained')!)).toBeLessThan(1e-3);
    await settled(kept);
  });

  test('greedy answers', async () => {
    const model = models.get('tied')!;
    const { modules, tensors } = await read('tied');
    const adapter = await Adapter.frozen(model, modules, tensors);
    const generator = new Generator(model, 1, 96);
    for (const { prompt_ids, new_ids, text } of told.greedy) {
      const ended = new_ids.at(-1) === grown.eosIds[0];
      const [{ ids }] = await generator.generate([prompt_ids], {
        ...{ maxNewTokens: new_ids.length, sampling: greedy, seed: 0, stopIds: grown.eosIds, adapter },
      });
      expect(ids).toEqual(ended ? new_ids.slice(0, -1) : new_ids);
      expect(grown.decode(ids, { skipSpecialTokens: true })).toBe(text);
    }
    await context.device.settle();
    generator.destroy();
    adapter.destroy();
  });

  /** An adapter whose tokens replace existing rows of the vocabulary, between two boundaries of shards. */
  const inside = (data: AdapterData, first: number): AdapterData => ({
    ...data,
    modules: data.modules.map((module) => ('texts' in module ? { ...module, first } : module)),
  });
  const mergedModel = async (
    data: AdapterData,
    baseWeights?: LoadOptions['baseWeights'],
  ): Promise<FileSet> => {
    const { definition } = models.get('tied')!;
    const source = await openModelWeights(sprigFolder(), definition);
    const chunks: Uint8Array[] = [];
    for await (const chunk of mergedWeights(definition, source, data, baseWeights)) chunks.push(chunk);
    return overlaid(
      await mergedFolder(sprigFolder(), data, definition),
      memoryFiles({ 'model.safetensors': concatBytes(chunks) }),
    );
  };

  test.each([
    ['stored', 1024],
    ['stored', 1000],
    ['q8_0', 1024],
    ['nf4', 1000],
  ] as const)('merged into a base that is %s: tokens from id %i on', async (matrices, first) => {
    const baseWeights = { matrices, embeddings: matrices };
    const data = inside(await read('tied'), first);
    const merged = await load(await mergedModel(data, baseWeights), { trainable: true });
    const { vocabulary, channels: C } = merged.definition.shape;
    expect(vocabulary).toBe(Math.max(1024, first + 3));
    const model = await load(sprigFolder(), { baseWeights });
    const adapter = new Adapter(context.device, data.modules, data.tensors, { trainable: true });
    const shift = (id: number): number => (id >= 1024 ? id - 1024 + first : id);
    const ids = reference.integers.get('ids')!.values.map(shift);
    // The merged weights are rounded to f16, as the base's are.
    expect(worstError(await model.logits(ids, adapter), await merged.logits(ids))).toBeLessThan(5e-3);
    const some = rows
      .slice(0, 4)
      .map((row) => ({ ids: row.ids.map(shift), labels: row.labels.map((id) => shift(id)) }));
    const own = await computeGradients({ model, adapter, store: adapter.store }, some);
    const whole = await computeGradients({ model: merged, store: merged.parameters! }, some);
    expect(Math.abs(own.loss - whole.loss)).toBeLessThan(1e-2);
    const theirs = whole.gradients.get(EMBEDDING)!.slice(first * C, (first + 3) * C);
    expect(worstError(own.gradients.get(ROWS.tied[0])!, theirs)).toBeLessThan(1e-2);
    await settled(adapter);
    await merged.destroy();
    await model.destroy();
  });

  test('are refused if the objective, the saved matrices, the vocabulary or the tokenizer does not allow them', async () => {
    const model = models.get('tied')!;
    const options = specOf({ addTokens: told.texts, objective: 'dpo' });
    await graftError(
      () => makeTrainable(model, options, undefined, { encode: (text) => plain.encode(text) }),
      'train-option',
    );
    const both = specOf({ addTokens: told.texts, modulesToSave: 'both' });
    await graftError(() => makeTrainable(model, both), 'lora-config');
    const far = specOf({ addTokens: told.texts });
    await graftError(() => makeTrainable(model, { ...far, firstToken: 1025 }), 'lora-config');
    await graftError(() => model.logits([1024]), 'token-id');
    await graftError(() => newTokens(['matey', '<|im_end|>'], plain), 'add-tokens');
  });

  test('the folder of the tokenizer says the same as transformers', async () => {
    const files = await grownFolder(sprigFolder(), newTokens(told.texts, plain), 1027);
    const config = await readJson(files, 'config.json');
    expect(config!['vocab_size']).toBe(1027);
    const listed = (await readJson(files, 'tokenizer.json'))!['added_tokens'];
    expect(listed).toEqual((await readJson(adapterFolder('tied'), 'tokenizer.json'))!['added_tokens']);
  });
});
