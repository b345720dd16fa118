/** GGUF metadata → the config.json that the model had, as far as its family reads it. */
import { GraftError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import { toFloat32 } from '../dtypes.ts';
import { architectureOf } from './architectures.ts';
import { biasConfig, hasTensor } from './configs.ts';
import type { GgufHeader } from './header.ts';

/** A factor for each rotated pair of a head. */
const MAX_FACTORS = 1024;

/** @throws GraftError `gguf-metadata`, `gguf-unsupported`, `bytes-read` */
export async function configOf(header: GgufHeader): Promise<JsonObject> {
  const { metadata, tensors } = header;
  const architecture = architectureOf(header);
  const arch = metadata.text('general.architecture');
  const heads = metadata.required(`${arch}.attention.head_count`);
  const channels = metadata.required(`${arch}.embedding_length`);
  const embedding = tensors.find(({ name }) => name === 'token_embd.weight');
  if ((metadata.number(`${arch}.expert_count`) ?? 0) > 0)
    throw metadata.wrong(`${arch}.expert_count`, '0: mixtures of experts are not supported');
  const fields: JsonObject = {
    architectures: [architecture.className],
    model_type: architecture.modelType,
    vocab_size: embedding?.shape[0] ?? metadata.required(`${arch}.vocab_size`),
    hidden_size: channels,
    intermediate_size: metadata.required(`${arch}.feed_forward_length`),
    num_hidden_layers: metadata.required(`${arch}.block_count`),
    num_attention_heads: heads,
    num_key_value_heads: kvHeads(header, `${arch}.attention.head_count_kv`) ?? heads,
    head_dim: metadata.number(`${arch}.attention.key_length`) ?? Math.floor(channels / heads),
    max_position_embeddings: metadata.required(`${arch}.context_length`),
    rms_norm_eps: metadata.float(`${arch}.attention.layer_norm_rms_epsilon`),
    rope_theta: metadata.float(`${arch}.rope.freq_base`) ?? 10_000,
    rope_scaling: await ropeScaling(header, `${arch}`),
    ...biasConfig(header),
    tie_word_embeddings: !hasTensor(header, 'output.weight'),
    bos_token_id: metadata.number('tokenizer.ggml.bos_token_id'),
    eos_token_id: metadata.number('tokenizer.ggml.eos_token_id'),
  };
  return { ...fields, ...architecture.config?.(header, fields) };
}

/** One number, or one for each layer: 0 if it has no attention. */
function kvHeads({ metadata }: GgufHeader, key: string): number | undefined {
  return Array.isArray(metadata.entries.get(key))
    ? metadata.numbers(key)?.reduce((most, heads) => Math.max(most, heads), 0)
    : metadata.number(key);
}

/**
 * Scaled rotary frequencies. A file has the factors of Llama 3 and of LongRoPE as tensors, one for each pair; both are config.json's "longrope",
 * whose short factors divide the frequencies.
 */
async function ropeScaling(
  { metadata, tensors, source }: GgufHeader,
  arch: string,
): Promise<JsonObject | undefined> {
  const key = `${arch}.rope.scaling`;
  const factors = async (name: string): Promise<number[] | undefined> => {
    const tensor = tensors.find((one) => one.name === name);
    if (!tensor) return undefined;
    const { type, start, byteLength, shape } = tensor;
    if (type !== 'F32' || shape.length !== 1 || shape[0] > MAX_FACTORS)
      throw new GraftError(
        'gguf',
        `${source.name}: tensor ${name} is not a list of factors.`,
        'Fetch the file again.',
      );
    return [...toFloat32(await source.read(start, start + byteLength), 'F32')];
  };
  const short = (await factors('rope_freqs.weight')) ?? (await factors('rope_factors_short.weight'));
  if (short) {
    const context = metadata.required(`${arch}.context_length`);
    return {
      rope_type: 'longrope',
      short_factor: short,
      long_factor: (await factors('rope_factors_long.weight')) ?? short,
      attention_factor: metadata.float(`${key}.attn_factor`) ?? 1,
      original_max_position_embeddings: metadata.number(`${key}.original_context_length`) ?? context,
    };
  }
  const type = metadata.text(`${key}.type`) ?? 'none';
  if (type === 'none') return undefined;
  return { rope_type: type, factor: metadata.float(`${key}.factor`) };
}
