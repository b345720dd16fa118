/** Blocks of 32 values with one scale d, and a minimum m if the name ends in 1: value = d · q, or d · q + m. */
import type { BlockType } from '../blocks.ts';
import type { TakeApart } from './take-apart.ts';

function fifthBit(block: Uint8Array, at: number, value: number): number {
  return ((block[at + (value >> 3)] >> (value & 7)) & 1) << 4;
}

/** d, m and other fields that are copied unchanged. */
export function copyScales(block: Uint8Array, at: number, count: number, to: Uint8Array, s: number): void {
  for (let i = 0; i < count; i++) to[s + i] = block[at + i];
}

/** Halves of a block: the low four bits of byte j are value j, the high four value j + 16. */
function nibbles(block: Uint8Array, at: number, quants: Uint8Array, q: number): void {
  for (let j = 0; j < 16; j++) {
    quants[q + j] = block[at + j] & 15;
    quants[q + j + 16] = block[at + j] >> 4;
  }
}

export const smallBlocks = {
  Q4_0(block, at, { quants, scales }, q, s) {
    copyScales(block, at, 2, scales, s);
    nibbles(block, at + 2, quants, q);
  },
  Q4_1(block, at, { quants, scales }, q, s) {
    copyScales(block, at, 4, scales, s);
    nibbles(block, at + 4, quants, q);
  },
  // The fifth bits of all 32 values lie in four bytes of their own.
  Q5_0(block, at, { quants, scales }, q, s) {
    copyScales(block, at, 2, scales, s);
    nibbles(block, at + 6, quants, q);
    for (let j = 0; j < 32; j++) quants[q + j] = (quants[q + j] | fifthBit(block, at + 2, j)) - 16;
  },
  Q5_1(block, at, { quants, scales }, q, s) {
    copyScales(block, at, 4, scales, s);
    nibbles(block, at + 8, quants, q);
    for (let j = 0; j < 32; j++) quants[q + j] |= fifthBit(block, at + 4, j);
  },
  Q8_0(block, at, { quants, scales }, q, s) {
    copyScales(block, at, 2, scales, s);
    for (let j = 0; j < 32; j++) quants[q + j] = block[at + 2 + j];
  },
} satisfies Partial<Record<BlockType, TakeApart>>;
