/**
 * The bundled model in the other shapes that models come in: sharded safetensors, and a GGUF file as llama.cpp's converter writes it. And a
 * model of another family, with random weights.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomFiles } from '../../src/model/random-files.ts';
import { parseSafetensors, writeSafetensors, type TensorToWrite } from '../../src/weights/safetensors.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { ggufFile } from '../unit/weights/gguf-file.ts';

const TEXTS = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'];
const INDEX = 'model.safetensors.index.json';
/** Types of ggml: numbers, and tokens. */
const GGML = { F32: 0, F16: 1, NORMAL: 1, CONTROL: 3 };

type Tensor = TensorToWrite & { readonly data: Uint8Array<ArrayBuffer> };

async function file(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const source = await sprigFolder().open(name);
  if (!source) throw new Error(`Sprig has no ${name}`);
  return source.read(0, source.size);
}

async function json<T>(name: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await file(name))) as T;
}

async function tensors(): Promise<Tensor[]> {
  const source = await sprigFolder().open('model.safetensors');
  const entries = [...(await parseSafetensors(source!)).values()];
  return Promise.all(
    entries.map(async ({ name, dtype, shape, read }) => ({ name, dtype, shape, data: await read() })),
  );
}

/** A folder as the hub has large models: weights in two files and an index that says which is where. */
export async function writeShardedModel(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const all = await tensors();
  const half = Math.ceil(all.length / 2);
  const weightMap: Record<string, string> = {};
  for (const [at, part] of [all.slice(0, half), all.slice(half)].entries()) {
    const shard = `model-0000${at + 1}-of-00002.safetensors`;
    writeFileSync(join(folder, shard), Buffer.concat(writeSafetensors(part, { format: 'pt' })));
    for (const { name } of part) weightMap[name] = shard;
  }
  const size = all.reduce((sum, { data }) => sum + data.byteLength, 0);
  writeFileSync(
    join(folder, INDEX),
    JSON.stringify({ metadata: { total_size: size }, weight_map: weightMap }),
  );
  for (const name of TEXTS) writeFileSync(join(folder, name), await file(name));
  // What folders of the hub have besides, and nobody needs here.
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  writeFileSync(join(folder, 'onnx', 'config.json'), '{}');
  writeFileSync(join(folder, 'pytorch_model.bin'), new Uint8Array(1 << 16));
  writeFileSync(join(folder, 'README.md'), '---\nlicense: apache-2.0\n---\n# Sprig in parts\n');
}

const NAMES: readonly [RegExp, string][] = [
  [/^model\.embed_tokens\./, 'token_embd.'],
  [/^model\.norm\./, 'output_norm.'],
  [/^model\.layers\.(\d+)\./, 'blk.$1.'],
  [/self_attn\.([qkv])_proj/, 'attn_$1'],
  [/self_attn\.o_proj/, 'attn_output'],
  [/mlp\.(gate|up|down)_proj/, 'ffn_$1'],
  [/input_layernorm/, 'attn_norm'],
  [/post_attention_layernorm/, 'ffn_norm'],
];

/** Rows of a head in the order of ggml's rotary pairs: side by side instead of halves apart. */
function permuted({ shape: [rows], data }: Tensor, heads: number): Uint8Array {
  const row = data.byteLength / rows;
  const head = rows / heads;
  const out = new Uint8Array(data.byteLength);
  for (let to = 0; to < rows; to++) {
    const within = to % head;
    const from = to - within + (within % 2) * (head / 2) + Math.floor(within / 2);
    out.set(data.subarray(from * row, (from + 1) * row), to * row);
  }
  return out;
}

/** One file with all of it, tokenizer and chat template too. */
export async function sprigGguf(): Promise<Uint8Array<ArrayBuffer>> {
  const config = await json<Record<string, number>>('config.json');
  const { model, added_tokens: added } = await json<{
    model: { vocab: Record<string, number>; merges: [string, string][] };
    added_tokens: { id: number }[];
  }>('tokenizer.json');
  const { chat_template: template } = await json<{ chat_template: string }>('tokenizer_config.json');
  const tokens = Object.entries(model.vocab).sort(([, a], [, b]) => a - b);
  const special = new Set(added.map(({ id }) => id));
  const { num_attention_heads: heads, num_key_value_heads: kvHeads } = config;
  return ggufFile({
    metadata: {
      'general.architecture': { text: 'llama' },
      'llama.context_length': { u32: config['max_position_embeddings'] },
      'llama.embedding_length': { u32: config['hidden_size'] },
      'llama.block_count': { u32: config['num_hidden_layers'] },
      'llama.feed_forward_length': { u32: config['intermediate_size'] },
      'llama.attention.head_count': { u32: heads },
      'llama.attention.head_count_kv': { u32: kvHeads },
      'llama.attention.layer_norm_rms_epsilon': { f32: config['rms_norm_eps'] },
      'llama.rope.freq_base': { f32: config['rope_theta'] },
      'tokenizer.ggml.model': { text: 'gpt2' },
      'tokenizer.ggml.pre': { text: 'gpt-2' },
      'tokenizer.ggml.tokens': { texts: tokens.map(([token]) => token) },
      'tokenizer.ggml.token_type': {
        ints: tokens.map(([, id]) => (special.has(id) ? GGML.CONTROL : GGML.NORMAL)),
      },
      'tokenizer.ggml.merges': { texts: model.merges.map((pair) => pair.join(' ')) },
      'tokenizer.ggml.eos_token_id': { u32: 2 },
      'tokenizer.ggml.eot_token_id': { u32: 0 },
      'tokenizer.ggml.padding_token_id': { u32: 3 },
      'tokenizer.chat_template': { text: template },
    },
    tensors: (await tensors()).map((tensor) => ({
      name: NAMES.reduce((name, [pattern, to]) => name.replace(pattern, to), tensor.name),
      shape: tensor.shape,
      type: GGML[tensor.dtype as 'F32' | 'F16'],
      data: /[qk]_proj/.test(tensor.name)
        ? permuted(tensor, tensor.name.includes('q_proj') ? heads : kvHeads)
        : tensor.data,
    })),
  });
}

/** GPT-2's shape in small: no model has trained these weights, and it has no chat template. Its tokens are the bundled model's. */
export async function writeRandomGpt2(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const model = randomFiles('gpt2', {
    ...{ model_type: 'gpt2', vocab_size: 1024, n_positions: 128, n_embd: 64, n_layer: 2, n_head: 4 },
    ...{ bos_token_id: 0, eos_token_id: 2 },
  });
  for (const name of model.list()) {
    const source = (await model.open(name))!;
    writeFileSync(join(folder, name), await source.read(0, source.size));
  }
  writeFileSync(join(folder, 'tokenizer.json'), await file('tokenizer.json'));
  const { chat_template: _, ...rest } = await json<Record<string, unknown>>('tokenizer_config.json');
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(rest));
}
