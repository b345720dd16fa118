/**
 * Quantised number formats of GGUF: runs of values that share a scale are packed into blocks of bytes. Layouts as in ggml
 * (https://github.com/ggml-org/llama.cpp, ggml/src/ggml-common.h). A row is a whole number of blocks, so that rows can be cut and moved as bytes.
 */
/** Values in a block, and its bytes. */
export const BLOCKS = {
  Q4_0: { values: 32, bytes: 18 },
  Q4_1: { values: 32, bytes: 20 },
  Q5_0: { values: 32, bytes: 22 },
  Q5_1: { values: 32, bytes: 24 },
  Q8_0: { values: 32, bytes: 34 },
  IQ4_NL: { values: 32, bytes: 18 },
  Q2_K: { values: 256, bytes: 84 },
  Q3_K: { values: 256, bytes: 110 },
  Q4_K: { values: 256, bytes: 144 },
  Q5_K: { values: 256, bytes: 176 },
  Q6_K: { values: 256, bytes: 210 },
  IQ4_XS: { values: 256, bytes: 136 },
} as const;

export type BlockType = keyof typeof BLOCKS;

/** Whether tensors of this type, as GGUF names it, are in blocks. */
export function isBlockType(type: string): type is BlockType {
  return Object.hasOwn(BLOCKS, type);
}
