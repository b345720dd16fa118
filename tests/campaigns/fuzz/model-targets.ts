/** Weights, configurations, adapters. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { largestAdapter, readPeft } from '../../../src/export/peft.ts';
import { GraftError } from '../../../src/errors.ts';
import type { JsonObject } from '../../../src/json.ts';
import { defineModel, readModel } from '../../../src/model/family.ts';
import { tensorNames } from '../../../src/adapters/lora/config.ts';
import type { Random } from '../../../src/random.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { toFloat32 } from '../../../src/weights/dtypes.ts';
import { modelFolder, openWeights } from '../../../src/weights/folder.ts';
import { concatBytes, writeSafetensors } from '../../../src/weights/safetensors.ts';
import { AdapterZip } from '../../../src/export/adapter-zip.ts';
import { ggufFile } from '../../unit/weights/gguf-file.ts';
import { below, joined, json, mutateBytes, mutateJson, pick, utf8 } from './mutate.ts';
import type { Input, Target } from './target.ts';

const ROOT = new URL('../../../', import.meta.url);

const CONFIG: JsonObject = {
  model_type: 'llama',
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 1,
  num_attention_heads: 2,
};
const MODEL = defineModel(CONFIG, 'm/config.json');
const CONFIGS: readonly unknown[] = [
  CONFIG,
  ...configFiles().map((path) => JSON.parse(readFileSync(path, 'utf8')) as unknown),
];

/** Real configurations: of the tests, and of the reference where that is there. */
function configFiles(): URL[] {
  const own = new URL('tests/fixtures/configs/', ROOT);
  const families = new URL('../shared/reference/families/', ROOT);
  const theirs = existsSync(families)
    ? readdirSync(families).map((name) => new URL(`${name}/config.json`, families))
    : [];
  return [
    ...readdirSync(own).map((name) => new URL(name, own)),
    ...theirs.filter((path) => existsSync(path)),
  ];
}

export const numbers = (length: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length }, (_, i) => Math.sin(i));
const adapterTensors = MODEL.linears.slice(0, 3).flatMap(({ path, inputs, outputs }) => {
  const { a, b } = tensorNames(path);
  return [
    { name: a, dtype: 'F32' as const, shape: [2, inputs], data: numbers(2 * inputs) },
    { name: b, dtype: 'F32' as const, shape: [outputs, 2], data: numbers(2 * outputs) },
  ];
});
const ADAPTER_WEIGHTS = concatBytes(writeSafetensors(adapterTensors, { format: 'pt' }));
const ADAPTER_CONFIG = {
  peft_type: 'LORA',
  r: 2,
  lora_alpha: 4,
  lora_dropout: 0.1,
  target_modules: ['q_proj'],
  rank_pattern: {},
  alpha_pattern: { q_proj: 3 },
  bias: 'none',
  use_rslora: false,
};
const SAFETENSORS = concatBytes(
  writeSafetensors([
    { name: 'a', dtype: 'F16', shape: [3, 4], data: new Uint16Array(12).fill(0x3c00) },
    { name: 'b', dtype: 'BF16', shape: [5], data: new Uint16Array(5).fill(0x3f80) },
    { name: 'c.d', dtype: 'I64', shape: [], data: new BigInt64Array(1) },
    { name: 'e', dtype: 'F32', shape: [2, 0], data: new Float32Array(0) },
  ]),
);

/** A safetensors file with another header, its length right, or other bytes. */
export function mutateSafetensors(random: Random, file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  if (below(random, 2)) return mutateBytes(random, file, length + 16);
  const header = json(mutateJson(random, JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)))));
  const start = new Uint8Array(8);
  new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true);
  return joined(start, header, file.subarray(8 + length));
}

async function readTensors(input: Input): Promise<void> {
  const weights = await openWeights(memoryFiles(input));
  for (const name of weights.names()) {
    const entry = weights.get(name)!;
    toFloat32(await entry.read(), entry.dtype, name);
  }
}

const safetensorsTarget: Target = {
  name: 'safetensors',
  count: 140_000,
  make: (random) => ({
    'model.safetensors': mutateSafetensors(random, pick(random, [SAFETENSORS, ADAPTER_WEIGHTS])),
  }),
  run: readTensors,
};

const INDEX = {
  metadata: { total_size: 100 },
  weight_map: { a: 'one.safetensors', b: 'one.safetensors', 'c.d': 'two.safetensors' },
};
const indexTarget: Target = {
  name: 'index of shards',
  count: 20_000,
  make: (random) => ({
    'model.safetensors.index.json': json(mutateJson(random, INDEX)),
    'one.safetensors': SAFETENSORS,
    'two.safetensors': SAFETENSORS,
  }),
  run: readTensors,
};

const TOKENS = [
  '<unk>',
  '<s>',
  '</s>',
  ...Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i)),
  '▁',
  '<0x0A>',
  'th',
];
const GGUF = ggufFile({
  metadata: {
    'general.architecture': { text: 'llama' },
    'llama.context_length': { u32: 64 },
    'llama.embedding_length': { u32: 32 },
    'llama.block_count': { u32: 1 },
    'llama.feed_forward_length': { u32: 64 },
    'llama.attention.head_count': { u32: 2 },
    'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
    'tokenizer.ggml.model': { text: 'llama' },
    'tokenizer.ggml.tokens': { texts: TOKENS },
    'tokenizer.ggml.scores': { floats: TOKENS.map((_, i) => -i) },
    'tokenizer.ggml.token_type': { ints: TOKENS.map((_, i) => (i < 3 ? 3 : 1)) },
    'tokenizer.ggml.bos_token_id': { u32: 1 },
    'tokenizer.ggml.eos_token_id': { u32: 2 },
    'tokenizer.chat_template': { text: '{% for m in messages %}{{ m.content }}{% endfor %}' },
  },
  tensors: [
    { name: 'token_embd.weight', shape: [32, 32], type: 8, data: new Uint8Array(32 * 34) },
    { name: 'output_norm.weight', shape: [32], type: 0, data: new Uint8Array(128) },
    { name: 'blk.0.attn_q.weight', shape: [32, 32], type: 2, data: new Uint8Array(32 * 18) },
    { name: 'blk.0.ffn_up.weight', shape: [64, 32], type: 1, data: new Uint8Array(64 * 64) },
  ],
});
const ggufTarget: Target = {
  name: 'GGUF',
  count: 110_000,
  // Most of it before the tensors' data.
  make: (random) => ({ 'model.gguf': mutateBytes(random, GGUF, below(random, 8) ? 1900 : GGUF.length) }),
  async run(input) {
    const folder = await modelFolder(memoryFiles(input));
    const attempts = [
      async () => void (await readModel(folder)),
      async () => void (await loadTokenizer(folder)).encode('the cat'),
      async () => {
        const weights = await openWeights(folder);
        for (const name of weights.names()) {
          const entry = weights.get(name)!;
          toFloat32(await entry.read(), entry.dtype, name);
        }
      },
    ];
    await allOf(attempts);
  },
};

/** Makes every attempt, however the earlier ones ended; throws the first GraftError at the end. */
export async function allOf(attempts: readonly (() => Promise<void>)[]): Promise<void> {
  let first: GraftError | undefined;
  for (const attempt of attempts) {
    try {
      await attempt();
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      first ??= error;
    }
  }
  if (first) throw first;
}

const configTarget: Target = {
  name: 'config.json',
  count: 90_000,
  make: (random) => ({ 'config.json': json(mutateJson(random, pick(random, CONFIGS))) }),
  run: async (input) => void (await readModel(memoryFiles(input))),
};

const mutatedAdapter = (random: Random): Input => {
  const which = below(random, 3);
  return {
    'adapter_config.json': which === 1 ? json(ADAPTER_CONFIG) : json(mutateJson(random, ADAPTER_CONFIG)),
    'adapter_model.safetensors': which === 0 ? ADAPTER_WEIGHTS : mutateSafetensors(random, ADAPTER_WEIGHTS),
  };
};
const adapterTarget: Target = {
  name: 'adapter folders',
  count: 60_000,
  make: mutatedAdapter,
  async run(input) {
    const files = memoryFiles(input);
    await allOf([
      async () => void (await largestAdapter(files, MODEL)),
      async () => void (await readPeft(files, MODEL)),
    ]);
  },
};

const ZIPPED: Input = {
  'adapter_config.json': json(ADAPTER_CONFIG),
  'adapter_model.safetensors': ADAPTER_WEIGHTS,
  'README.md': utf8('# a'),
};
const adapterZipTarget: Target = {
  name: 'adapter zips',
  count: 40_000,
  make: (random) => {
    const level = pick(random, [0, 6] as const);
    const inside = Object.entries(below(random, 2) ? ZIPPED : mutatedAdapter(random));
    const zip = zipSync(Object.fromEntries(inside.map(([name, bytes]) => [`a/${name}`, bytes])), { level });
    return { 'a.zip': below(random, 2) ? Uint8Array.from(zip) : mutateBytes(random, zip) };
  },
  async run(input) {
    const [zip] = await AdapterZip.open('a.zip', new Blob([input['a.zip']]), 'adapter_config.json');
    const config = await zip.unpack({ 'adapter_config.json': 2 ** 20, 'README.md': 2 ** 20 });
    const largest = await largestAdapter(config, MODEL);
    const weights = await zip.unpack({ 'adapter_model.safetensors': largest });
    const files = {
      ...config,
      open: async (name: string) => (await config.open(name)) ?? weights.open(name),
    };
    await readPeft(files, MODEL);
  },
};

export const modelTargets: readonly Target[] = [
  safetensorsTarget,
  indexTarget,
  ggufTarget,
  configTarget,
  adapterTarget,
  adapterZipTarget,
];
