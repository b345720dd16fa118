/**
 * BERT (Devlin et al., 2018), as in transformers' BertModel without its pooler: attention both ways, normalisation after each part, learned
 * positions and types, GELU.
 *
 *   h ← norm(E[ids] + P[positions] + T[types])
 *   each layer:   h ← norm(h + Wo · attention(Wq · h, Wk · h, Wv · h))
 *                 h ← norm(h + Wout · gelu(Win · h))
 *
 * Every linear layer has a bias. MiniLM, bge, e5 and gte are such models.
 */
import type { Activation } from '../engine/ops/activation.ts';
import type { ConfigReader } from './config.ts';
import { checkHeads, readActivation } from './decoder-config.ts';
import type { EncoderDefinition, EncoderFamily, LinearModule, WeightSpec } from './definition.ts';
import type { ForwardGraph } from './forward-graph.ts';

type BertConfig = EncoderDefinition['shape'] & {
  /** Width of the MLP. */
  readonly width: number;
  /** Parts of a pair of texts. */
  readonly types: number;
  readonly eps: number;
  readonly activation: Activation;
};

export const bert: EncoderFamily = {
  modelTypes: ['bert'],
  define(reader): EncoderDefinition {
    const config = readConfig(reader);
    return {
      modelType: 'bert',
      shape: config,
      weights: weights(config),
      linears: linears(config),
      embedding: { path: 'embeddings.word_embeddings', scale: 1, scalesAll: false },
      // What most encoders of sentences do; `readPooledEncoder` asks the folder.
      pooling: 'mean',
      // Folders of a model with a head hold BertModel as a part of it.
      renamed: [['', 'bert.']],
      forward: (graph) => forward(graph, config),
    };
  },
};

function readConfig(reader: ConfigReader): BertConfig {
  for (const flag of ['is_decoder', 'add_cross_attention'])
    if (reader.flag(flag, false)) throw reader.unsupported(flag);
  const positions = reader.text('position_embedding_type', 'absolute');
  if (positions !== 'absolute')
    throw reader.unsupported(`the position_embedding_type ${positions.slice(0, 60)}`, ['absolute']);
  const channels = reader.size('hidden_size', 768);
  const heads = reader.size('num_attention_heads', 12);
  if (channels % heads !== 0) throw reader.wrong('num_attention_heads', `a divisor of ${channels} channels`);
  const headSize = channels / heads;
  checkHeads(reader, { heads, kvHeads: heads, headSize });
  return {
    vocabulary: reader.size('vocab_size', 30_522),
    channels,
    layers: reader.size('num_hidden_layers', 12),
    heads,
    kvHeads: heads,
    headSize,
    maxPositions: reader.size('max_position_embeddings', 512),
    hardLimit: true,
    ropes: [],
    width: reader.size('intermediate_size', 3072),
    types: reader.size('type_vocab_size', 2),
    eps: reader.positive('layer_norm_eps', 1e-12),
    activation: readActivation(reader, 'hidden_act', 'gelu'),
  };
}

const layerName = (layer: number): string => `encoder.layer.${layer}`;

function linears({ layers, channels: C, width: F }: BertConfig): LinearModule[] {
  return Array.from({ length: layers }, (_, layer): LinearModule[] => {
    const name = layerName(layer);
    return [
      ...['query', 'key', 'value'].map((part) => ({
        path: `${name}.attention.self.${part}`,
        inputs: C,
        outputs: C,
      })),
      { path: `${name}.attention.output.dense`, inputs: C, outputs: C },
      { path: `${name}.intermediate.dense`, inputs: C, outputs: F },
      { path: `${name}.output.dense`, inputs: F, outputs: C },
    ];
  }).flat();
}

function weights(config: BertConfig): WeightSpec[] {
  const { vocabulary: V, channels: C, maxPositions, types, layers } = config;
  const norm = (name: string): WeightSpec[] => [
    { name: `${name}.LayerNorm.weight`, shape: [C] },
    { name: `${name}.LayerNorm.bias`, shape: [C] },
  ];
  return [
    { name: 'embeddings.word_embeddings.weight', shape: [V, C] },
    { name: 'embeddings.position_embeddings.weight', shape: [maxPositions, C] },
    { name: 'embeddings.token_type_embeddings.weight', shape: [types, C] },
    ...norm('embeddings'),
    ...linears(config).flatMap(({ path, inputs, outputs }) => [
      { name: `${path}.weight`, shape: [outputs, inputs] },
      { name: `${path}.bias`, shape: [outputs] },
    ]),
    ...Array.from({ length: layers }, (_, layer) => [
      ...norm(`${layerName(layer)}.attention.output`),
      ...norm(`${layerName(layer)}.output`),
    ]).flat(),
  ];
}

function forward<Value>(g: ForwardGraph<Value>, { layers, eps, activation }: BertConfig): Value {
  const tokens = g.add(
    g.embed('embeddings.word_embeddings.weight'),
    g.embedTypes('embeddings.token_type_embeddings.weight'),
  );
  const placed = g.add(tokens, g.embedPositions('embeddings.position_embeddings.weight'));
  let h = g.layerNorm(placed, 'embeddings.LayerNorm', eps);
  for (let layer = 0; layer < layers; layer++) {
    const name = layerName(layer);
    h = g.layer(h, (input) => {
      const [q, k, v] = g.linears(
        input,
        ['query', 'key', 'value'].map((part) => `${name}.attention.self.${part}`),
      );
      const seen = g.attention(layer, q, k, v);
      const attended = g.linear(seen, `${name}.attention.output.dense`, { residual: input });
      const middle = g.layerNorm(attended, `${name}.attention.output.LayerNorm`, eps);
      const [wide, narrow] = [`${name}.intermediate.dense`, `${name}.output.dense`];
      const end = { residual: middle };
      const active = g.activatedLinear(middle, wide, activation);
      const output = active ? g.linear(active, narrow, end) : activatedAgain(g.linear(middle, wide));
      // Computed again for the backward pass, like the product of gate and up in decoder.ts.
      function activatedAgain(y: Value): Value {
        return g.recompute(() => g.linear(g.activate(y, activation), narrow, end));
      }
      return g.layerNorm(output, `${name}.output.LayerNorm`, eps);
    });
  }
  return h;
}
