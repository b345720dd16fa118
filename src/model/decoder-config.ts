/** The common fields of the config.json files of the decoder families. */
import type { Activation } from '../engine/ops/activation.ts';
import { MOST_KEPT } from '../engine/ops/routing.ts';
import type { ConfigReader } from './config.ts';
import { headName, NORMS_BEFORE } from './decoder.ts';
import { readRope, type RopeConfig } from './rope.ts';
import type { DecoderConfig, DecoderExperts, DecoderLayer } from './shape.ts';

/** The defaults of transformers' configuration class of a family. */
export interface DecoderDefaults {
  readonly vocabulary?: number;
  readonly channels?: number;
  readonly width?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headSize?: number;
  readonly maxPositions?: number;
  readonly eps?: number;
  readonly tied?: boolean;
  readonly theta?: number;
  /** Reads the rotary embeddings; one for all layers if left out. */
  readonly ropes?: (headSize: number) => readonly RopeConfig[];
  /** The name of the field of the activation, and its value. */
  readonly activation?: readonly [string, string];
}

/**
 * Reads what every decoder has, as Llama has it: norms before, no biases, rotary positions and full attention in every layer. A family
 * spreads its own differences over it.
 */
export function readDecoder(
  reader: ConfigReader,
  defaults: DecoderDefaults = {},
  prefix = 'model',
): DecoderConfig {
  const channels = reader.size('hidden_size', defaults.channels);
  const layers = reader.size('num_hidden_layers', defaults.layers);
  const heads = reader.size('num_attention_heads', defaults.heads);
  const kvHeads = reader.size('num_key_value_heads', defaults.kvHeads ?? heads);
  const headSize = reader.size('head_dim', defaults.headSize ?? Math.floor(channels / heads));
  checkHeads(reader, { heads, kvHeads, headSize });
  const tied = reader.flag('tie_word_embeddings', defaults.tied ?? false);
  const activation = defaults.activation ?? ['hidden_act', 'silu'];
  return {
    vocabulary: reader.size('vocab_size', defaults.vocabulary),
    channels,
    layers,
    heads,
    kvHeads,
    headSize,
    maxPositions: reader.size('max_position_embeddings', defaults.maxPositions ?? 2048),
    head: headName(prefix, tied),
    ropes: defaults.ropes?.(headSize) ?? [readRope(reader, headSize, { theta: defaults.theta })],
    width: reader.size('intermediate_size', defaults.width),
    eps: reader.positive('rms_norm_eps', defaults.eps ?? 1e-6),
    tied,
    layerKinds: everyLayer(layers, { rope: 0, window: 0 }),
    activation: readActivation(reader, ...activation),
    norms: NORMS_BEFORE,
    normOffset: 0,
    queryKeyNorm: 'none',
    bias: { qkv: false, output: false, mlp: false },
    fused: false,
    attentionScale: 1 / Math.sqrt(headSize),
    embeddingScale: 1,
    residualScale: 1,
    logitScale: 1,
    prefix,
  };
}

/**
 * Reads a mixture of experts that every layer has.
 *
 * @param defaults of the family's configuration class; `width` is that of an expert
 */
export function readExperts(
  reader: ConfigReader,
  defaults: Pick<DecoderExperts, 'count' | 'kept' | 'width'>,
): DecoderExperts {
  const { width } = defaults;
  const field = reader.has('num_experts') ? 'num_experts' : 'num_local_experts';
  const count = reader.size(field, defaults.count);
  const kept = reader.size('num_experts_per_tok', defaults.kept);
  if (count > MOST_EXPERTS) throw reader.unsupported(`${field} ${count}`, [`at most ${MOST_EXPERTS}`]);
  if (kept > count) throw reader.wrong('num_experts_per_tok', `at most ${count}, the number of experts`);
  if (kept > MOST_KEPT) throw reader.unsupported(`num_experts_per_tok ${kept}`, [`at most ${MOST_KEPT}`]);
  if (width % 4 !== 0) throw reader.unsupported(`experts of width ${width}`, ['a multiple of 4']);
  if (reader.flag('output_router_logits', false))
    throw reader.unsupported('output_router_logits, a loss that balances the load of experts,', ['false']);
  return {
    count,
    kept,
    width,
    normalised: reader.flag('norm_topk_prob', false),
  };
}

/** A definition names the tensors of each expert of each layer, so a hostile number would fill the memory. */
const MOST_EXPERTS = 512;

/** The largest head size of the attention kernels. */
const MAX_HEAD_SIZE = 256;

export function checkHeads(
  reader: ConfigReader,
  { heads, kvHeads, headSize }: Pick<DecoderConfig, 'heads' | 'kvHeads' | 'headSize'>,
): void {
  if (heads % kvHeads !== 0)
    throw reader.wrong('num_key_value_heads', `a divisor of ${heads} attention heads`);
  if (headSize < 1) throw reader.wrong('num_attention_heads', 'no more heads than channels');
  if (headSize > MAX_HEAD_SIZE || headSize % 4 !== 0)
    throw reader.unsupported(`a head size of ${headSize}`, [`a multiple of 4, at most ${MAX_HEAD_SIZE}`]);
}

/** transformers' names. */
const ACTIVATIONS: ReadonlyMap<string, Activation> = new Map([
  ['silu', 'silu'],
  ['swish', 'silu'],
  ['gelu_new', 'gelu_tanh'],
  ['gelu_pytorch_tanh', 'gelu_tanh'],
  ['gelu', 'gelu'],
]);

export function readActivation(reader: ConfigReader, field: string, fallback: string): Activation {
  const name = reader.text(field, fallback);
  const activation = ACTIVATIONS.get(name);
  if (!activation) throw reader.unsupported(`the activation ${name.slice(0, 60)}`, [...ACTIVATIONS.keys()]);
  return activation;
}

/** The same for every layer. */
export function everyLayer(layers: number, kind: DecoderLayer): DecoderLayer[] {
  return Array.from({ length: layers }, () => kind);
}

const LAYER_TYPES = ['full_attention', 'sliding_attention'];

/**
 * Which layers attend to a window: `layer_types`, or what the family fills in.
 *
 * @param fallback for a config without the list
 */
export function readSliding(
  reader: ConfigReader,
  layers: number,
  fallback: (layer: number) => boolean,
): boolean[] {
  const types = reader.texts('layer_types');
  if (types && types.length < layers)
    throw reader.wrong('layer_types', `an entry for each of ${layers} layers`);
  return Array.from({ length: layers }, (_, layer) => {
    const type = types?.[layer];
    if (type === undefined) return fallback(layer);
    if (!LAYER_TYPES.includes(type))
      throw reader.unsupported(`a layer of type ${type.slice(0, 60)}`, LAYER_TYPES);
    return type === 'sliding_attention';
  });
}

/** A layer's type asks for a window that the rest of the configuration switches off: transformers uses one all the same, or fails. */
export function checkWindow(reader: ConfigReader, sliding: readonly boolean[], window: number): void {
  if (window === 0 && sliding.includes(true))
    throw reader.unsupported('sliding_attention in layer_types without a sliding window');
}

/** Full attention, or Qwen's choice of a window for the layers from `max_window_layers` on. */
export function readQwenLayers(reader: ConfigReader, layers: number): DecoderLayer[] {
  const use = reader.flag('use_sliding_window', false);
  const window = use && reader.fields['sliding_window'] !== null ? reader.size('sliding_window', 4096) : 0;
  const first = reader.number('max_window_layers', 28);
  const sliding = readSliding(reader, layers, (layer) => window > 0 && layer >= first);
  checkWindow(reader, sliding, window);
  return sliding.map((slides) => ({ rope: 0, window: slides ? window : 0 }));
}
