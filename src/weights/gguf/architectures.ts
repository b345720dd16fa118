/**
 * How llama.cpp's converter changed a Hugging Face model: the names of tensors of each architecture, and the changes of their
 * numbers. Names: `constants.py` and `tensor_mapping.py` of gguf-py; changes of the numbers: `modify_tensors` of each model in llama.cpp's
 * converter.
 */
import { GraftError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import {
  gemma3Config,
  gpt2Config,
  graniteConfig,
  lfm2Config,
  llamaConfig,
  olmo2Config,
  phi3Config,
} from './configs.ts';
import type { GgufHeader } from './header.ts';

interface Architecture {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** The class of transformers, for config.json's `architectures`: other tools ask for it. */
  readonly className: string;
  /** Stems of tensors outside of the layers: GGUF's → Hugging Face's. */
  readonly outside: Readonly<Record<string, string>>;
  /** Stems of the tensors of a layer, after `blk.N.` and `layers` with N. */
  readonly layer: Readonly<Record<string, string>>;
  /** Hugging Face's name of a layer, up to its number. */
  readonly layers: string;
  /** Stems whose rows were moved, with the number of heads they have. */
  readonly rotary?: Readonly<Record<string, 'heads' | 'kvHeads'>>;
  /** Stems whose weight had 1 added, since the model multiplies by 1 + w. */
  readonly plusOne?: readonly string[];
  /** Stems whose weight was transposed. */
  readonly transposed?: readonly string[];
  /** Stems of depthwise filters: [C, 1, L] in the folder, and [C, L] here. */
  readonly filters?: readonly string[];
  /** Fields of config.json besides those of every architecture; undefined removes one of those. */
  readonly config?: (header: GgufHeader, fields: JsonObject) => JsonObject;
}

const OUTSIDE = { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' };

const ATTENTION = {
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
};
const QUERY_KEY_NORMS = { attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' };
const MLP = { ffn_gate: 'mlp.gate_proj', ffn_up: 'mlp.up_proj', ffn_down: 'mlp.down_proj' };
const NORMS = { attn_norm: 'input_layernorm', ffn_norm: 'post_attention_layernorm' };
const NORMS_BEHIND = {
  post_attention_norm: 'post_attention_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};

/** Rotary pairs side by side, as ggml's "norm" rope has them. */
const MOVED = { attn_q: 'heads', attn_k: 'kvHeads' } as const;

const llama: Architecture = {
  modelType: 'llama',
  className: 'LlamaForCausalLM',
  outside: OUTSIDE,
  layer: { ...ATTENTION, ...MLP, ...NORMS },
  layers: 'model.layers.',
  rotary: MOVED,
  config: llamaConfig,
};

const gemma3: Architecture = {
  modelType: 'gemma3_text',
  className: 'Gemma3ForCausalLM',
  outside: OUTSIDE,
  layer: {
    ...ATTENTION,
    ...QUERY_KEY_NORMS,
    ...MLP,
    ...NORMS_BEHIND,
    attn_norm: 'input_layernorm',
    ffn_norm: 'pre_feedforward_layernorm',
  },
  layers: 'model.layers.',
  plusOne: [
    'output_norm',
    'attn_norm',
    'ffn_norm',
    'post_attention_norm',
    'post_ffw_norm',
    'attn_q_norm',
    'attn_k_norm',
  ],
  config: gemma3Config,
};

const gpt2: Architecture = {
  modelType: 'gpt2',
  className: 'GPT2LMHeadModel',
  outside: {
    token_embd: 'transformer.wte',
    position_embd: 'transformer.wpe',
    output_norm: 'transformer.ln_f',
    output: 'lm_head',
  },
  layer: {
    attn_norm: 'ln_1',
    attn_qkv: 'attn.c_attn',
    attn_output: 'attn.c_proj',
    ffn_norm: 'ln_2',
    ffn_up: 'mlp.c_fc',
    ffn_down: 'mlp.c_proj',
  },
  layers: 'transformer.h.',
  transposed: ['attn_qkv', 'attn_output', 'ffn_up', 'ffn_down'],
  config: gpt2Config,
};

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama,
  qwen2: {
    ...llama,
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    rotary: undefined,
    config: undefined,
  },
  qwen3: {
    ...llama,
    modelType: 'qwen3',
    className: 'Qwen3ForCausalLM',
    layer: { ...llama.layer, ...QUERY_KEY_NORMS },
    rotary: undefined,
    config: undefined,
  },
  gemma3,
  gpt2,
  smollm3: { ...llama, modelType: 'smollm3', className: 'SmolLM3ForCausalLM' },
  olmo2: {
    ...llama,
    modelType: 'olmo2',
    className: 'Olmo2ForCausalLM',
    layer: { ...ATTENTION, ...QUERY_KEY_NORMS, ...MLP, ...NORMS_BEHIND },
    rotary: undefined,
    config: olmo2Config,
  },
  granite: { ...llama, modelType: 'granite', className: 'GraniteForCausalLM', config: graniteConfig },
  phi3: {
    ...llama,
    modelType: 'phi3',
    className: 'Phi3ForCausalLM',
    layer: {
      ...NORMS,
      attn_qkv: 'self_attn.qkv_proj',
      attn_output: 'self_attn.o_proj',
      ffn_up: 'mlp.gate_up_proj',
      ffn_down: 'mlp.down_proj',
    },
    rotary: undefined,
    config: phi3Config,
  },
  lfm2: {
    modelType: 'lfm2',
    className: 'Lfm2ForCausalLM',
    outside: { token_embd: 'model.embed_tokens', token_embd_norm: 'model.embedding_norm', output: 'lm_head' },
    layer: {
      attn_q: 'self_attn.q_proj',
      attn_k: 'self_attn.k_proj',
      attn_v: 'self_attn.v_proj',
      attn_output: 'self_attn.out_proj',
      attn_q_norm: 'self_attn.q_layernorm',
      attn_k_norm: 'self_attn.k_layernorm',
      'shortconv.in_proj': 'conv.in_proj',
      'shortconv.conv': 'conv.conv',
      'shortconv.out_proj': 'conv.out_proj',
      ffn_gate: 'feed_forward.w1',
      ffn_up: 'feed_forward.w3',
      ffn_down: 'feed_forward.w2',
      attn_norm: 'operator_norm',
      ffn_norm: 'ffn_norm',
    },
    layers: 'model.layers.',
    filters: ['shortconv.conv'],
    config: lfm2Config,
  },
};

/** Tensors that hold no weights: factors of rotary frequencies, which belong in config.json. */
const NO_WEIGHTS = new Set(['rope_freqs.weight', 'rope_factors_long.weight', 'rope_factors_short.weight']);

/** @throws GraftError `gguf-unsupported` naming the architecture */
export function architectureOf({ source, metadata }: GgufHeader): Architecture {
  const name = metadata.text('general.architecture') ?? '';
  const known = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
  if (known) return known;
  throw new GraftError(
    'gguf-unsupported',
    `${source.name}: the architecture ${JSON.stringify(name.slice(0, 60))} is not supported.`,
    `Supported in GGUF are: ${Object.keys(ARCHITECTURES).join(', ')}.`,
  );
}

export type TensorChange =
  | { readonly kind: 'rotary'; readonly heads: number }
  | { readonly kind: 'plus-one' }
  | { readonly kind: 'transposed' }
  | { readonly kind: 'filter' };

interface TensorName {
  /** Hugging Face's. */
  readonly name: string;
  /** How the converter changed it. */
  readonly change?: TensorChange;
}

/**
 * Hugging Face's name of a tensor; undefined for one that holds no weights.
 *
 * @throws GraftError `gguf-unsupported` for a tensor that the architecture does not have here, since the computation would ignore it
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
  if (kind !== 'weight') return { name };
  if (architecture.plusOne?.includes(stem)) return { name, change: { kind: 'plus-one' } };
  if (architecture.transposed?.includes(stem)) return { name, change: { kind: 'transposed' } };
  if (architecture.filters?.includes(stem)) return { name, change: { kind: 'filter' } };
  return { name };
}

/** Where the converter puts a layer of a model. */
interface LayerPlace {
  /** The value of `general.architecture`. */
  readonly architecture: string;
  /** GGUF's stem: `blk.0.attn_q`. */
  readonly stem: string;
  /** The outputs of these heads are moved: the two of a rotary pair lie side by side. */
  readonly rotary?: 'heads' | 'kvHeads';
  /** Whether its weight has 1 added. */
  readonly plusOne?: boolean;
}

/** Types of models that the converter treats as another. */
const SAME_AS: Readonly<Record<string, string>> = { mistral: 'llama', gemma3: 'gemma3_text' };

/** GGUF's place of the layer of this path: a linear one, a norm or a table; undefined if its files have none. @param modelType of config.json */
export function layerPlace(modelType: string, path: string): LayerPlace | undefined {
  const type = SAME_AS[modelType] ?? modelType;
  const found = Object.entries(ARCHITECTURES).find(([, known]) => known.modelType === type);
  if (!found) return undefined;
  const [architecture, { layers, layer, outside, rotary, plusOne }] = found;
  // The text part of a multimodal model is a separate model there.
  const own = path.replace(/^model\.language_model\./, 'model.');
  const [number, rest] = own.startsWith(layers) ? own.slice(layers.length).split(/\.(.*)/s) : [];
  const names = Object.entries(number === undefined ? outside : layer);
  const stem = names.find(([, name]) => name === (rest ?? own))?.[0];
  if (stem === undefined) return undefined;
  return {
    architecture,
    stem: number === undefined ? stem : `blk.${number}.${stem}`,
    ...(rotary?.[stem] && { rotary: rotary[stem] }),
    ...(plusOne?.includes(stem) && { plusOne: true }),
  };
}

/** Where each row of a weight with rotary pairs comes from: 0, half, 1, half + 1 … of each head, as the converter moves them. */
export function pairsTogether(rows: number, heads: number): (row: number) => number {
  const size = rows / heads;
  return (row) => {
    const inHead = row % size;
    return row - inHead + (inHead >> 1) + (inHead & 1) * (size / 2);
  };
}
