/**
 * The operations in which a family's forward is written: the model's weights, the adapter and the batch are filled in by name.
 * The same forward serves training, whole-sequence logits and generation with a cache.
 */
import { activate, gated, type Activation } from '../engine/ops/activation.ts';
import { add } from '../engine/ops/add.ts';
import { attention } from '../engine/ops/attention.ts';
import { embedding } from '../engine/ops/embedding.ts';
import { gatherRows } from '../engine/ops/gather_rows.ts';
import { layerNorm } from '../engine/ops/layer_norm.ts';
import { linear, type LinearOptions } from '../engine/ops/linear.ts';
import { rmsNorm, type RmsNormOptions } from '../engine/ops/rms_norm.ts';
import { rope } from '../engine/ops/rope.ts';
import { scatterRows } from '../engine/ops/scatter_rows.ts';
import { splitColumns } from '../engine/ops/split_columns.ts';
import type { Tape } from '../engine/tape.ts';
import type { DType, Tensor } from '../engine/tensor.ts';
import type { ModelShape } from './family.ts';

/** Tokens of one replay, laid end to end without padding between sequences. M tokens, R output rows. */
export interface TokenInputs {
  /** u32 [M]. */
  readonly ids: Tensor;
  /** u32 [M], from 0 in each sequence. */
  readonly positions: Tensor;
  /** u32 [M, 2]: the keys that each token may see, as a range of rows. */
  readonly keyRanges: Tensor;
  /** u32 [M, 2]: the tokens that may see each key. For the backward pass. */
  readonly queryRanges?: Tensor;
  /** u32 [R]: the tokens whose hidden states go on to the head. */
  readonly rows: Tensor;
  /** u32 [M]: where each token went among the rows. For the backward pass. */
  readonly inverse?: Tensor;
  /** u32 [M, 2]: occurrences of each id. For a trained embedding. */
  readonly chain?: Tensor;
  /** u32 [M, 2]: occurrences of each position. For a trained embedding of positions. */
  readonly positionChain?: Tensor;
}

/** Keys and values of earlier tokens, one tensor of each per layer: [S · maximum length, KV · D]. */
export interface KeyValueCache {
  readonly keys: readonly Tensor[];
  readonly values: readonly Tensor[];
  /** u32 [M]: the row of the cache that each token's key and value go to. */
  readonly slots: Tensor;
}

/** A linear layer, for an adapter. */
export interface LinearLayer extends Pick<LinearOptions, 'bias' | 'residual' | 'scale'> {
  readonly weight: Tensor;
}

/** Records a linear layer with its adapter. */
export type LinearHook = (tape: Tape, x: Tensor, layer: LinearLayer) => Tensor;

/** Dropout on an adapter's inputs. */
export interface AdapterDropout {
  readonly probability: number;
  readonly seed: Tensor;
}

/** The hooks of an adapter in a model. */
export interface AdapterHooks {
  /** The adapter's part in the linear layer at `path`; undefined where it has none. */
  linear(path: string, dropout?: AdapterDropout): LinearHook | undefined;
  /** The adapter's tensor that replaces the weight of this name; undefined where it has none. */
  weight(name: string): Tensor | undefined;
  /** How many virtual tokens it puts before every sequence (batch.ts). */
  readonly virtualTokens: number;
  /** The least number of rows of the vocabulary, with its new tokens; 0 without new tokens. */
  readonly vocabulary: number;
  /** The head with the rows of its new tokens; `weight` itself if it has none. */
  head(tape: Tape, weight: Tensor): Tensor;
  /** Writes the rows of its new and virtual tokens into x [M, C]. `chain` as for a trained embedding. */
  embed(tape: Tape, x: Tensor, ids: Tensor, chain?: Tensor): void;
}

export interface GraphOptions {
  readonly tape: Tape;
  readonly shape: ModelShape;
  /** Type of activations. */
  readonly dtype: DType;
  /** The weight of this name. */
  readonly weight: (name: string) => Tensor;
  /** A weight that may be absent: a bias. */
  readonly optionalWeight: (name: string) => Tensor | undefined;
  /** f32 [rotary / 2] for each of the model's `ropes`. */
  readonly inverseFrequencies: readonly Tensor[];
  readonly inputs: TokenInputs;
  /** What an adapter does in a linear layer, by the layer's path. */
  readonly adapter?: (path: string) => LinearHook | undefined;
  /** Adds to the rows that were looked up by token id. */
  readonly embed?: (x: Tensor) => void;
  readonly cache?: KeyValueCache;
  /** Keep only each layer's input for the backward pass, and compute the rest again. */
  readonly checkpointing?: boolean;
}

export interface AttentionSettings {
  /** Factor of the scores; 1/√D if left out. */
  readonly scale?: number;
  /** How many of the last keys a token sees, its own included; 0 for all. */
  readonly window?: number;
}

export class Graph {
  constructor(private readonly options: GraphOptions) {}

  embed(name: string, scale?: number): Tensor {
    const { tape, inputs, dtype, weight, embed } = this.options;
    const x = embedding(tape, inputs.ids, weight(name), { dtype, scale, chain: inputs.chain });
    embed?.(x);
    return x;
  }

  /** A learned vector for each position in its sequence. */
  embedPositions(name: string): Tensor {
    const { tape, inputs, dtype, weight } = this.options;
    return embedding(tape, inputs.positions, weight(name), { dtype, chain: inputs.positionChain });
  }

  /** x · Wᵀ of the layer at `path`, with its bias and its adapter where it has them. */
  linear(x: Tensor, path: string, options: Pick<LinearOptions, 'residual' | 'scale'> = {}): Tensor {
    const { tape, weight, optionalWeight, adapter } = this.options;
    const w = weight(`${path}.weight`);
    const layer = { ...options, bias: optionalWeight(`${path}.bias`) };
    const hook = adapter?.(path);
    return hook ? hook(tape, x, { ...layer, weight: w }) : linear(tape, x, w, layer);
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
    return layerNorm(tape, x, { w: weight(`${path}.weight`), b: weight(`${path}.bias`), eps });
  }

  /** Over each row of x, or over each head of it where the weight is as long as a head. */
  rmsNorm(x: Tensor, name: string, options: RmsNormOptions): Tensor {
    return rmsNorm(this.options.tape, x, this.options.weight(name), options);
  }

  /** Turns x, in place, by the model's rotary frequencies number `index`. */
  rope(x: Tensor, heads: number, index = 0): Tensor {
    const { tape, shape, inputs, inverseFrequencies } = this.options;
    const { rotary, attentionScaling } = shape.ropes[index];
    return rope(tape, x, inputs.positions, {
      heads,
      headSize: shape.headSize,
      rotary,
      inverseFrequencies: inverseFrequencies[index],
      attentionScaling,
    });
  }

  /** Causal attention inside each sequence; with a cache, over it as well. */
  attention(layer: number, q: Tensor, k: Tensor, v: Tensor, settings: AttentionSettings = {}): Tensor {
    const { tape, shape, inputs, cache } = this.options;
    const { heads, kvHeads, headSize } = shape;
    const { scale = 1 / Math.sqrt(headSize), window } = settings;
    const options = { keyRanges: inputs.keyRanges, heads, kvHeads, headSize, scale, window };
    if (!cache) return attention(tape, { q, k, v, queryRanges: inputs.queryRanges, ...options });
    const keys = cache.keys[layer];
    const values = cache.values[layer];
    scatterRows(tape, k, keys, cache.slots);
    scatterRows(tape, v, values, cache.slots);
    return attention(tape, { q, k: keys, v: values, ...options });
  }

  /** a(gate) · up. */
  gated(gate: Tensor, up: Tensor, activation: Activation): Tensor {
    return gated(this.options.tape, gate, up, activation);
  }

  activate(x: Tensor, activation: Activation): Tensor {
    return activate(this.options.tape, x, activation);
  }

  /** One layer of the model: the unit of activation checkpointing. */
  layer(forward: () => Tensor): Tensor {
    return this.options.checkpointing ? this.options.tape.checkpoint(forward) : forward();
  }

  /** Something cheap whose intermediate results are not worth keeping for the backward pass. */
  recompute(forward: () => Tensor): Tensor {
    return this.options.tape.checkpoint(forward);
  }

  /** The hidden states that go on to the head: supervised ones in training, the last ones in generation. */
  outputRows(h: Tensor): Tensor {
    const { tape, inputs } = this.options;
    return gatherRows(tape, h, inputs.rows, inputs.inverse);
  }
}
