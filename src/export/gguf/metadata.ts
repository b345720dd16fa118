/**
 * config.json → the metadata of a GGUF file, by the keys that llama.cpp reads for each architecture (src/llama-model.cpp), and the tensors of rotary
 * factors. What llama.cpp would compute differently is refused by name. The reverse is weights/gguf/config.ts.
 */
import { GraftError } from '../../errors.ts';
import { type JsonObject, isObject } from '../../json.ts';
import type { ModelDefinition } from '../../model/definition.ts';
import { inverseFrequencies } from '../../model/rope.ts';
import type { DecoderConfig } from '../../model/shape.ts';
import type { WrittenEntry, GgufTensorToWrite } from '../../weights/gguf/write.ts';

interface ArchitectureMetadata {
  readonly entries: readonly WrittenEntry[];
  /** Tensors that hold no weights: factors of rotary frequencies. */
  readonly factors: readonly GgufTensorToWrite[];
}

/** @throws GraftError `export-format` naming what llama.cpp does not have */
export function architectureMetadata(
  architecture: string,
  model: ModelDefinition,
  config: JsonObject,
): ArchitectureMetadata {
  const { vocabulary, channels, layers, heads, kvHeads, headSize, maxPositions } = model.shape;
  const text = isObject(config['text_config']) ? config['text_config'] : config;
  const context = text['max_position_embeddings'];
  const key = (name: string): string => `${architecture}.${name}`;
  const common: WrittenEntry[] = [
    [key('vocab_size'), 'u32', vocabulary],
    [key('context_length'), 'u32', typeof context === 'number' ? context : maxPositions],
    [key('embedding_length'), 'u32', channels],
    [key('block_count'), 'u32', layers],
    [key('attention.head_count'), 'u32', heads],
  ];
  const { decoder } = model;
  if (architecture === 'lfm2') return { entries: [...common, ...lfm2(key, model, text)], factors: [] };
  common.push([key('attention.head_count_kv'), 'u32', kvHeads]);
  if (!decoder) return { entries: [...common, ...gpt2(key, model, text)], factors: [] };
  check(architecture, decoder);
  const [rope] = decoder.ropes;
  const scaled = ropeScaling(key, decoder, text);
  return {
    entries: [
      ...common,
      [key('feed_forward_length'), 'u32', decoder.width],
      [key('attention.key_length'), 'u32', headSize],
      [key('attention.value_length'), 'u32', headSize],
      [key('attention.layer_norm_rms_epsilon'), 'f32', decoder.eps],
      [key('rope.dimension_count'), 'u32', rope.rotary],
      [key('rope.freq_base'), 'f32', rope.theta],
      ...scaled.entries,
      ...own(architecture, key, decoder),
    ],
    factors: scaled.factors,
  };
}

type Key = (name: string) => string;

function unsupported(what: string): GraftError {
  return new GraftError(
    'export-format',
    `llama.cpp computes no model with ${what}.`,
    'Export a merged model folder instead, with --format merged.',
  );
}

/** Layers of Gemma 3 27B, whose attention llama.cpp scales by channels per head. */
const GEMMA3_27B_LAYERS = 62;
const GEMMA3_PATTERN = 6;
const SMOLLM3_PATTERN = 4;
const LOCAL_THETA = 10_000;

/** What llama.cpp has in its code, and not in a file. */
function check(architecture: string, config: DecoderConfig): void {
  const { activation, attentionScale, bias, channels, headSize, heads, layerKinds, layers, ropes } = config;
  const gemma = architecture === 'gemma3';
  if (activation !== (gemma ? 'gelu_tanh' : 'silu'))
    throw unsupported(`the activation ${activation} in ${architecture}`);
  const own = gemma && layers === GEMMA3_27B_LAYERS ? channels / heads : headSize;
  if (architecture !== 'granite' && Math.abs(attentionScale * Math.sqrt(own) - 1) > 1e-6)
    throw unsupported(`an attention scale of ${attentionScale} in ${architecture}`);
  const biased = ['llama', 'granite', 'smollm3'].includes(architecture) || architecture === 'qwen2';
  if (!biased && (bias.qkv || bias.output || bias.mlp)) throw unsupported(`biases in ${architecture}`);
  if (gemma) {
    const usual = layerKinds.every(
      ({ window }, layer) => window > 0 === ((layer + 1) % GEMMA3_PATTERN !== 0),
    );
    if (!usual) throw unsupported('another order of windows than five of six layers in gemma3');
    if (ropes[1].theta !== LOCAL_THETA)
      throw unsupported(`a local rotary base of ${ropes[1].theta} in gemma3`);
  }
  if (architecture === 'smollm3') {
    const usual = layerKinds.every(
      ({ rope }, layer) => (rope !== undefined) === ((layer + 1) % SMOLLM3_PATTERN !== 0),
    );
    if (!usual) throw unsupported('positions in other layers than three of four in smollm3');
  }
}

/** The window of attention; 0 for none. */
const windowOf = ({ layerKinds }: DecoderConfig): number =>
  layerKinds.reduce((max, { window }) => Math.max(max, window), 0);

/** What llama.cpp leaves out of a model, in a sentence; undefined if it computes everything. */
export function windowNote(architecture: string, { decoder }: ModelDefinition): string | undefined {
  const window = decoder ? windowOf(decoder) : 0;
  return window === 0 || ['gemma3', 'phi3'].includes(architecture)
    ? undefined
    : `llama.cpp attends to all tokens in ${architecture}, and this model to the last ${window}: longer texts differ.`;
}

function own(architecture: string, key: Key, config: DecoderConfig): readonly WrittenEntry[] {
  const window = windowOf(config);
  switch (architecture) {
    case 'gemma3':
      return [
        [key('attention.sliding_window'), 'u32', window],
        [key('rope.freq_base_swa'), 'f32', config.ropes[1].theta],
      ];
    case 'granite':
      return [
        [key('attention.scale'), 'f32', config.attentionScale],
        [key('embedding_scale'), 'f32', config.embeddingScale],
        [key('residual_scale'), 'f32', config.residualScale],
        [key('logit_scale'), 'f32', 1 / config.logitScale],
      ];
    default:
      return window > 0 ? [[key('attention.sliding_window'), 'u32', window]] : [];
  }
}

function ropeScaling(
  key: Key,
  { ropes: [rope], headSize }: DecoderConfig,
  text: JsonObject,
): ArchitectureMetadata {
  const { scaling, theta, rotary, attentionScaling } = rope;
  const factors = (name: string, values: ArrayLike<number>): GgufTensorToWrite => ({
    name,
    shape: [values.length],
    data: Float32Array.from(values),
  });
  switch (scaling.type) {
    case 'default':
      return { entries: [], factors: [] };
    case 'linear':
      return {
        entries: [
          [key('rope.scaling.type'), 'text', 'linear'],
          [key('rope.scaling.factor'), 'f32', scaling.factor],
        ],
        factors: [],
      };
    case 'llama3': {
      const scaled = inverseFrequencies(rope);
      const divisors = scaled.map((frequency, pair) => theta ** (-(2 * pair) / rotary) / frequency);
      return { entries: [], factors: [factors('rope_freqs.weight', divisors)] };
    }
    case 'longrope': {
      const parameters = [text['rope_parameters'], text['rope_scaling']].find(isObject) ?? {};
      const long = parameters['long_factor'];
      if (!Array.isArray(long) || long.length !== scaling.factors.length || rotary > headSize)
        throw unsupported('a longrope scaling without long_factor');
      return {
        entries: [
          [key('rope.scaling.attn_factor'), 'f32', attentionScaling],
          [key('rope.scaling.original_context_length'), 'u32', scaling.original],
        ],
        factors: [
          factors('rope_factors_short.weight', scaling.factors),
          factors('rope_factors_long.weight', long as number[]),
        ],
      };
    }
  }
}

/** A layer of convolutions has no key heads there. */
function lfm2(
  key: Key,
  { shape, weights, states = [] }: ModelDefinition,
  config: JsonObject,
): WrittenEntry[] {
  const { kvHeads, headSize, channels, heads, ropes } = shape;
  const [rope] = ropes;
  if (rope.scaling.type !== 'default')
    throw unsupported(`rotary scaling of type ${rope.scaling.type} in lfm2`);
  if (weights.some(({ name }) => name.endsWith('.bias'))) throw unsupported('biases in lfm2');
  if (headSize * heads !== channels) throw unsupported(`a head size of ${headSize} in lfm2`);
  const { norm_eps: eps = 1e-5 } = config;
  const filter = weights.find((spec) => spec.filter);
  if (!filter) throw unsupported('no convolution in lfm2');
  const gate = weights.find(({ name }) => name.endsWith('feed_forward.w1.weight'))!;
  const isConv = states.map((parts) => parts.some(({ last }) => last !== undefined));
  return [
    [key('attention.head_count_kv'), 'i32s', isConv.map((conv) => (conv ? 0 : kvHeads))],
    [key('feed_forward_length'), 'u32', gate.shape[0]],
    [key('attention.layer_norm_rms_epsilon'), 'f32', Number(eps)],
    [key('rope.freq_base'), 'f32', rope.theta],
    [key('shortconv.l_cache'), 'u32', filter.shape[1]],
  ];
}

/** GPT-2 is computed one way there. */
function gpt2(key: Key, { weights }: ModelDefinition, config: JsonObject): readonly WrittenEntry[] {
  const { activation_function: activation = 'gelu_new' } = config;
  if (activation !== 'gelu_new' && activation !== 'gelu_pytorch_tanh')
    throw unsupported(`the activation ${String(activation)} in gpt2`);
  if (config['scale_attn_weights'] === false || config['scale_attn_by_inverse_layer_idx'] === true)
    throw unsupported('scores of attention that gpt2 scales by layer');
  const { layer_norm_epsilon: eps = 1e-5 } = config;
  const up = weights.find(({ name }) => name.endsWith('mlp.c_fc.weight'))!;
  return [
    [key('feed_forward_length'), 'u32', up.shape[0]],
    [key('attention.layer_norm_epsilon'), 'f32', Number(eps)],
  ];
}
