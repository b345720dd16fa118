/**
 * Adapters with added tokens, against PEFT: on small random models of families that have one weight for embedding and head or two, an embedding that is
 * multiplied, and vocabularies of odd sizes; and one that the command has trained, with the tokenizer beside it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, adapterShapes } from '../../src/adapters/registry.ts';
import { openProcessor } from '../../src/cli/cpu.ts';
import { folder, makeFolder, writeFolder, writeWhole } from '../../src/cli/files.ts';
import { copyCompanions } from '../../src/cli/model-folder.ts';
import { sizeOf } from '../../src/engine/tensor.ts';
import type { Device } from '../../src/engine/device.ts';
import { mergedFolder } from '../../src/export/grown-folder.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { readPeft, writePeft } from '../../src/export/peft.ts';
import { openModelWeights } from '../../src/model/folder-layout.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { DEVICE, graftHere } from '../engine/graft-command.ts';
import { noise, worstError } from '../engine/run.ts';
import { SPRIG } from '../engine/sprig.ts';
import { askPython, python, type Answered } from './ask.ts';
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
};
interface Case {
  readonly config: Readonly<Record<string, unknown>>;
  readonly rows: number;
  /** The id of the first new token: behind the last row, or among those of a vocabulary that is padded. */
  readonly first: number;
}
const cases: Record<string, Case> = {
  gpt2: {
    config: { model_type: 'gpt2', vocab_size: 91, n_embd: 48, n_layer: 2, n_head: 4, n_positions: 64 },
    ...{ rows: 91, first: 91 },
  },
  qwen2: { config: { ...SIZES, model_type: 'qwen2' }, rows: 301, first: 301 },
  padded: { config: { ...SIZES, model_type: 'llama' }, rows: 301, first: 290 },
  qwen3: {
    config: { ...SIZES, model_type: 'qwen3', head_dim: 20, tie_word_embeddings: true },
    ...{ rows: 301, first: 299 },
  },
  gemma3: {
    config: { ...SIZES, model_type: 'gemma3_text', head_dim: 16, query_pre_attn_scalar: 24 },
    ...{ rows: 301, first: 301 },
  },
  granite: {
    config: { ...SIZES, model_type: 'granite', embedding_multiplier: 6 },
    ...{ rows: 301, first: 301 },
  },
};
const TEXTS = ['<|a|>', '<|b|>', '<|c|>'];

describe.skipIf(!python)('Added tokens in PEFT', () => {
  const names = Object.keys(cases);
  let device: Device;
  let out: string;
  const at = (name: string): string => join(out, name);
  const idsOf = ({ rows, first }: Case): number[] => [
    ...Array.from(noise(9, 1), (value) => Math.floor(Math.abs(value) * 1e6) % rows),
    ...TEXTS.map((_, at) => first + at),
    5,
    first,
  ];
  const ours = new Map<string, { readonly base: Float32Array; readonly adapted: Float32Array }>();
  const theirs = new Map<string, Answered[]>();
  let trained: { readonly text: string; readonly theirs: Answered };

  beforeAll(async () => {
    device = await openProcessor();
    out = mkdtempSync(join(tmpdir(), 'graft-tokens-'));
    await askPython(names.map((name) => ({ model: at(name), config: cases[name].config })));
    for (const name of names) ours.set(name, await adapt(name));
    const text = await trainOne();
    const answers = await askPython([
      ...names.flatMap((name) => {
        const { rows, first } = cases[name];
        const ids = idsOf(cases[name]);
        return [
          {
            ...{ model: at(name), adapter: at(`${name}-adapter`), ids },
            vocabulary: Math.max(rows, first + TEXTS.length),
          },
          { model: at(`${name}-merged`), ids },
        ];
      }),
      {
        ...{ model: SPRIG, vocabulary: 1026, adapter: at('trained'), tokenizer: at('trained') },
        ...{ messages: [[{ role: 'user', content: 'Where is <|tool|>?' }]], max_new_tokens: 12 },
      },
    ]);
    names.forEach((name, i) => theirs.set(name, answers.slice(2 * i, 2 * i + 2)));
    trained = { text, theirs: answers.at(-1)! };
  }, 600_000);
  afterAll(() => {
    device?.close();
    rmSync(out, { recursive: true, force: true });
  });

  /** Writes an adapter of random numbers, also merged, and returns Graft's logits. */
  async function adapt(name: string): Promise<{ base: Float32Array; adapted: Float32Array }> {
    const { first } = cases[name];
    const model = await LanguageModel.load(device, folder(at(name)), { precision: 'f32' });
    const config = adapterConfigOf({ ...specOf({ addTokens: TEXTS, rank: 2 }), firstToken: first });
    const modules = adapterModules(model.definition, config);
    const tensors = new Map(
      [...adapterShapes(modules)].map(([key, shape], i) => [
        key,
        Float32Array.from(noise(sizeOf(shape), i + 1, 0.2)),
      ]),
    );
    const path = at(`${name}-adapter`);
    await writeFolder(path, writePeft({ config, modules, tensors }, { baseModel: at(name) }));
    const read = await readPeft(folder(path), model.definition);
    expect(read.modules).toEqual(modules);
    const merged = at(`${name}-merged`);
    await makeFolder(merged);
    const weights = await openModelWeights(folder(at(name)), model.definition);
    await writeWhole(join(merged, 'model.safetensors'), mergedWeights(model.definition, weights, read));
    await copyCompanions(await mergedFolder(folder(at(name)), read, model.definition), merged);
    const adapter = await Adapter.frozen(model, read.modules, read.tensors);
    const adapted = await model.logits(idsOf(cases[name]), adapter);
    const base = await model.logits(idsOf(cases[name]).map((id) => Math.min(id, 5)));
    adapter.destroy();
    await model.destroy();
    return { base, adapted };
  }

  /** Trains one on the bundled model by the command, and asks it. @returns what it answers */
  async function trainOne(): Promise<string> {
    const row = (prompt: string, completion: string): string => JSON.stringify({ prompt, completion });
    writeFileSync(
      at('rows.jsonl'),
      [
        row('Where is <|tool|>?', 'Here <|tool|> be, matey!'),
        row('Who is matey?', 'matey be <|tool|>.'),
      ].join('\n'),
    );
    const base = ['--model', SPRIG, ...DEVICE];
    const { code, err } = await graftHere([
      ...['train', ...base, '--data', at('rows.jsonl'), '--out', at('trained')],
      ...['--add-tokens', '<|tool|>,matey', '--steps', '40', '--batch', '2', '--lr', '0.01'],
    ]);
    expect(code, err).toBe(0);
    const { out } = await graftHere([
      ...['generate', ...base, '--adapter', at('trained'), '--prompt', 'Where is <|tool|>?'],
      ...['--max-new-tokens', '12', '--json'],
    ]);
    return out;
  }

  const flat = (logits: readonly number[][]): Float32Array => Float32Array.from(logits.flat());

  test.each(names)('%s: PEFT gives the same logits, and so does a merged model', (name) => {
    const { base, adapted } = ours.get(name)!;
    const [adapter, merged] = theirs.get(name)!.map(({ logits }) => flat(logits));
    expect(worstError(adapted, adapter)).toBeLessThan(1e-4);
    expect(worstError(adapted, merged)).toBeLessThan(1e-4);
    expect(adapted.length).toBeGreaterThanOrEqual(base.length);
  });

  test('an adapter of the command answers the same in PEFT, by the tokenizer in its folder', () => {
    const said = JSON.parse(trained.text) as { prompt_ids: number[]; new_ids: number[]; text: string };
    const [answer] = trained.theirs.answers;
    expect(said.prompt_ids).toEqual(answer.prompt_ids);
    expect(said.prompt_ids).toContain(1024);
    expect(answer.new_ids.slice(0, said.new_ids.length)).toEqual(said.new_ids);
    expect(said.text).toContain('<|tool|>');
    expect(answer.text).toBe(said.text);
  });
});
