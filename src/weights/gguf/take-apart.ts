/**
 * Blocks of GGUF files in the layouts that devices read (../layouts.ts), and the numbers they stand for. Nothing is rounded: quants stay integers, d
 * and dmin the f16 of the file, scales the integers that multiply them.
 *
 * Types that have no layout of their own take one that is exact. Q5_0 is a q8_0 that uses five bits, IQ4_NL one whose quants are the sixteen levels,
 * and IQ4_XS is a q6_k in the same way, with each scale twice.
 */
import { BLOCKS, type BlockType } from '../blocks.ts';
import { dequantise as valuesOf, LAYOUTS, type BlockFormat, type QuantisedValues } from '../layouts.ts';
import { iq4 } from './iq4.ts';
import { kQuants } from './k-quants.ts';
import { smallBlocks } from './small-blocks.ts';

/** The destinations of the parts of one block. */
interface Parts {
  /** A byte for each number, in their order. */
  readonly quants: Uint8Array;
  readonly scales: Uint8Array;
}

/** Takes apart the block that starts at byte `at`. @param q its first place in `quants` @param s its first place in `scales` */
export type TakeApart = (block: Uint8Array, at: number, to: Parts, q: number, s: number) => void;

const TAKE_APART: Readonly<Record<BlockType, TakeApart>> = { ...smallBlocks, ...kQuants, ...iq4 };

/** The layout that holds a type exactly. */
export const LAYOUT_OF = {
  Q4_0: 'q4_0',
  Q4_1: 'q4_1',
  Q5_0: 'q8_0',
  Q5_1: 'q5_1',
  Q8_0: 'q8_0',
  IQ4_NL: 'q8_0',
  Q2_K: 'q2_k',
  Q3_K: 'q3_k',
  Q4_K: 'q4_k',
  Q5_K: 'q5_k',
  Q6_K: 'q6_k',
  IQ4_XS: 'q6_k',
} as const satisfies Record<BlockType, BlockFormat>;

/** Whole blocks in the layout that holds their type. @param bytes a multiple of the block's size */
export function takeApart(bytes: Uint8Array, type: BlockType): QuantisedValues {
  const { values, bytes: size } = BLOCKS[type];
  const { block, bits, scaleBytes } = LAYOUTS[LAYOUT_OF[type]];
  const blocks = bytes.length / size;
  const quants = new Uint8Array(blocks * values);
  const scales = new Uint8Array(((blocks * values) / block) * scaleBytes);
  const step = (values / block) * scaleBytes;
  const apart = TAKE_APART[type];
  const to = { quants, scales };
  for (let i = 0; i < blocks; i++) apart(bytes, i * size, to, i * values, i * step);
  return { quants: bits === 4 ? halfBytes(quants) : quants, scales };
}

/** Numbers that are unpacked at a time, so that there are never many quants next to them. */
const AT_ONCE = 2 ** 18;

/** Whole blocks → f32, bit for bit what ggml's and gguf-py's dequantisers give. @param bytes a multiple of the block's size */
export function dequantiseBlocks(bytes: Uint8Array, type: BlockType): Float32Array<ArrayBuffer> {
  const { values, bytes: size } = BLOCKS[type];
  const out = new Float32Array((bytes.length / size) * values);
  const step = AT_ONCE / values;
  for (let first = 0; first * size < bytes.length; first += step) {
    const part = bytes.subarray(first * size, (first + step) * size);
    out.set(valuesOf(takeApart(part, type), LAYOUT_OF[type]), first * values);
  }
  return out;
}

function halfBytes(quants: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(quants.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = quants[2 * i] | (quants[2 * i + 1] << 4);
  return out;
}
