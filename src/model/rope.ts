/** Rotary frequencies as transformers computes them (modeling_rope_utils.py). */
import type { ConfigReader } from './config.ts';

export interface RopeConfig {
  readonly theta: number;
  /** Dimensions of a head that are rotated. */
  readonly rotary: number;
  readonly scaling:
    | { readonly type: 'default' }
    | { readonly type: 'linear'; readonly factor: number }
    | {
        readonly type: 'llama3';
        readonly factor: number;
        readonly lowFrequency: number;
        readonly highFrequency: number;
        readonly original: number;
      };
}

/** Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (before). */
export function readRope(config: ConfigReader, headSize: number): RopeConfig {
  const scaling = config.object('rope_parameters') ?? config.object('rope_scaling');
  const theta =
    scaling?.fields['rope_theta'] === undefined
      ? config.positive('rope_theta', 10_000)
      : scaling.positive('rope_theta');
  const rotary = headSize;
  if (rotary % 2 !== 0) throw config.unsupported(`a head size of ${headSize}`);
  const type = scaling ? scaling.text('rope_type', scaling.text('type', 'default')) : 'default';
  if (!scaling || type === 'default') return { theta, rotary, scaling: { type: 'default' } };
  if (type === 'linear') return { theta, rotary, scaling: { type, factor: scaling.positive('factor') } };
  if (type === 'llama3') {
    return {
      theta,
      rotary,
      scaling: {
        type,
        factor: scaling.positive('factor'),
        lowFrequency: scaling.positive('low_freq_factor'),
        highFrequency: scaling.positive('high_freq_factor'),
        original: scaling.size('original_max_position_embeddings'),
      },
    };
  }
  throw config.unsupported(`rope scaling of type ${type}`);
}

/** Angle per position of each rotated pair: f32 [rotary / 2]. */
export function inverseFrequencies({ theta, rotary, scaling }: RopeConfig): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: rotary / 2 }, (_, pair) => {
    const frequency = theta ** (-(2 * pair) / rotary);
    if (scaling.type === 'default') return frequency;
    if (scaling.type === 'linear') return frequency / scaling.factor;
    // Llama 3: slow pairs are stretched, fast ones left alone, those between are blended.
    const { factor, lowFrequency, highFrequency, original } = scaling;
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength > original / lowFrequency) return frequency / factor;
    if (wavelength < original / highFrequency) return frequency;
    const smooth = (original / wavelength - lowFrequency) / (highFrequency - lowFrequency);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}
