/** Rotary frequencies as transformers computes them (modeling_rope_utils.py). */
import type { ConfigReader } from './config.ts';

export interface RopeConfig {
  readonly theta: number;
  /** Dimensions of a head that are rotated. */
  readonly rotary: number;
  /** Factor of cosine and sine. */
  readonly attentionScaling: number;
  readonly scaling:
    | { readonly type: 'default' }
    | { readonly type: 'linear'; readonly factor: number }
    | {
        readonly type: 'llama3';
        readonly factor: number;
        readonly lowFrequency: number;
        readonly highFrequency: number;
        readonly original: number;
      }
    /** LongRoPE (Ding et al., 2024) up to the length of pretraining: a factor for each pair. */
    | { readonly type: 'longrope'; readonly factors: readonly number[]; readonly original: number };
}

interface RopeSource {
  /** Where `rope_type` and its fields are; `rope_parameters` (transformers 5) or `rope_scaling` (before) if left out. */
  readonly parameters?: ConfigReader;
  /** The default of theta; 10,000 if left out. */
  readonly theta?: number;
  /** Part of a head that is rotated; all if left out. */
  readonly partial?: number;
}

const TYPES = ['default', 'linear', 'llama3', 'longrope'];
/** The earlier name of longrope. */
const LONGROPE = ['longrope', 'su'];

/** The rotary embedding of a config: theta, scaling, and how much of a head turns. */
export function readRope(config: ConfigReader, headSize: number, source: RopeSource = {}): RopeConfig {
  const parameters = source.parameters ?? ropeParameters(config);
  const theta =
    parameters?.fields['rope_theta'] === undefined
      ? config.positive('rope_theta', source.theta ?? 10_000)
      : parameters.positive('rope_theta');
  const rotary = Math.floor(headSize * (source.partial ?? 1));
  if (rotary < 2 || rotary > headSize || rotary % 2 !== 0)
    throw config.unsupported(`a rotary embedding of ${rotary} numbers`, [`even ones up to ${headSize}`]);
  const plain: RopeConfig = { theta, rotary, attentionScaling: 1, scaling: { type: 'default' } };
  const type = parameters ? parameters.text('rope_type', parameters.text('type', 'default')) : 'default';
  if (!parameters || type === 'default') return plain;
  const partial = parameters.number('partial_rotary_factor', config.number('partial_rotary_factor', 1));
  if (partial !== 1 && source.partial === undefined)
    throw config.unsupported(`partial_rotary_factor with rope scaling of type ${type}`);
  if (type === 'linear') return { ...plain, scaling: { type, factor: parameters.positive('factor') } };
  if (LONGROPE.includes(type)) return { ...plain, ...readLongRope(config, parameters, rotary) };
  if (type === 'llama3') {
    return {
      ...plain,
      scaling: {
        type,
        factor: parameters.positive('factor'),
        lowFrequency: parameters.positive('low_freq_factor'),
        highFrequency: parameters.positive('high_freq_factor'),
        original: originalPositions(config, parameters),
      },
    };
  }
  throw config.unsupported(`rope scaling of type ${type}`, TYPES);
}

/** `rope_parameters` (transformers 5) or `rope_scaling` (before). @throws GraftError `config-unsupported` for two that say different things */
export function ropeParameters(config: ConfigReader): ConfigReader | undefined {
  const [now, before] = [config.object('rope_parameters'), config.object('rope_scaling')];
  const said = (reader: ConfigReader): string => JSON.stringify(Object.entries(reader.fields).sort());
  if (now && before && said(now) !== said(before))
    throw config.unsupported('rope_scaling and different rope_parameters');
  return now ?? before;
}

/** Positions of the pretraining: of the configuration itself, or else of its rotary part, or as many as there are now. */
function originalPositions(config: ConfigReader, parameters: ConfigReader): number {
  const name = 'original_max_position_embeddings';
  if (config.has(name)) return config.size(name);
  return parameters.has(name) ? parameters.size(name) : config.size('max_position_embeddings');
}

function readLongRope(
  config: ConfigReader,
  parameters: ConfigReader,
  rotary: number,
): Pick<RopeConfig, 'attentionScaling' | 'scaling'> {
  const original = originalPositions(config, parameters);
  const factors = parameters.numbers('short_factor');
  if (factors?.length !== rotary / 2 || !factors.every((factor) => factor > 0))
    throw parameters.wrong('short_factor', `${rotary / 2} numbers above 0`);
  const factor = parameters.positive('factor', config.size('max_position_embeddings') / original);
  const usual = factor > 1 && original > 1 ? Math.sqrt(1 + Math.log(factor) / Math.log(original)) : 1;
  return {
    attentionScaling: parameters.positive('attention_factor', usual),
    scaling: { type: 'longrope', factors, original },
  };
}

/** Angle per position of each rotated pair: f32 [rotary / 2]. */
export function inverseFrequencies({ theta, rotary, scaling }: RopeConfig): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: rotary / 2 }, (_, pair) => {
    const frequency = theta ** (-(2 * pair) / rotary);
    if (scaling.type === 'default') return frequency;
    if (scaling.type === 'linear') return frequency / scaling.factor;
    if (scaling.type === 'longrope') return frequency / scaling.factors[pair];
    // Llama 3: slow pairs are stretched, fast ones left alone, those between are blended.
    const { factor, lowFrequency, highFrequency, original } = scaling;
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength > original / lowFrequency) return frequency / factor;
    if (wavelength < original / highFrequency) return frequency;
    const smooth = (original / wavelength - lowFrequency) / (highFrequency - lowFrequency);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}
