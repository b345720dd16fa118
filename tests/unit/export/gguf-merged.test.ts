/**
 * A merged GGUF file has the numbers of Graft's own merge. The reader that is tested on files of llama.cpp's converter reads it: code that is
 * independent of this export moves the rows back and makes configuration and tokenizer.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { ggufMerged } from '../../../src/export/formats/gguf-merged.ts';
import type { Parts } from '../../../src/export/formats/format.ts';
import { mergedTensors } from '../../../src/export/merge.ts';
import { overlaid } from '../../../src/export/overlaid.ts';
import { readPeft } from '../../../src/export/peft.ts';
import { readModel } from '../../../src/model/family.ts';
import { openModelWeights } from '../../../src/model/folder-layout.ts';
import { inverseFrequencies } from '../../../src/model/rope.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles, memorySource, type FileSet } from '../../../src/weights/bytes.ts';
import { toFloat32 } from '../../../src/weights/dtypes.ts';
import { modelFolder } from '../../../src/weights/folder.ts';
import { type GgufFolder } from '../../../src/weights/gguf/folder.ts';
import { concatBytes, parseSafetensors, writeSafetensors } from '../../../src/weights/safetensors.ts';
import { referenceFolder, referencePath } from '../../engine/reference-file.ts';
import { sprigFolder } from '../../engine/sprig.ts';
import { smallTokenizer } from '../../small-tokenizer.ts';
import { graftError } from '../expect-graft-error.ts';

type Adapter = Record<string, Uint8Array<ArrayBuffer>>;

function adapterOf(...path: string[]): Adapter {
  const place = referencePath(...path);
  return Object.fromEntries(
    readdirSync(place).map((name) => [name, new Uint8Array(readFileSync(join(place, name)))]),
  );
}

async function exported(base: FileSet, adapter: Adapter, more: Partial<Parts> = {}): Promise<FileSet> {
  const { files } = await ggufMerged.prepare({
    ...{ baseModel: 'base', base, model: await readModel(base), adapterName: 'a', adapter, type: 'f32' },
    ...more,
  });
  const [file] = files;
  const parts: Uint8Array[] = [];
  for await (const part of file.read()) parts.push(part);
  const bytes = concatBytes(parts);
  expect(bytes.length).toBe(file.size);
  return modelFolder(memoryFiles({ [file.name]: bytes }, 'out'));
}

/** The largest difference of any number, as a share of the largest of its tensor. */
async function worstOf(file: FileSet, base: FileSet, adapter: Adapter): Promise<number> {
  const model = await readModel(base);
  const source = await openModelWeights(base, model);
  const data = Object.keys(adapter).length > 0 ? await readPeft(memoryFiles(adapter, 'a'), model) : undefined;
  const written = await readModel(file);
  const entries = await openModelWeights(file, written);
  let worst = 0;
  for (const { name, shape, values } of mergedTensors(model, source, data)) {
    const spec = written.weights.find((one) => one.name === ownName(name))!;
    expect(spec.shape, name).toEqual(shape);
    const entry = entries.get(spec.name)!;
    const held = entry.turned ?? entry;
    const got = toFloat32(await held.read(), held.dtype);
    const wanted = await values();
    const most = wanted.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    wanted.forEach((value, at) => (worst = Math.max(worst, Math.abs(value - got[at]) / most)));
  }
  return worst;
}

/** The text part of a multimodal model is a model of its own in GGUF. */
const ownName = (name: string): string => name.replace('model.language_model.', 'model.');

test('a merged Llama has the numbers of the merge, the tokenizer and the chat template', async () => {
  const base = sprigFolder();
  const adapter = adapterOf('peft', 'adapter');
  const file = await exported(base, adapter);
  expect(await worstOf(file, base, adapter)).toBe(0);
  const [theirs, ours] = await Promise.all([base, file].map(loadTokenizer));
  const text = 'Ahoy, 1 matey!\n  <|im_start|> 12 é';
  expect(ours.encode(text)).toEqual(theirs.encode(text));
  expect([ours.eosIds, ours.padId, ours.startId, ours.chatTemplate]).toEqual([
    theirs.eosIds,
    theirs.padId,
    theirs.startId,
    theirs.chatTemplate,
  ]);
});

test.each([
  ['f16', 2 ** -11],
  ['bf16', 2 ** -8],
  ['q8_0', 0.005],
  ['q4_k_m', 0.07],
  ['q4_0', 0.15],
])('%s rounds within its step', async (type, bound) => {
  const base = sprigFolder();
  const adapter = adapterOf('peft', 'adapter');
  const worst = await worstOf(await exported(base, adapter, { type }), base, adapter);
  expect(worst).toBeLessThanOrEqual(bound);
  expect(worst).toBeGreaterThan(0);
});

describe('parts that adapters for llama.cpp cannot hold', () => {
  test.each(['dora', 'loha', 'ia3', 'norms'])('%s is merged', async (name) => {
    const [base, adapter] = [sprigFolder(), adapterOf('peft', name)];
    expect(await worstOf(await exported(base, adapter), base, adapter)).toBe(0);
  });

  test('new tokens are in the embedding and in the tokenizer', async () => {
    const [base, adapter] = [sprigFolder(), adapterOf('peft', 'tokens')];
    const file = await exported(base, adapter);
    const { shape } = await readModel(file);
    const tokenizer = await loadTokenizer(file);
    const { shape: before } = await readModel(base);
    expect(shape.vocabulary).toBeGreaterThan(before.vocabulary);
    expect(tokenizer.vocabSize).toBe(shape.vocabulary);
    const added = tokenizer.tokenOf(shape.vocabulary - 1)!;
    expect(tokenizer.encode(`a ${added}`).at(-1)).toBe(shape.vocabulary - 1);

    // The same from a GGUF base, whose lists grow.
    const again = await exported(await exported(base, {}), adapter);
    expect(await worstOf(again, base, adapter)).toBe(0);
    expect((await loadTokenizer(again)).tokenOf(shape.vocabulary - 1)).toBe(added);
  });

  test('a head of its own, which the tied base lacks, is written as one', async () => {
    const [base, adapter] = [sprigFolder(), adapterOf('peft', 'adapter')];
    const { vocabulary, channels } = (await readModel(base)).shape;
    const head = Float32Array.from({ length: vocabulary * channels }, (_, at) => (at % 101) / 100);
    const tensors = await parseSafetensors(memorySource('a', adapter['adapter_model.safetensors']));
    const kept = [...tensors.values()].map(async ({ name, shape, read }) => ({
      ...{ name, shape, dtype: 'F32' as const },
      data: toFloat32(await read(), 'F32') as Float32Array<ArrayBuffer>,
    }));
    const saved = {
      ...{ name: 'base_model.model.lm_head.weight', dtype: 'F32' as const },
      ...{ shape: [vocabulary, channels], data: head },
    };
    const config = JSON.parse(new TextDecoder().decode(adapter['adapter_config.json'])) as object;
    const whole = {
      ...adapter,
      'adapter_config.json': new TextEncoder().encode(
        JSON.stringify({ ...config, modules_to_save: ['lm_head'] }),
      ),
      'adapter_model.safetensors': concatBytes(writeSafetensors([...(await Promise.all(kept)), saved])),
    };
    const file = await exported(base, whole);
    expect(await worstOf(file, base, whole)).toBe(0);
    const output = (await openModelWeights(file, await readModel(file))).get('lm_head.weight')!;
    expect(toFloat32(await output.read(), output.dtype)).toEqual(head);
  });

  test('a prompt is refused', async () => {
    const { what } = await graftError(
      () => exported(sprigFolder(), adapterOf('peft', 'prompt')),
      'adapter-merge',
    );
    expect(what).toMatch(/prompt/i);
  });
});

test('metadata of a GGUF base are copied, those of the merge are new', async () => {
  const base = await exported(sprigFolder(), {}, { adapterName: 'first', type: 'f32' });
  const file = (await exported(base, adapterOf('peft', 'adapter'), { type: 'q8_0' })) as GgufFolder;
  const { metadata } = file.header;
  const { metadata: before } = (base as GgufFolder).header;
  const own = ['general.name', 'general.file_type', 'general.quantization_version'];
  expect(own.map((key) => metadata.entries.get(key))).toEqual(['a', 7, 2]);
  for (const [key, value] of before.entries)
    if (!own.includes(key)) expect(metadata.entries.get(key), key).toEqual(value);
});

async function family(name: string, change: object = {}): Promise<FileSet> {
  const files = referenceFolder('families', name);
  const source = (await files.open('config.json'))!;
  const config = JSON.parse(new TextDecoder().decode(await source.read(0, source.size))) as object;
  const changed = { 'config.json': JSON.stringify({ ...config, ...change }), ...smallTokenizer() };
  return overlaid(files, memoryFiles(changed));
}

describe('every family', () => {
  const usual = { smollm3: { no_rope_layers: [1, 1, 1, 0] } };
  const names = readdirSync(referencePath('families'), { withFileTypes: true })
    .filter((one) => one.isDirectory())
    .map(({ name }) => name);

  test('a mixture of experts is refused by name', async () => {
    const base = await family('olmoe');
    const { what } = await graftError(() => exported(base, {}), 'export-format');
    expect(what).toMatch(/olmoe/);
  });

  test.each(names.filter((name) => name !== 'olmoe'))('%s is read again', async (name) => {
    const base = await family(name, usual[name as keyof typeof usual]);
    const file = await exported(base, {});
    // Adding 1 to Gemma's norms and taking it away costs the last bits.
    expect(await worstOf(file, base, {})).toBeLessThanOrEqual(name === 'gemma3' ? 2 ** -22 : 0);
    const [theirs, ours] = await Promise.all([base, file].map(readModel));
    const plain = ({ shape, decoder }: typeof ours): unknown => {
      const { ropes, ...sizes } = { ...decoder, ...shape };
      const turns = ropes.map((rope) => [...inverseFrequencies(rope)].map((one) => one.toPrecision(5)));
      return JSON.parse(
        JSON.stringify({ ...sizes, turns }, (_, value: unknown) =>
          typeof value === 'number' ? Number(value.toPrecision(6)) : value,
        ),
      );
    };
    expect(plain(ours)).toEqual(plain(theirs));
  });
});

describe('refused by name', () => {
  test.each([
    ['gemma3', { query_pre_attn_scalar: 40 }, /an attention scale of 0\.158.* in gemma3/],
    ['smollm3', {}, /positions in other layers than three of four in smollm3/],
    ['llama', { hidden_act: 'gelu' }, /the activation gelu in llama/],
    ['gpt2', { scale_attn_by_inverse_layer_idx: true }, /scores of attention that gpt2 scales by layer/],
  ])('%s with what llama.cpp computes otherwise', async (name, change, message) => {
    const base = await family(name, change);
    const { what, remedy } = await graftError(() => exported(base, {}), 'export-format');
    expect(what).toMatch(message);
    expect(remedy).toMatch(/--format merged/);
  });

  test('a model without a tokenizer', async () => {
    const { what } = await graftError(
      () => exported(folder(referencePath('families', 'llama')), {}),
      'export-format',
    );
    expect(what).toMatch(/has no tokenizer\.json, and a GGUF file holds its tokenizer/);
  });

  test('a tokenizer that GGUF has no way to write', async () => {
    const tokenizer = JSON.parse(smallTokenizer()['tokenizer.json']) as Record<string, unknown>;
    const split = { type: 'Split', pattern: { Regex: 'x' }, behavior: 'Isolated', invert: false };
    const other = {
      ...tokenizer,
      pre_tokenizer: { type: 'Sequence', pretokenizers: [split, tokenizer['pre_tokenizer']] },
    };
    const base = overlaid(await family('llama'), memoryFiles({ 'tokenizer.json': JSON.stringify(other) }));
    const { what } = await graftError(() => exported(base, {}), 'export-format');
    expect(what).toMatch(/cuts texts by Split, ByteLevel in a way of its own/);
  });

  test('reports a window that llama.cpp leaves out', async () => {
    const base = await family('mistral-sliding');
    const { summary } = await ggufMerged.prepare({
      ...{ baseModel: 'base', base, model: await readModel(base), adapterName: 'a', adapter: {} },
    });
    expect(summary).toMatch(
      /attends to all tokens in llama, and this model to the last 8: longer texts differ/,
    );
  });
});
