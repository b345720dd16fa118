/**
 * What llama.cpp's converter did to a Hugging Face model, told backwards: `general.architecture` → names of tensors, what was done to
 * their numbers, and config.json. Keys and names: docs/gguf.md of ggml, and `constants.py` and `tensor_mapping.py` of gguf-py; what is done
 * to the numbers: `modify_tensors` of each model in llama.cpp's converter.
 */
import { GraftError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import type { GgufHeader } from './header.ts';

/**
 * `rotary`: rows of each head were moved, so that a rotated pair lies side by side (ggml's "norm" rope) and not half a head apart.
 * `plus-one`: 1 was added, since the model multiplies by 1 + w.
 */
export type Change = { readonly kind: 'rotary'; readonly heads: number } | { readonly kind: 'plus-one' };

export interface Architecture {
  /** Of config.json. */
  readonly modelType: string;
  /** Stems of tensors outside of the layers: GGUF's → Hugging Face's. */
  readonly outside: Readonly<Record<string, string>>;
  /** Stems of tensors of a layer, without `blk.N.` and `layerPrefix`. */
  readonly layer: Readonly<Record<string, string>>;
  /** Hugging Face's name of a layer, with N at its end. */
  readonly layers: string;
  /** Stems whose rows were moved, with the number of heads they have. */
  readonly rotary?: Readonly<Record<string, 'heads' | 'kvHeads'>>;
  /** Stems that had 1 added. */
  readonly plusOne?: readonly string[];
  /** More fields of config.json. */
  readonly config?: (header: GgufHeader, fields: JsonObject) => JsonObject;
}

const OUTSIDE = { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' };

const LLAMA_LAYER = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

/** Tensors that hold no weights: rotary frequencies, which config.json gives. */
const NO_WEIGHTS = new Set(['rope_freqs.weight', 'rope_factors_long.weight', 'rope_factors_short.weight']);

const architectures: Readonly<Record<string, Architecture>> = {
  llama: {
    modelType: 'llama',
    outside: OUTSIDE,
    layer: LLAMA_LAYER,
    layers: 'model.layers.',
    rotary: { attn_q: 'heads', attn_k: 'kvHeads' },
    config: (header) => ({
      attention_bias: hasTensor(header, 'blk.0.attn_q.bias'),
      mlp_bias: hasTensor(header, 'blk.0.ffn_up.bias'),
    }),
  },
};

function hasTensor({ tensors }: GgufHeader, name: string): boolean {
  return tensors.some((tensor) => tensor.name === name);
}

/** @throws GraftError `gguf-unsupported` naming the architecture */
export function architectureOf({ source, metadata }: GgufHeader): Architecture {
  const name = metadata.text('general.architecture') ?? '';
  const known = Object.hasOwn(architectures, name) ? architectures[name] : undefined;
  if (known) return known;
  throw new GraftError(
    'gguf-unsupported',
    `${source.name}: the architecture ${JSON.stringify(name.slice(0, 60))} is not supported.`,
    `Supported in GGUF are: ${Object.keys(architectures).join(', ')}.`,
  );
}

export interface TensorName {
  /** Hugging Face's. */
  readonly name: string;
  readonly change?: Change;
}

/**
 * Hugging Face's name of a tensor; undefined for one that holds no weights.
 *
 * @throws GraftError `gguf-unsupported` for a tensor that the architecture does not have here: it would be left out of the computation
 */
export function tensorName(
  architecture: Architecture,
  ggufName: string,
  { source, metadata }: GgufHeader,
): TensorName | undefined {
  if (NO_WEIGHTS.has(ggufName)) return undefined;
  const parts = /^(?:blk\.(\d{1,4})\.)?(.+)\.(weight|bias)$/.exec(ggufName);
  const [, layer, stem = '', kind] = parts ?? [];
  const names = layer === undefined ? architecture.outside : architecture.layer;
  if (!Object.hasOwn(names, stem)) {
    throw new GraftError(
      'gguf-unsupported',
      `${source.name} has a tensor ${ggufName}, which ${architecture.modelType} does not have here.`,
      'Use the Hugging Face folder of the model.',
    );
  }
  const prefix = layer === undefined ? '' : `${architecture.layers}${layer}.`;
  const name = `${prefix}${names[stem]}.${kind}`;
  const rotary = architecture.rotary?.[stem];
  if (rotary) {
    const arch = metadata.text('general.architecture');
    const all = metadata.required(`${arch}.attention.head_count`);
    const heads = rotary === 'heads' ? all : (metadata.number(`${arch}.attention.head_count_kv`) ?? all);
    return { name, change: { kind: 'rotary', heads } };
  }
  if (architecture.plusOne?.includes(stem)) return { name, change: { kind: 'plus-one' } };
  return { name };
}

/** The config.json that the model had, as far as its family reads it. @throws GraftError `gguf-metadata`, `gguf-unsupported` */
export function configOf(header: GgufHeader): JsonObject {
  const { metadata, tensors } = header;
  const architecture = architectureOf(header);
  const arch = metadata.text('general.architecture');
  const heads = metadata.required(`${arch}.attention.head_count`);
  const channels = metadata.required(`${arch}.embedding_length`);
  const embedding = tensors.find(({ name }) => name === 'token_embd.weight');
  if ((metadata.number(`${arch}.expert_count`) ?? 0) > 0)
    throw metadata.wrong(`${arch}.expert_count`, '0: mixtures of experts are not supported');
  const fields: JsonObject = {
    model_type: architecture.modelType,
    vocab_size: embedding?.shape[0] ?? metadata.required(`${arch}.vocab_size`),
    hidden_size: channels,
    intermediate_size: metadata.required(`${arch}.feed_forward_length`),
    num_hidden_layers: metadata.required(`${arch}.block_count`),
    num_attention_heads: heads,
    num_key_value_heads: metadata.number(`${arch}.attention.head_count_kv`) ?? heads,
    head_dim: metadata.number(`${arch}.attention.key_length`) ?? Math.floor(channels / heads),
    max_position_embeddings: metadata.required(`${arch}.context_length`),
    rms_norm_eps: metadata.float(`${arch}.attention.layer_norm_rms_epsilon`),
    rope_theta: metadata.float(`${arch}.rope.freq_base`) ?? 10_000,
    tie_word_embeddings: !hasTensor(header, 'output.weight'),
    bos_token_id: metadata.number('tokenizer.ggml.bos_token_id'),
    eos_token_id: metadata.number('tokenizer.ggml.eos_token_id'),
  };
  return { ...fields, ...architecture.config?.(header, fields) };
}
