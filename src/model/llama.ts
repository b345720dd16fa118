/**
 * Llama (Touvron et al., 2023; Llama 3, 2024), as in transformers' LlamaForCausalLM: SmolLM2, TinyLlama, Llama 3.x and our own models.
 *
 *   h ← E[ids]
 *   each layer:   h ← h + Wo · attention(rope(Wq · n), rope(Wk · n), Wv · n)      n = norm(h)
 *                 h ← h + Wdown · (silu(Wgate · n) · Wup · n)                      n = norm(h)
 *   logits = head · norm(h)
 */
import type { Tensor } from '../engine/tensor.ts';
import type { ConfigReader } from './config.ts';
import type { Family, LinearModule, ModelDefinition, ModelShape, WeightSpec } from './family.ts';
import type { Graph } from './graph.ts';
import { readRope } from './rope.ts';

interface LlamaConfig extends ModelShape {
  readonly width: number;
  readonly eps: number;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  readonly tied: boolean;
}

export const llama: Family = {
  modelTypes: ['llama'],
  define(reader): ModelDefinition {
    const config = readConfig(reader);
    return {
      modelType: 'llama',
      shape: config,
      weights: weights(config),
      linears: linears(config).map(({ path, inputs, outputs }) => ({ path, inputs, outputs })),
      forward: (graph) => forward(graph, config),
    };
  },
};

function readConfig(reader: ConfigReader): LlamaConfig {
  const channels = reader.size('hidden_size');
  const heads = reader.size('num_attention_heads');
  const kvHeads = reader.size('num_key_value_heads', heads);
  const headSize = reader.size('head_dim', Math.floor(channels / heads));
  if (heads % kvHeads !== 0)
    throw reader.wrong('num_key_value_heads', `a divisor of ${heads} attention heads`);
  if (headSize > 256 || headSize % 4 !== 0)
    throw reader.unsupported(`a head size of ${headSize} (a multiple of 4, at most 256, is)`);
  const activation = reader.text('hidden_act', 'silu');
  if (activation !== 'silu' && activation !== 'swish')
    throw reader.unsupported(`the activation ${activation}`);
  const tied = reader.flag('tie_word_embeddings', false);
  return {
    vocabulary: reader.size('vocab_size'),
    channels,
    layers: reader.size('num_hidden_layers'),
    heads,
    kvHeads,
    headSize,
    maxPositions: reader.size('max_position_embeddings', 2048),
    eosIds: reader.ids('eos_token_id'),
    head: tied ? 'model.embed_tokens.weight' : 'lm_head.weight',
    rope: readRope(reader, headSize),
    width: reader.size('intermediate_size'),
    eps: reader.positive('rms_norm_eps', 1e-6),
    attentionBias: reader.flag('attention_bias', false),
    mlpBias: reader.flag('mlp_bias', false),
    tied,
  };
}

function linears(config: LlamaConfig): (LinearModule & { bias: boolean })[] {
  const { channels: C, width: F, attentionBias, mlpBias } = config;
  const Q = config.heads * config.headSize;
  const K = config.kvHeads * config.headSize;
  return Array.from({ length: config.layers }, (_, layer) => {
    const attention = `model.layers.${layer}.self_attn`;
    const mlp = `model.layers.${layer}.mlp`;
    return [
      { path: `${attention}.q_proj`, inputs: C, outputs: Q, bias: attentionBias },
      { path: `${attention}.k_proj`, inputs: C, outputs: K, bias: attentionBias },
      { path: `${attention}.v_proj`, inputs: C, outputs: K, bias: attentionBias },
      { path: `${attention}.o_proj`, inputs: Q, outputs: C, bias: attentionBias },
      { path: `${mlp}.gate_proj`, inputs: C, outputs: F, bias: mlpBias },
      { path: `${mlp}.up_proj`, inputs: C, outputs: F, bias: mlpBias },
      { path: `${mlp}.down_proj`, inputs: F, outputs: C, bias: mlpBias },
    ];
  }).flat();
}

function weights(config: LlamaConfig): WeightSpec[] {
  const { vocabulary: V, channels: C } = config;
  const specs: WeightSpec[] = [{ name: 'model.embed_tokens.weight', shape: [V, C] }];
  for (const { path, inputs, outputs, bias } of linears(config)) {
    specs.push({ name: `${path}.weight`, shape: [outputs, inputs] });
    if (bias) specs.push({ name: `${path}.bias`, shape: [outputs] });
  }
  for (let layer = 0; layer < config.layers; layer++) {
    specs.push({ name: `model.layers.${layer}.input_layernorm.weight`, shape: [C] });
    specs.push({ name: `model.layers.${layer}.post_attention_layernorm.weight`, shape: [C] });
  }
  specs.push({ name: 'model.norm.weight', shape: [C] });
  if (!config.tied) specs.push({ name: 'lm_head.weight', shape: [V, C] });
  return specs;
}

function forward(g: Graph, config: LlamaConfig): Tensor {
  const { eps } = config;
  let h = g.embed('model.embed_tokens.weight');
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${layer}`;
    const input = h;
    h = g.layer(() => {
      const middle = attention(
        g,
        config,
        layer,
        input,
        g.rmsNorm(input, `${name}.input_layernorm.weight`, { eps }),
      );
      return mlp(
        g,
        `${name}.mlp`,
        middle,
        g.rmsNorm(middle, `${name}.post_attention_layernorm.weight`, { eps }),
      );
    });
  }
  return g.rmsNorm(g.outputRows(h), 'model.norm.weight', { eps });
}

function attention(g: Graph, config: LlamaConfig, layer: number, residual: Tensor, n: Tensor): Tensor {
  const name = `model.layers.${layer}.self_attn`;
  const q = g.rope(g.linear(n, `${name}.q_proj`), config.heads);
  const k = g.rope(g.linear(n, `${name}.k_proj`), config.kvHeads);
  const v = g.linear(n, `${name}.v_proj`);
  return g.linear(g.attention(layer, q, k, v), `${name}.o_proj`, { residual });
}

function mlp(g: Graph, name: string, residual: Tensor, n: Tensor): Tensor {
  const gate = g.linear(n, `${name}.gate_proj`);
  const up = g.linear(n, `${name}.up_proj`);
  // The product is computed again for the reverse: it is cheap, and as large as gate and up themselves.
  return g.recompute(() => g.linear(g.swiglu(gate, up), `${name}.down_proj`, { residual }));
}
