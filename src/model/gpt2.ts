/**
 * GPT-2 (Radford et al., 2019), as in transformers' GPT2LMHeadModel: layer normalisation, learned positions, one layer for q, k and v, GELU.
 *
 *   h ← E[ids] + P[positions]
 *   each layer:   h ← h + Wo · attention(q, k, v)        q, k, v = Wqkv · norm(h)
 *                 h ← h + Wproj · gelu(Wfc · norm(h))
 *   logits = E · norm(h)
 *
 * Every linear layer has a bias, and lies in the folder as [inputs, outputs] (Conv1D).
 */
import type { Activation } from '../engine/ops/activation.ts';
import type { ConfigReader } from './config.ts';
import { checkHeads, readActivation } from './decoder-config.ts';
import type { Family, LinearModule, ModelDefinition, WeightSpec } from './definition.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { ModelShape } from './shape.ts';

interface Gpt2Config extends ModelShape {
  readonly width: number;
  readonly eps: number;
  readonly activation: Activation;
  /** Factor of the scores of each layer. */
  readonly attentionScales: readonly number[];
}

const EMBEDDING = 'transformer.wte.weight';
const HEAD = 'lm_head.weight';

export const gpt2: Family = {
  modelTypes: ['gpt2'],
  define(reader): ModelDefinition {
    const config = readConfig(reader);
    return {
      modelType: 'gpt2',
      shape: config,
      weights: weights(config),
      linears: linears(config),
      embedding: { path: 'transformer.wte', scale: 1, scalesAll: false },
      // The folders of the hub hold GPT2Model, without the part that the head belongs to.
      renamed: [['transformer.', '']],
      forward: (graph) => forward(graph, config),
    };
  },
};

function readConfig(reader: ConfigReader): Gpt2Config {
  if (reader.flag('add_cross_attention', false)) throw reader.unsupported('add_cross_attention');
  const channels = reader.size('n_embd', 768);
  const layers = reader.size('n_layer', 12);
  const heads = reader.size('n_head', 12);
  if (channels % heads !== 0) throw reader.wrong('n_head', `a divisor of ${channels} channels`);
  const headSize = channels / heads;
  checkHeads(reader, { heads, kvHeads: heads, headSize });
  const scale = reader.flag('scale_attn_weights', true) ? 1 / Math.sqrt(headSize) : 1;
  const byLayer = reader.flag('scale_attn_by_inverse_layer_idx', false);
  return {
    vocabulary: reader.size('vocab_size', 50_257),
    channels,
    layers,
    heads,
    kvHeads: heads,
    headSize,
    maxPositions: reader.size('n_positions', 1024),
    hardLimit: true,
    head: reader.flag('tie_word_embeddings', true) ? EMBEDDING : HEAD,
    ropes: [],
    width: reader.size('n_inner', 4 * channels),
    eps: reader.positive('layer_norm_epsilon', 1e-5),
    activation: readActivation(reader, 'activation_function', 'gelu_new'),
    attentionScales: Array.from({ length: layers }, (_, layer) => scale / (byLayer ? layer + 1 : 1)),
  };
}

function linears({ layers, channels: C, width: F }: Gpt2Config): LinearModule[] {
  return Array.from({ length: layers }, (_, layer): LinearModule[] => {
    const name = `transformer.h.${layer}`;
    return [
      { path: `${name}.attn.c_attn`, inputs: C, outputs: 3 * C, transposed: true },
      { path: `${name}.attn.c_proj`, inputs: C, outputs: C, transposed: true },
      { path: `${name}.mlp.c_fc`, inputs: C, outputs: F, transposed: true },
      { path: `${name}.mlp.c_proj`, inputs: F, outputs: C, transposed: true },
    ];
  }).flat();
}

function weights(config: Gpt2Config): WeightSpec[] {
  const { vocabulary: V, channels: C, maxPositions, head } = config;
  const norm = (name: string): WeightSpec[] => [
    { name: `${name}.weight`, shape: [C] },
    { name: `${name}.bias`, shape: [C] },
  ];
  return [
    { name: EMBEDDING, shape: [V, C] },
    { name: 'transformer.wpe.weight', shape: [maxPositions, C] },
    ...linears(config).flatMap(({ path, inputs, outputs, transposed }) => [
      { name: `${path}.weight`, shape: [outputs, inputs], transposed },
      { name: `${path}.bias`, shape: [outputs] },
    ]),
    ...config.attentionScales.flatMap((_, layer) => [
      ...norm(`transformer.h.${layer}.ln_1`),
      ...norm(`transformer.h.${layer}.ln_2`),
    ]),
    ...norm('transformer.ln_f'),
    ...(head === HEAD ? [{ name: HEAD, shape: [V, C] }] : []),
  ];
}

function forward<Value>(g: ForwardGraph<Value>, config: Gpt2Config): Value {
  const { eps, channels: C, activation } = config;
  let h = g.add(g.embed(EMBEDDING), g.embedPositions('transformer.wpe.weight'));
  config.attentionScales.forEach((scale, layer) => {
    const name = `transformer.h.${layer}`;
    h = g.layer(h, (input) => {
      const fused = g.linear(g.layerNorm(input, `${name}.ln_1`, eps), `${name}.attn.c_attn`);
      const [q, k, v] = g.split(fused, [C, C, C]);
      const seen = g.attention(layer, q, k, v, { scale });
      const middle = g.linear(seen, `${name}.attn.c_proj`, { residual: input });
      const wide = g.linear(g.layerNorm(middle, `${name}.ln_2`, eps), `${name}.mlp.c_fc`);
      // Computed again for the backward pass, like the product of gate and up in decoder.ts.
      return g.recompute(() =>
        g.linear(g.activate(wide, activation), `${name}.mlp.c_proj`, { residual: middle }),
      );
    });
  });
  return g.layerNorm(g.outputRows(h), 'transformer.ln_f', eps);
}
