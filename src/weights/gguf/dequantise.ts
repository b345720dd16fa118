/**
 * Blocks → f32, bit for bit what ggml's and gguf-py's dequantisers give. Each value is one product, or a product and a sum, of numbers so
 * short that only the last rounding is inexact; float64 with one rounding on the store is therefore the same.
 */
import { BLOCKS, type BlockType } from '../blocks.ts';
import { iq4 } from './iq4.ts';
import { kQuants } from './k-quants.ts';
import { smallBlocks } from './small-blocks.ts';

/** Unpacks one block that begins at byte `at` into `out` at `to`. */
export type Unpack = (block: Uint8Array, at: number, out: Float32Array, to: number) => void;

const UNPACK: Readonly<Record<BlockType, Unpack>> = { ...smallBlocks, ...kQuants, ...iq4 };

/** Whole blocks → f32. `bytes` is a multiple of the block's size. */
export function dequantise(bytes: Uint8Array, type: BlockType): Float32Array<ArrayBuffer> {
  const { values, bytes: size } = BLOCKS[type];
  const blocks = bytes.length / size;
  const out = new Float32Array(blocks * values);
  const unpack = UNPACK[type];
  for (let i = 0; i < blocks; i++) unpack(bytes, i * size, out, i * values);
  return out;
}
