/**
 * The operations in which a family's forward is written: the model's weights, the adapter and the batch are filled in by name.
 * The same forward serves training, whole-sequence logits and generation with a cache.
 */
import { activate, gated, type Activation } from '../engine/ops/activation.ts';
import { add } from '../engine/ops/add.ts';
import { attention } from '../engine/ops/attention.ts';
import { attentionMap } from '../engine/ops/attention_map.ts';
import { depthwiseConv } from '../engine/ops/depthwise_conv.ts';
import { embedding } from '../engine/ops/embedding.ts';
import { gatherRows } from '../engine/ops/gather_rows.ts';
import { expertLinear, type ExpertLinearOptions } from '../engine/ops/expert_linear.ts';
import { layerNorm } from '../engine/ops/layer_norm.ts';
import {
  activatedLinear,
  gatedLinears,
  linear,
  linears,
  type LinearOptions,
  type LinearSpec,
  type LowRank,
} from '../engine/ops/linear.ts';
import { rmsNorm, type RmsNormOptions } from '../engine/ops/rms_norm.ts';
import { ropeIntoCache, ropes } from '../engine/ops/rope.ts';
import { route, type Routing } from '../engine/ops/routing.ts';
import { scaleRows } from '../engine/ops/scale_rows.ts';
import { scatterRows } from '../engine/ops/scatter_rows.ts';
import { splitColumns } from '../engine/ops/split_columns.ts';
import type { Tape } from '../engine/tape.ts';
import type { DType, Tensor } from '../engine/tensor.ts';
import type { AttentionSettings, ExpertEnd, ForwardGraph, LinearEnd } from './forward-graph.ts';
import type { Observer } from './observer.ts';
import type { ModelShape } from './shape.ts';
import type { VirtualTokens } from './virtual-tokens.ts';

/** Tokens of one replay, laid end to end without padding between sequences. M tokens. */
export interface SequenceInputs {
  /** u32 [M]. */
  readonly ids: Tensor;
  /** u32 [M], from 0 in each sequence. */
  readonly positions: Tensor;
  /** u32 [M, 2]: the keys that each token may see, as a range of rows. */
  readonly keyRanges: Tensor;
  /** u32 [M, 2]: the tokens that may see each key. For the backward pass. */
  readonly queryRanges?: Tensor;
  /** u32 [M]: the part of a pair of texts that each token is in. For a model that tells them apart. */
  readonly types?: Tensor;
  /** u32 [R]: the tokens whose hidden states go on to the head. */
  readonly rows?: Tensor;
  /** u32 [M]: if each token went among the rows. For the backward pass. */
  readonly inverse?: Tensor;
  /** u32 [M, L − 1]: the rows of the tokens before each. For a model with convolutions over tokens (engine/ops/depthwise_conv.ts). */
  readonly previous?: Tensor;
  /** u32 [M, L − 1, 2]: the tokens after each. For the backward pass. */
  readonly following?: Tensor;
  /** u32 [M, 2]: occurrences of each id. For a trained embedding. */
  readonly chain?: Tensor;
  /** u32 [M, 2]: occurrences of each position. For a trained embedding of positions. */
  readonly positionChain?: Tensor;
}

/** Those of a language model. R output rows. */
export interface TokenInputs extends SequenceInputs {
  readonly rows: Tensor;
}

/** What the layers keep of earlier tokens (layer-state.ts), and where those of this replay go. */
export interface ReplayState {
  /** The tensors of each layer, in the order of its parts: keys and values [S · maximum length, KV · D] of attention, the recent inputs of a convolution. */
  readonly layers: readonly (readonly Tensor[])[];
  /** u32 [M]: the row that each token has where all are kept. */
  readonly slots: Tensor;
  /** u32 [M]: the row that each token gets where only the last ones are kept, or none. */
  readonly recentSlots?: Tensor;
}

/** A linear layer, for an adapter. */
export interface LinearLayer extends Pick<LinearOptions, 'bias' | 'residual' | 'scale'> {
  readonly weight: Tensor;
  /** For an expert-wise layer, where its rows come from and lead. It has no bias and no scale. */
  readonly experts?: Pick<ExpertLinearOptions, 'routing' | 'into'>;
}

/** Records a linear layer with its adapter. */
export interface LinearHook {
  (tape: Tape, x: Tensor, layer: LinearLayer): Tensor;
  /** What it adds, if that is a low-rank term and nothing else. */
  readonly lowRank?: LowRank;
}

/** Dropout on an adapter's inputs. */
export interface AdapterDropout {
  readonly probability: number;
  readonly seed: Tensor;
}

/** The hooks of an adapter in a model. */
export interface AdapterHooks extends VirtualTokens {
  /** The adapter's part in the linear layer at `path`; undefined if it has none. */
  linear(path: string, dropout?: AdapterDropout): LinearHook | undefined;
  /** The adapter's tensor that replaces the weight of this name; undefined if it has none. */
  weight(name: string): Tensor | undefined;
  /** The least number of rows of the vocabulary, with its new tokens; 0 without new tokens. */
  readonly vocabulary: number;
  /** The head with the rows of its new tokens; `weight` itself if it has none. */
  head(tape: Tape, weight: Tensor): Tensor;
  /** Writes the rows of its new and virtual tokens into x [M, C]. `chain` as for a trained embedding. */
  embed(tape: Tape, x: Tensor, ids: Tensor, chain?: Tensor): void;
}

interface GraphOptions {
  readonly tape: Tape;
  readonly shape: Pick<ModelShape, 'heads' | 'kvHeads' | 'headSize' | 'ropes'>;
  /** Type of activations. */
  readonly dtype: DType;
  /** The weight of this name. */
  readonly weight: (name: string) => Tensor;
  /** A weight that may be absent: a bias. */
  readonly optionalWeight: (name: string) => Tensor | undefined;
  /** f32 [rotary / 2] for each of the model's `ropes`. */
  readonly inverseFrequencies: readonly Tensor[];
  readonly inputs: SequenceInputs;
  /** What an adapter does in a linear layer, by the layer's path. */
  readonly adapter?: (path: string) => LinearHook | undefined;
  /** Adds to the rows that were looked up by token id. */
  readonly embed?: (x: Tensor) => void;
  readonly state?: ReplayState;
  /** Keep only each layer's input for the backward pass, and compute the rest again. */
  readonly checkpointing?: boolean;
  /** Keeps results for the host, by name. */
  readonly observer?: Observer;
}

/**
 * Results have names, by which an observer asks for them: a module's is its path in transformers (`model.layers.0.mlp.down_proj`), with `.input` for
 * what goes into a linear layer; `hidden.0` is what enters the first layer and `hidden.N` what leaves layer N − 1; `attention.N` are the
 * probabilities of layer N, [H, M, keys], and `attention.N.query`, `.key`, `.value` and `.output` what it computes with.
 */
export class Graph implements ForwardGraph<Tensor> {
  #layers = 0;

  constructor(private readonly options: GraphOptions) {}

  embed(name: string, scale?: number): Tensor {
    const { tape, inputs, dtype, weight, embed } = this.options;
    const x = embedding(tape, inputs.ids, weight(name), { dtype, scale, chain: inputs.chain });
    embed?.(x);
    return this.#seen(moduleOf(name), x);
  }

  /** A learned vector for each position in its sequence. */
  embedPositions(name: string): Tensor {
    const { tape, inputs, dtype, weight } = this.options;
    const x = embedding(tape, inputs.positions, weight(name), { dtype, chain: inputs.positionChain });
    return this.#seen(moduleOf(name), x);
  }

  /** A learned vector for the part of a pair of texts that a token is in. */
  embedTypes(name: string): Tensor {
    const { tape, inputs, dtype, weight } = this.options;
    if (!inputs.types) throw new Error('The types of the tokens are missing');
    return this.#seen(moduleOf(name), embedding(tape, inputs.types, weight(name), { dtype }));
  }

  /** x · Wᵀ of the layer at `path`, with its bias and its adapter if it has them. */
  linear(x: Tensor, path: string, options: LinearEnd<Tensor> = {}): Tensor {
    const { tape, weight, optionalWeight, adapter, observer } = this.options;
    const w = weight(`${path}.weight`);
    const hook = adapter?.(path);
    const input = this.#seen(`${path}.input`, x);
    const run = (layer: Omit<LinearLayer, 'weight'>): Tensor =>
      hook ? hook(tape, input, { ...layer, weight: w }) : linear(tape, input, w, layer);
    const layer = { ...options, bias: optionalWeight(`${path}.bias`) };
    const { residual } = options;
    if (!observer?.wants(path)) return run(layer);
    // The layer's own result is only there if the residual is added apart.
    const y = observer.see(path, run({ ...layer, residual: undefined }));
    return residual ? add(tape, residual, y) : y;
  }

  /** The layers at these paths, each as `linear` without options: of one input, so that they are computed together if their adapters allow it. */
  linears(x: Tensor, paths: readonly string[]): Tensor[] {
    const layers = this.#together(paths);
    if (!layers) return paths.map((path) => this.linear(x, path));
    return linears(this.options.tape, x, layers).map((y, i) => this.#seen(paths[i], y));
  }

  /** a(gate) · up of the layers at two paths, if nothing else needs their results: without a backward and an observer. Undefined otherwise. */
  gatedLinears(x: Tensor, paths: readonly [string, string], activation: Activation): Tensor | undefined {
    const { tape, observer } = this.options;
    const layers = tape.training || observer ? undefined : this.#together(paths);
    return layers && gatedLinears(tape, x, [layers[0], layers[1]], activation);
  }

  /** a(y) of the layer at a path, if nothing else needs y: without a backward and an observer. Undefined otherwise. */
  activatedLinear(x: Tensor, path: string, activation: Activation): Tensor | undefined {
    const { tape, observer } = this.options;
    const layers = tape.training || observer ? undefined : this.#together([path]);
    return layers && activatedLinear(tape, x, layers[0], activation);
  }

  /** Layers of one input for one operation; undefined if an adapter or an observer of their input asks for each by itself. */
  #together(paths: readonly string[]): LinearSpec[] | undefined {
    const { weight, optionalWeight, adapter, observer } = this.options;
    const hooks = paths.map((path) => adapter?.(path));
    const isSeen = paths.filter((path) => observer?.wants(`${path}.input`)).length > 0;
    if (isSeen || hooks.some((hook) => hook && !hook.lowRank)) return undefined;
    return paths.map((path, i): LinearSpec => {
      const bias = optionalWeight(`${path}.bias`);
      return { w: weight(`${path}.weight`), bias, lora: hooks[i]?.lowRank };
    });
  }

  /** Sends each token to the experts of the highest logits. */
  route(logits: Tensor, options: { readonly kept: number; readonly normalised: boolean }): Routing {
    return route(this.options.tape, logits, options);
  }

  /** The expert-wise linear layer at `path`, with its adapter where it has one. */
  expertLinear(x: Tensor, path: string, end: ExpertEnd<Tensor>): Tensor {
    const { tape, weight, adapter, observer } = this.options;
    const w = weight(path);
    const hook = adapter?.(path);
    const { into, routing } = end;
    const residual = end.into === 'tokens' ? end.residual : undefined;
    const input = this.#seen(`${path}.input`, x);
    const run = (added?: Tensor): Tensor =>
      hook
        ? hook(tape, input, { weight: w, residual: added, experts: { into, routing } })
        : expertLinear(tape, input, w, { into, routing, residual: added });
    if (!observer?.wants(path)) return run(residual);
    const y = observer.see(path, run());
    return residual ? add(tape, residual, y) : y;
  }

  /** Each row of x, one for each choice of a token, times the weight of the choice. */
  weighted(x: Tensor, routing: Routing): Tensor {
    return scaleRows(this.options.tape, x, routing);
  }

  /** Splits the result of a fused layer. */
  split(x: Tensor, widths: readonly number[]): Tensor[] {
    return splitColumns(this.options.tape, x, widths);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return add(this.options.tape, a, b);
  }

  /** The layer normalisation at `path`: weight and bias. */
  layerNorm(x: Tensor, path: string, eps: number): Tensor {
    const { tape, weight } = this.options;
    const y = layerNorm(tape, x, { w: weight(`${path}.weight`), b: weight(`${path}.bias`), eps });
    return this.#seen(path, y);
  }

  /** Over each row of x, or over each head of it if the weight is as long as a head. */
  rmsNorm(x: Tensor, name: string, options: RmsNormOptions): Tensor {
    return this.#seen(moduleOf(name), rmsNorm(this.options.tape, x, this.options.weight(name), options));
  }

  /**
   * Attention of each token to those in its range of keys; with a state, to its keys and values as well. With `rope`, queries and keys are turned first, in place, so
   * that nothing may read q and k afterwards.
   */
  attention(layer: number, q: Tensor, k: Tensor, v: Tensor, settings: AttentionSettings = {}): Tensor {
    const { tape, shape, inputs, state, observer } = this.options;
    const { heads, kvHeads, headSize } = shape;
    const { scale = 1 / Math.sqrt(headSize), window, rope } = settings;
    const options = { keyRanges: inputs.keyRanges, heads, kvHeads, headSize, scale, window };
    const name = `attention.${layer}`;
    const turn = rope === undefined ? undefined : this.#ropeOf(rope);
    if (turn && state && !observer) {
      const [keys, values] = state.layers[layer];
      const query = ropeIntoCache(
        tape,
        { q: { x: q, heads }, k: { x: k, heads: kvHeads }, v },
        { keys, values, rows: state.slots },
        inputs.positions,
        turn,
      );
      return attention(tape, { q: query, k: keys, v: values, ...options });
    }
    const [turnedQ, turnedK] = turn
      ? ropes(
          tape,
          [
            { x: q, heads },
            { x: k, heads: kvHeads },
          ],
          inputs.positions,
          turn,
        )
      : [q, k];
    const query = this.#seen(`${name}.query`, turnedQ);
    let key = this.#seen(`${name}.key`, turnedK);
    let value = this.#seen(`${name}.value`, v);
    if (state) {
      const [keys, values] = state.layers[layer];
      scatterRows(tape, key, (key = keys), state.slots);
      scatterRows(tape, value, (value = values), state.slots);
    }
    if (observer?.wants(name)) observer.keep(name, attentionMap(tape, { q: query, k: key, ...options }));
    const ranges = state ? undefined : inputs.queryRanges;
    return this.#seen(
      `${name}.output`,
      attention(tape, { q: query, k: key, v: value, queryRanges: ranges, ...options }),
    );
  }

  /** The convolution at `path` over the tokens before each; with a state, over its recent inputs as well. */
  convolution(layer: number, x: Tensor, path: string): Tensor {
    const { tape, inputs, state, weight, optionalWeight } = this.options;
    const { previous, following } = inputs;
    if (!previous) throw new Error('The tokens before each are missing');
    const [recent] = state?.layers[layer] ?? [];
    const [w, bias] = [weight(`${path}.weight`), optionalWeight(`${path}.bias`)];
    const y = depthwiseConv(tape, x, { w, bias, previous, following, state: recent });
    if (recent && state?.recentSlots) scatterRows(tape, x, recent, state.recentSlots);
    return this.#seen(path, y);
  }

  /** The model's rotary frequencies number `index`. */
  #ropeOf(index: number) {
    const { shape, inverseFrequencies } = this.options;
    const { rotary, attentionScaling } = shape.ropes[index];
    const { headSize } = shape;
    return { headSize, rotary, inverseFrequencies: inverseFrequencies[index], attentionScaling };
  }

  /** a(gate) · up. */
  gated(gate: Tensor, up: Tensor, activation: Activation): Tensor {
    return gated(this.options.tape, gate, up, activation);
  }

  activate(x: Tensor, activation: Activation): Tensor {
    return activate(this.options.tape, x, activation);
  }

  /** One layer of the model, from its input to its output: the unit of activation checkpointing. */
  layer(input: Tensor, forward: (input: Tensor) => Tensor): Tensor {
    const layer = this.#layers++;
    const h = layer === 0 ? this.#seen('hidden.0', input) : input;
    const run = (): Tensor => forward(h);
    const output = this.options.checkpointing ? this.options.tape.checkpoint(run) : run();
    return this.#seen(`hidden.${layer + 1}`, output);
  }

  /** Something cheap whose intermediate results are not worth keeping for the backward pass. */
  recompute(forward: () => Tensor): Tensor {
    return this.options.tape.checkpoint(forward);
  }

  /** The hidden states that go on to the head: supervised ones in training, the last ones in generation. */
  outputRows(h: Tensor): Tensor {
    const { tape, inputs } = this.options;
    if (!inputs.rows) throw new Error('The output rows are missing');
    return gatherRows(tape, h, inputs.rows, inputs.inverse);
  }

  #seen(name: string, x: Tensor): Tensor {
    return this.options.observer?.see(name, x) ?? x;
  }
}

/** The module that a weight belongs to. */
const moduleOf = (weight: string): string => weight.replace(/\.weight$/, '');
