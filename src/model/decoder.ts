/**
 * The decoder of Llama, with switches for the differences of its relatives. A family's file reads a config.json and sets them.
 *
 *   h ← embeddingScale · E[ids]
 *   each layer:   h ← h + residualScale · attention(h)
 *                 h ← h + residualScale · mlp(h)
 *   logits = head · logitScale · norm(h)
 *
 *   attention(h) = Wo · softmax(attentionScale · q·kᵀ) · v        q, k = rope(norm?(Wq · n)), rope(norm?(Wk · n))    v = Wv · n    n = norm?(h)
 *   mlp(h)       = Wdown · (a(Wgate · n) · Wup · n)               n = norm?(h)
 *   or           = Σ_e p_e · mlp_e(h)                             p = softmax(Wrouter · n), of the experts with the highest logits
 *
 * with a further norm of the results, in some families.
 */
import { weightOf, type LinearModule, type ModelDefinition, type WeightSpec } from './definition.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { DecoderConfig, DecoderExperts, DecoderLayer, DecoderNorms } from './shape.ts';

/** Llama's: before attention and before the MLP. */
export const NORMS_BEFORE: DecoderNorms = {
  attentionInput: 'input_layernorm',
  mlpInput: 'post_attention_layernorm',
};

/** A model of this kind. `more` has the other fields of the definition. */
export function decoder(
  modelType: string,
  config: DecoderConfig,
  more: Pick<ModelDefinition, 'renamed'> = {},
): ModelDefinition {
  return {
    renamed: [[`${config.prefix}.`, '']],
    ...more,
    modelType,
    shape: config,
    decoder: config,
    weights: weights(config),
    linears: linears(config).map(({ bias: _, ...linear }) => linear),
    embedding: {
      path: `${config.prefix}.embed_tokens`,
      scale: config.embeddingScale,
      scalesAll: config.scalesAll ?? false,
    },
    forward: (graph) => forward(graph, config),
  };
}

/** Name of the weight of the head. */
export function headName(prefix: string, tied: boolean): string {
  return tied ? `${prefix}.embed_tokens.weight` : 'lm_head.weight';
}

type DecoderLinear = LinearModule & { readonly bias: boolean };

function linears(config: DecoderConfig): DecoderLinear[] {
  const { channels: C, width: F, bias, fused, experts } = config;
  const Q = config.heads * config.headSize;
  const K = config.kvHeads * config.headSize;
  const [qkv, mlp] = [bias.qkv, bias.mlp];
  const layer = (attention: string, feedForward: string): DecoderLinear[] => [
    ...(fused
      ? [{ path: `${attention}.qkv_proj`, inputs: C, outputs: Q + 2 * K, bias: qkv }]
      : [
          { path: `${attention}.q_proj`, inputs: C, outputs: Q, bias: qkv },
          { path: `${attention}.k_proj`, inputs: C, outputs: K, bias: qkv },
          { path: `${attention}.v_proj`, inputs: C, outputs: K, bias: qkv },
        ]),
    { path: `${attention}.o_proj`, inputs: Q, outputs: C, bias: bias.output },
    ...(experts
      ? mixtureLinears(config, feedForward, experts)
      : [
          ...(fused
            ? [{ path: `${feedForward}.gate_up_proj`, inputs: C, outputs: 2 * F, bias: mlp }]
            : [
                { path: `${feedForward}.gate_proj`, inputs: C, outputs: F, bias: mlp },
                { path: `${feedForward}.up_proj`, inputs: C, outputs: F, bias: mlp },
              ]),
          { path: `${feedForward}.down_proj`, inputs: F, outputs: C, bias: mlp },
        ]),
  ];
  return config.layerKinds.flatMap((_, i) =>
    layer(`${config.prefix}.layers.${i}.self_attn`, `${config.prefix}.layers.${i}.mlp`),
  );
}

function mixtureLinears(
  { channels: C }: DecoderConfig,
  path: string,
  { count: experts, width: F }: DecoderExperts,
): DecoderLinear[] {
  const all = { isParameter: true, bias: false };
  return [
    { path: `${path}.gate`, inputs: C, outputs: experts, ...all },
    { path: `${path}.experts.gate_up_proj`, inputs: C, outputs: 2 * F, experts, ...all },
    { path: `${path}.experts.down_proj`, inputs: F, outputs: C, experts, ...all },
  ];
}

/** The tensors of single experts, as folders had them before transformers 5. */
function partsOf({ path, experts = 0 }: LinearModule): string[] {
  const [block, name] = [path.slice(0, path.lastIndexOf('.')), path.slice(path.lastIndexOf('.') + 1)];
  const names = name === 'gate_up_proj' ? ['gate_proj', 'up_proj'] : [name];
  return Array.from({ length: experts }, (_, expert) =>
    names.map((part) => `${block}.${expert}.${part}.weight`),
  ).flat();
}

function weights(config: DecoderConfig): WeightSpec[] {
  const { vocabulary: V, channels: C, headSize: D, prefix, norms, queryKeyNorm } = config;
  const specs: WeightSpec[] = [{ name: `${prefix}.embed_tokens.weight`, shape: [V, C] }];
  for (const linear of linears(config)) {
    const { path, inputs, outputs, bias, experts, isParameter } = linear;
    const name = weightOf(linear);
    if (experts) specs.push({ name, shape: [experts, outputs, inputs], parts: partsOf(linear) });
    else specs.push({ name, shape: [outputs, inputs], ...(isParameter && { numbers: true }) });
    if (bias) specs.push({ name: `${path}.bias`, shape: [outputs] });
  }
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `${prefix}.layers.${layer}`;
    for (const norm of Object.values(norms) as string[])
      specs.push({ name: `${name}.${norm}.weight`, shape: [C] });
    if (queryKeyNorm === 'none') continue;
    const [Q, K] = queryKeyNorm === 'head' ? [D, D] : [config.heads * D, config.kvHeads * D];
    specs.push({ name: `${name}.self_attn.q_norm.weight`, shape: [Q] });
    specs.push({ name: `${name}.self_attn.k_norm.weight`, shape: [K] });
  }
  specs.push({ name: `${prefix}.norm.weight`, shape: [C] });
  if (!config.tied) specs.push({ name: 'lm_head.weight', shape: [V, C] });
  return specs;
}

function forward<Value>(g: ForwardGraph<Value>, config: DecoderConfig): Value {
  const { prefix, embeddingScale, eps, normOffset, logitScale } = config;
  let h = g.embed(`${prefix}.embed_tokens.weight`, embeddingScale);
  config.layerKinds.forEach((kind, layer) => {
    const { experts } = config;
    h = g.layer(h, (input) => {
      const seen = attention(g, config, layer, kind, input);
      return experts ? mixture(g, config, layer, experts, seen) : mlp(g, config, layer, seen);
    });
  });
  return g.rmsNorm(g.outputRows(h), `${prefix}.norm.weight`, { eps, offset: normOffset, scale: logitScale });
}

/** h + attention(h). */
function attention<Value>(
  g: ForwardGraph<Value>,
  config: DecoderConfig,
  layer: number,
  kind: DecoderLayer,
  h: Value,
): Value {
  const { heads, kvHeads, headSize, norms, queryKeyNorm, attentionScale, fused } = config;
  const name = `${config.prefix}.layers.${layer}`;
  const n = norm(g, config, h, name, norms.attentionInput);
  const [wq, wk, v] = fused
    ? g.split(
        g.linear(n, `${name}.self_attn.qkv_proj`),
        [heads, kvHeads, kvHeads].map((count) => count * headSize),
      )
    : g.linears(
        n,
        ['q_proj', 'k_proj', 'v_proj'].map((part) => `${name}.self_attn.${part}`),
      );
  const [q, k] = ['q_norm', 'k_norm'].map((part, i) => {
    const x = [wq, wk][i];
    return queryKeyNorm === 'none' ? x : norm(g, config, x, `${name}.self_attn`, part);
  });
  const settings = { scale: attentionScale, window: kind.window, rope: kind.rope };
  const seen = g.attention(layer, q, k, v, settings);
  return joined(g, config, h, name, norms.attentionOutput, (residual) =>
    g.linear(seen, `${name}.self_attn.o_proj`, residual),
  );
}

/** h + mlp(h). */
function mlp<Value>(g: ForwardGraph<Value>, config: DecoderConfig, layer: number, h: Value): Value {
  const { width, norms, activation, fused } = config;
  const name = `${config.prefix}.layers.${layer}`;
  const n = norm(g, config, h, name, norms.mlpInput);
  const down = `${name}.mlp.down_proj`;
  const paths = [`${name}.mlp.gate_proj`, `${name}.mlp.up_proj`] as const;
  const product = fused ? undefined : g.gatedLinears(n, paths, activation);
  if (product)
    return joined(g, config, h, name, norms.mlpOutput, (residual) => g.linear(product, down, residual));
  const [gate, up] = fused
    ? g.split(g.linear(n, `${name}.mlp.gate_up_proj`), [width, width])
    : g.linears(n, paths);
  // The product is computed again for the backward pass: it is cheap, and as large as gate and up themselves.
  return joined(g, config, h, name, norms.mlpOutput, (residual) =>
    g.recompute(() => g.linear(g.gated(gate, up, activation), down, residual)),
  );
}

/** h + the sum of the experts of each token, by their weights. */
function mixture<Value>(
  g: ForwardGraph<Value>,
  config: DecoderConfig,
  layer: number,
  { kept, width, normalised }: DecoderExperts,
  h: Value,
): Value {
  const name = `${config.prefix}.layers.${layer}`;
  const n = norm(g, config, h, name, config.norms.mlpInput);
  const routing = g.route(g.linear(n, `${name}.mlp.gate`), { kept, normalised });
  const both = g.expertLinear(n, `${name}.mlp.experts.gate_up_proj`, { into: 'experts', routing });
  const [gate, up] = g.split(both, [width, width]);
  // Weighted before the last product rather than after it: the results of the product are then not kept for the backward pass.
  return g.recompute(() =>
    g.expertLinear(
      g.weighted(g.gated(gate, up, config.activation), routing),
      `${name}.mlp.experts.down_proj`,
      { into: 'tokens', routing, residual: h },
    ),
  );
}

function norm<Value>(
  g: ForwardGraph<Value>,
  { eps, normOffset }: DecoderConfig,
  x: Value,
  path: string,
  name?: string,
): Value {
  return name === undefined ? x : g.rmsNorm(x, `${path}.${name}.weight`, { eps, offset: normOffset });
}

/** h + the result of `last`: fused, or with a norm between. */
function joined<Value>(
  g: ForwardGraph<Value>,
  config: DecoderConfig,
  h: Value,
  path: string,
  name: string | undefined,
  last: (options: { residual?: Value; scale?: number }) => Value,
): Value {
  const { residualScale: scale } = config;
  if (name === undefined) return last({ residual: h, scale });
  return g.add(h, norm(g, config, last({ scale: 1 }), path, name));
}
