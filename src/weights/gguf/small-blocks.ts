/** Blocks of 32 values with one scale d, and a minimum m where the name ends in 1: value = d · q, or d · q + m. */
import type { BlockType } from '../blocks.ts';
import { float16At } from '../half.ts';
import type { Unpack } from './dequantise.ts';

function fifthBit(block: Uint8Array, at: number, value: number): number {
  return ((block[at + (value >> 3)] >> (value & 7)) & 1) << 4;
}

export const smallBlocks = {
  // Halves of a block: the low four bits of byte j are value j, the high four value j + 16.
  Q4_0(block, at, out, to) {
    const d = float16At(block, at);
    for (let j = 0; j < 16; j++) {
      const byte = block[at + 2 + j];
      out[to + j] = d * ((byte & 15) - 8);
      out[to + j + 16] = d * ((byte >> 4) - 8);
    }
  },
  Q4_1(block, at, out, to) {
    const d = float16At(block, at);
    const m = float16At(block, at + 2);
    for (let j = 0; j < 16; j++) {
      const byte = block[at + 4 + j];
      out[to + j] = d * (byte & 15) + m;
      out[to + j + 16] = d * (byte >> 4) + m;
    }
  },
  // The fifth bits of all 32 values lie in four bytes of their own.
  Q5_0(block, at, out, to) {
    const d = float16At(block, at);
    for (let j = 0; j < 16; j++) {
      const byte = block[at + 6 + j];
      out[to + j] = d * (((byte & 15) | fifthBit(block, at + 2, j)) - 16);
      out[to + j + 16] = d * (((byte >> 4) | fifthBit(block, at + 2, j + 16)) - 16);
    }
  },
  Q5_1(block, at, out, to) {
    const d = float16At(block, at);
    const m = float16At(block, at + 2);
    for (let j = 0; j < 16; j++) {
      const byte = block[at + 8 + j];
      out[to + j] = d * ((byte & 15) | fifthBit(block, at + 4, j)) + m;
      out[to + j + 16] = d * ((byte >> 4) | fifthBit(block, at + 4, j + 16)) + m;
    }
  },
  Q8_0(block, at, out, to) {
    const d = float16At(block, at);
    for (let j = 0; j < 32; j++) out[to + j] = d * ((block[at + 2 + j] << 24) >> 24);
  },
} satisfies Partial<Record<BlockType, Unpack>>;
