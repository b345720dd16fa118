/**
 * LFM2 (Liquid AI, 2025), as in transformers' Lfm2ForCausalLM: layers of attention among layers of gated short convolutions.
 *
 *   h ← E[ids]
 *   each layer:   h ← h + Wo · attention(q, k, v)               q, k = rope(norm(Wq · n)), rope(norm(Wk · n))    v = Wv · n
 *            or   h ← h + Wout · (c · conv(b · x))              b, c, x = Win · n                                n = norm(h)
 *                 h ← h + W2 · (silu(W1 · m) · W3 · m)          m = norm(h)
 *   logits = E · norm(h)
 *
 * The convolution is causal and has a filter of L numbers for each channel. With `conv_bias`, it and both its linear layers have a bias.
 */
import type { ConfigReader } from './config.ts';
import { checkHeads } from './decoder-config.ts';
import type { Family, LinearModule, ModelDefinition, WeightSpec } from './definition.ts';
import type { ForwardGraph } from './forward-graph.ts';
import { keysAndValues, MAX_RECENT, recentInputs } from './layer-state.ts';
import { readRope } from './rope.ts';
import type { ModelShape } from './shape.ts';

interface Lfm2Config extends ModelShape {
  /** Width of the MLP. */
  readonly width: number;
  readonly eps: number;
  readonly tied: boolean;
  /** Numbers of a filter: the token itself and those before it. */
  readonly filter: number;
  readonly convBias: boolean;
  /** Whether each layer is a convolution. */
  readonly isConv: readonly boolean[];
}

const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';
const ATTENTION = 'full_attention';
const CONVOLUTION = 'conv';

export const lfm2: Family = {
  modelTypes: ['lfm2'],
  define(reader): ModelDefinition {
    const config = readConfig(reader);
    const { channels, filter, isConv } = config;
    return {
      modelType: 'lfm2',
      shape: config,
      weights: weights(config),
      linears: linears(config).map(({ path, inputs, outputs }) => ({ path, inputs, outputs })),
      states: isConv.map((conv) => (conv ? recentInputs(channels, filter - 1) : keysAndValues(config))),
      embedding: { path: 'model.embed_tokens', scale: 1, scalesAll: false },
      renamed: [['model.', '']],
      forward: (graph) => forward(graph, config),
    };
  },
};

function readConfig(reader: ConfigReader): Lfm2Config {
  const channels = reader.size('hidden_size', 2560);
  const layers = reader.size('num_hidden_layers', 32);
  const heads = reader.size('num_attention_heads', 32);
  const kvHeads = reader.size('num_key_value_heads', 8);
  const headSize = reader.size('head_dim', Math.floor(channels / heads));
  checkHeads(reader, { heads, kvHeads, headSize });
  const filter = reader.size('conv_L_cache', 3);
  if (filter < 2 || filter > MAX_RECENT + 1)
    throw reader.unsupported(`conv_L_cache ${filter}`, [`2 to ${MAX_RECENT + 1}`]);
  // The folders of the hub have the second name, which goes before the first.
  const tied = reader.flag('tie_embedding', reader.flag('tie_word_embeddings', true));
  return {
    vocabulary: reader.size('vocab_size', 65_536),
    channels,
    layers,
    heads,
    kvHeads,
    headSize,
    maxPositions: reader.size('max_position_embeddings', 128_000),
    head: tied ? EMBEDDING : HEAD,
    ropes: [readRope(reader, headSize, { theta: 1_000_000 })],
    width: readWidth(reader),
    eps: reader.positive('norm_eps', 1e-5),
    tied,
    filter,
    convBias: reader.flag('conv_bias', false),
    isConv: readLayers(reader, layers),
  };
}

/** `block_ff_dim`, two thirds of it unless that is switched off, times a factor, rounded up. */
function readWidth(reader: ConfigReader): number {
  const width = reader.has('block_ff_dim')
    ? reader.size('block_ff_dim')
    : reader.size('intermediate_size', 12_288);
  if (!reader.flag('block_auto_adjust_ff_dim', true)) return width;
  const adjusted = Math.floor((2 * width) / 3);
  if (reader.fields['block_ffn_dim_multiplier'] === null) return adjusted;
  const multiple = reader.size('block_multiple_of', 256);
  const factor = reader.positive('block_ffn_dim_multiplier', 1);
  return multiple * Math.ceil(Math.floor(factor * adjusted) / multiple);
}

/** `layer_types`, or else attention in the layers of `full_attn_idxs`, or in all. */
function readLayers(reader: ConfigReader, layers: number): boolean[] {
  const types = reader.texts('layer_types');
  if (types && types.length < layers)
    throw reader.wrong('layer_types', `an entry for each of ${layers} layers`);
  const unknown = types?.find((type) => type !== ATTENTION && type !== CONVOLUTION);
  if (unknown !== undefined)
    throw reader.unsupported(`a layer of type ${unknown.slice(0, 60)}`, [ATTENTION, CONVOLUTION]);
  const attending = reader.numbers('full_attn_idxs');
  return Array.from({ length: layers }, (_, layer) =>
    types ? types[layer] === CONVOLUTION : attending !== undefined && !attending.includes(layer),
  );
}

function linears(config: Lfm2Config): (LinearModule & { bias: boolean })[] {
  const { channels: C, width: F, heads, kvHeads, headSize: D, isConv, convBias } = config;
  return isConv.flatMap((conv, layer) => {
    const name = `model.layers.${layer}`;
    const mixing = conv
      ? [
          { path: `${name}.conv.in_proj`, inputs: C, outputs: 3 * C, bias: convBias },
          { path: `${name}.conv.out_proj`, inputs: C, outputs: C, bias: convBias },
        ]
      : [
          { path: `${name}.self_attn.q_proj`, inputs: C, outputs: heads * D, bias: false },
          { path: `${name}.self_attn.k_proj`, inputs: C, outputs: kvHeads * D, bias: false },
          { path: `${name}.self_attn.v_proj`, inputs: C, outputs: kvHeads * D, bias: false },
          { path: `${name}.self_attn.out_proj`, inputs: heads * D, outputs: C, bias: false },
        ];
    return [
      ...mixing,
      { path: `${name}.feed_forward.w1`, inputs: C, outputs: F, bias: false },
      { path: `${name}.feed_forward.w3`, inputs: C, outputs: F, bias: false },
      { path: `${name}.feed_forward.w2`, inputs: F, outputs: C, bias: false },
    ];
  });
}

function weights(config: Lfm2Config): WeightSpec[] {
  const { vocabulary: V, channels: C, headSize: D, filter: L, convBias, isConv, tied } = config;
  return [
    { name: EMBEDDING, shape: [V, C] },
    ...linears(config).flatMap(({ path, inputs, outputs, bias }) => [
      { name: `${path}.weight`, shape: [outputs, inputs] },
      ...(bias ? [{ name: `${path}.bias`, shape: [outputs] }] : []),
    ]),
    ...isConv.flatMap((conv, layer): WeightSpec[] => {
      const name = `model.layers.${layer}`;
      return [
        ...(conv
          ? [
              { name: `${name}.conv.conv.weight`, shape: [C, L], filter: true },
              ...(convBias ? [{ name: `${name}.conv.conv.bias`, shape: [C] }] : []),
            ]
          : [
              { name: `${name}.self_attn.q_layernorm.weight`, shape: [D] },
              { name: `${name}.self_attn.k_layernorm.weight`, shape: [D] },
            ]),
        { name: `${name}.operator_norm.weight`, shape: [C] },
        { name: `${name}.ffn_norm.weight`, shape: [C] },
      ];
    }),
    { name: 'model.embedding_norm.weight', shape: [C] },
    ...(tied ? [] : [{ name: HEAD, shape: [V, C] }]),
  ];
}

function forward<Value>(g: ForwardGraph<Value>, config: Lfm2Config): Value {
  let h = g.embed(EMBEDDING);
  config.isConv.forEach((conv, layer) => {
    const mix = conv ? convolution : attention;
    h = g.layer(h, (input) => mlp(g, config, layer, mix(g, config, layer, input)));
  });
  return g.rmsNorm(g.outputRows(h), 'model.embedding_norm.weight', { eps: config.eps });
}

/** h + the gated convolution of h. */
function convolution<Value>(
  g: ForwardGraph<Value>,
  { channels: C, eps }: Lfm2Config,
  layer: number,
  h: Value,
): Value {
  const name = `model.layers.${layer}`;
  const n = g.rmsNorm(h, `${name}.operator_norm.weight`, { eps });
  const [b, c, x] = g.split(g.linear(n, `${name}.conv.in_proj`), [C, C, C]);
  // Computed again for the backward pass: it is cheap, and as large as b, c and x themselves.
  return g.recompute(() => {
    const y = g.convolution(layer, g.gated(b, x, 'identity'), `${name}.conv.conv`);
    return g.linear(g.gated(c, y, 'identity'), `${name}.conv.out_proj`, { residual: h });
  });
}

/** h + attention(h). */
function attention<Value>(g: ForwardGraph<Value>, { eps }: Lfm2Config, layer: number, h: Value): Value {
  const name = `model.layers.${layer}`;
  const n = g.rmsNorm(h, `${name}.operator_norm.weight`, { eps });
  const [wq, wk, v] = g.linears(
    n,
    ['q_proj', 'k_proj', 'v_proj'].map((part) => `${name}.self_attn.${part}`),
  );
  const q = g.rmsNorm(wq, `${name}.self_attn.q_layernorm.weight`, { eps });
  const k = g.rmsNorm(wk, `${name}.self_attn.k_layernorm.weight`, { eps });
  return g.linear(g.attention(layer, q, k, v, { rope: 0 }), `${name}.self_attn.out_proj`, { residual: h });
}

/** h + mlp(h). */
function mlp<Value>(g: ForwardGraph<Value>, { eps }: Lfm2Config, layer: number, h: Value): Value {
  const name = `model.layers.${layer}`;
  const n = g.rmsNorm(h, `${name}.ffn_norm.weight`, { eps });
  const [gate, up, down] = ['w1', 'w3', 'w2'].map((part) => `${name}.feed_forward.${part}`);
  const product = g.gatedLinears(n, [gate, up], 'silu');
  if (product) return g.linear(product, down, { residual: h });
  const [wide, factor] = g.linears(n, [gate, up]);
  return g.recompute(() => g.linear(g.gated(wide, factor, 'silu'), down, { residual: h }));
}
