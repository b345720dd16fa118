/**
 * The calls in which a family's forward is written, over results of any kind: tensors on a tape (graph.ts), or values of a graph that is exported.
 */
import type { Activation } from '../engine/ops/activation.ts';
import type { RmsNormOptions } from '../engine/ops/rms_norm.ts';
import type { Routing } from '../engine/ops/routing.ts';

/** What becomes of the result of a linear layer. */
export interface LinearEnd<Value> {
  /** Added to the result. */
  readonly residual?: Value;
  /** Factor of the layer's own result; the residual is added as it is. Not with a bias. */
  readonly scale?: number;
}

/** Where an expert-wise layer leads: a row for each choice of a token, or the sum of them for each token. */
export type ExpertEnd<Value> =
  | { readonly into: 'experts'; readonly routing: Routing<Value> }
  | { readonly into: 'tokens'; readonly routing: Routing<Value>; readonly residual?: Value };

export interface AttentionSettings {
  /** Which of the model's `ropes` turns queries and keys; none if left out. */
  readonly rope?: number;
  /** Factor of the scores; 1/√D if left out. */
  readonly scale?: number;
  /** How many of the last keys a token sees, its own included; 0 for all. */
  readonly window?: number;
}

export interface ForwardGraph<Value> {
  /** The rows of the token ids, times `scale`. */
  embed(name: string, scale?: number): Value;
  /** A learned vector for each position in its sequence. */
  embedPositions(name: string): Value;
  /** A learned vector for the part of a pair of texts that a token is in. */
  embedTypes(name: string): Value;
  /** x · Wᵀ of the layer at `path`, with its bias if it has one. */
  linear(x: Value, path: string, options?: LinearEnd<Value>): Value;
  /** The layers at these paths, of one input, each as `linear` without options. */
  linears(x: Value, paths: readonly string[]): Value[];
  /** a(gate) · up of the layers at two paths; undefined if they are to be recorded one by one. */
  gatedLinears(x: Value, paths: readonly [string, string], activation: Activation): Value | undefined;
  /** a(y) of the layer at a path; undefined if they are to be recorded one by one. */
  activatedLinear(x: Value, path: string, activation: Activation): Value | undefined;
  /** Sends each token to the `kept` experts of the highest logits; with `normalised`, their weights add up to one. */
  route(logits: Value, options: { readonly kept: number; readonly normalised: boolean }): Routing<Value>;
  /** The expert-wise linear layer at `path`: each row of x meets the matrix of its expert. */
  expertLinear(x: Value, path: string, end: ExpertEnd<Value>): Value;
  /** Each row of x, one for each choice of a token, times the weight of the choice. */
  weighted(x: Value, routing: Routing<Value>): Value;
  /** Splits the result of a fused layer. */
  split(x: Value, widths: readonly number[]): Value[];
  add(a: Value, b: Value): Value;
  /** The layer normalisation at `path`: weight and bias. */
  layerNorm(x: Value, path: string, eps: number): Value;
  /** Over each row of x, or over each head of it if the weight is as long as a head. */
  rmsNorm(x: Value, name: string, options: RmsNormOptions): Value;
  /** Attention of each token to the keys that it may see. With `rope`, q and k are turned first, and nothing may read them afterwards. */
  attention(layer: number, q: Value, k: Value, v: Value, settings?: AttentionSettings): Value;
  /** The causal convolution of each channel at `path` over the tokens of a sequence, with its bias if there is one. */
  convolution(layer: number, x: Value, path: string): Value;
  /** a(gate) · up. */
  gated(gate: Value, up: Value, activation: Activation): Value;
  activate(x: Value, activation: Activation): Value;
  /** One layer of the model, from its input to its output. */
  layer(input: Value, forward: (input: Value) => Value): Value;
  /** Something cheap whose intermediate results are not worth keeping for the backward pass. */
  recompute(forward: () => Value): Value;
  /** The hidden states that go on to the head. */
  outputRows(h: Value): Value;
}
