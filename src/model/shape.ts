/** Sizes and switches of a model, as its config.json gives them: the fields of every family, and those of the relatives of Llama. */
import type { Activation } from '../engine/ops/activation.ts';
import type { RopeConfig } from './rope.ts';

/** The fields of every family; a family adds its own. */
export interface ModelShape {
  readonly vocabulary: number;
  readonly channels: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** Longest sequence that the model was made for. */
  readonly maxPositions: number;
  /** Whether a longer one is impossible rather than just bad: positions are looked up in a table, or frequencies change. */
  readonly hardLimit?: boolean;
  /** Whether activations exceed half precision: they then stay f32, whatever the type of the weights. */
  readonly wideActivations?: boolean;
  /** Name of the weight that maps hidden states to logits: the embedding if they are tied. Missing in an encoder. */
  readonly head?: string;
  /** Rotary frequencies that layers choose among; empty for a model without. */
  readonly ropes: readonly RopeConfig[];
}

/** What may differ between the layers of a decoder. */
export interface DecoderLayer {
  /** Which of the model's `ropes` turns queries and keys; undefined for none (NoPE). */
  readonly rope?: number;
  /** How many of the last keys a token sees, its own included; 0 for all. */
  readonly window: number;
}

/** Names of a layer's norms: of the inputs and of the results of attention and MLP. */
export interface DecoderNorms {
  readonly attentionInput?: string;
  readonly attentionOutput?: string;
  readonly mlpInput?: string;
  readonly mlpOutput?: string;
}

/** A mixture of experts in the place of the MLP of every layer. */
export interface DecoderExperts {
  readonly count: number;
  /** Experts of each token. */
  readonly kept: number;
  /** Width of an expert. */
  readonly width: number;
  /** Whether the weights of a token's experts add up to one. */
  readonly normalised: boolean;
}

/** The fields of the relatives of Llama: the switches of decoder.ts. */
export interface DecoderConfig extends ModelShape {
  /** Width of the MLP. */
  readonly width: number;
  readonly eps: number;
  readonly tied: boolean;
  readonly layerKinds: readonly DecoderLayer[];
  readonly activation: Activation;
  readonly norms: DecoderNorms;
  /** Added to the weight of every norm: 1 for Gemma. */
  readonly normOffset: number;
  /** Norms of queries and keys: of each head, or of all heads at once. */
  readonly queryKeyNorm: 'none' | 'head' | 'projection';
  readonly bias: { readonly qkv: boolean; readonly output: boolean; readonly mlp: boolean };
  /** Whether q, k and v are one layer, `qkv_proj`, and gate and up another, `gate_up_proj`. */
  readonly fused: boolean;
  readonly attentionScale: number;
  readonly embeddingScale: number;
  /** Whether that is a separate multiplication after the lookup. */
  readonly scalesAll?: true;
  /** Not with a bias of the output or the MLP. */
  readonly residualScale: number;
  readonly logitScale: number;
  /** Not with `fused`, with a norm of the MLP's result or with a scale of the residual. */
  readonly experts?: DecoderExperts;
  /** Begins the names of all weights but the head. */
  readonly prefix: string;
}
