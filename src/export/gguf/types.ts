/**
 * The types of a merged GGUF file, and which type each of its tensors gets: as llama.cpp's quantiser chooses without an importance matrix
 * (`llama_tensor_get_type` in src/llama-quant.cpp). The M mixtures give more bits to values and to down projections, whose errors cost most.
 */
import { BLOCKS, isBlockType } from '../../weights/blocks.ts';
import type { EncodedType } from '../../weights/gguf/encode.ts';

/** Numbers of `llama_ftype`, for general.file_type, and the type that most matrices get. */
const TYPES = {
  f32: { fileType: 0, most: 'F32' },
  f16: { fileType: 1, most: 'F16' },
  bf16: { fileType: 32, most: 'BF16' },
  q8_0: { fileType: 7, most: 'Q8_0' },
  q6_k: { fileType: 18, most: 'Q6_K' },
  q5_k_m: { fileType: 17, most: 'Q5_K' },
  q5_k_s: { fileType: 16, most: 'Q5_K' },
  q4_k_m: { fileType: 15, most: 'Q4_K' },
  q4_k_s: { fileType: 14, most: 'Q4_K' },
  q4_0: { fileType: 2, most: 'Q4_0' },
} as const satisfies Readonly<Record<string, { fileType: number; most: EncodedType }>>;

export type GgufType = keyof typeof TYPES;

export const GGUF_TYPES = Object.keys(TYPES) as readonly GgufType[];

export const fileTypeOf = (type: GgufType): number => TYPES[type].fileType;

/** Whether a type has blocks. */
export const isQuantisedType = (type: GgufType): boolean => isBlockType(TYPES[type].most);

/** A tensor as the choice of its type sees it. */
interface Place {
  /** GGUF's name: `blk.0.attn_v.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
}

/** What holds for all tensors of a model. */
interface Whole {
  readonly layers: number;
  /** Whether the head is a tensor of its own; else the embedding counts as the head. */
  readonly hasHead: boolean;
}

/** The first and the last eighth of the layers, and each third one between. */
function needsMore(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

/** Types for rows that are not whole blocks of 256. */
const FALLBACK: Partial<Record<EncodedType, EncodedType>> = { Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' };

const fits = (type: EncodedType, width: number): boolean =>
  !isBlockType(type) || width % BLOCKS[type].values === 0;

const EXACT = /^position_embd\.weight$|\.shortconv\.conv\.weight$/;

/** @returns the type of a tensor of the file */
export function tensorType(type: GgufType, { name, shape }: Place, whole: Whole): EncodedType {
  const { most } = TYPES[type];
  // Vectors, filters and tables of positions stay exact: they are small, and llama.cpp computes with f32 there.
  if (shape.length < 2 || !name.endsWith('.weight') || EXACT.test(name)) return 'F32';
  if (!isBlockType(most)) return most;
  const width = shape.at(-1)!;
  const wanted = mixed(type, most, name, width, whole);
  const fallback = FALLBACK[wanted] ?? 'F16';
  return [wanted, fallback].find((one) => fits(one, width)) ?? 'F16';
}

function mixed(
  type: GgufType,
  most: EncodedType,
  name: string,
  width: number,
  { layers, hasHead }: Whole,
): EncodedType {
  if (name === (hasHead ? 'output.weight' : 'token_embd.weight'))
    return most === 'Q8_0' || !fits(most, width) ? 'Q8_0' : 'Q6_K';
  const [, number, stem] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(name) ?? [];
  const layer = Number(number);
  const better = needsMore(layer, layers);
  if (stem === 'attn_v') {
    if ((type === 'q4_k_m' || type === 'q5_k_m') && better) return 'Q6_K';
    if (type === 'q4_k_s' && layer < 4) return 'Q5_K';
  }
  if (stem === 'attn_qkv') {
    if (type === 'q4_k_m') return 'Q5_K';
    if (type === 'q5_k_m') return 'Q6_K';
  }
  if (stem === 'ffn_down') {
    if ((type === 'q4_k_m' || type === 'q5_k_m') && better) return 'Q6_K';
    if (type === 'q4_k_s' && layer < Math.floor(layers / 8)) return 'Q5_K';
  }
  return most;
}
