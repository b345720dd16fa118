/** Random blocks of GGUF's types. */
import { BLOCKS, type BlockType } from '../../../src/weights/blocks.ts';
import { float32ToFloat16, toFloat32 } from '../../../src/weights/dtypes.ts';
import { noise } from '../../engine/run.ts';

/** Where the f16 of a block lie in it. */
const HALVES: Readonly<Record<BlockType, readonly number[]>> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  IQ4_NL: [0],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ4_XS: [0],
};

/** Random bytes, with f16 of the given spread where a block has its f16. */
export function randomBlocks(
  type: BlockType,
  count: number,
  spread: number,
  seed = 3,
): Uint8Array<ArrayBuffer> {
  const { bytes: size } = BLOCKS[type];
  const bytes = Uint8Array.from(noise(count * size, seed, 1e4), (x) => Math.floor(x));
  const halves = float32ToFloat16(Float32Array.from(noise(2 * count, seed + 2, spread)));
  for (let i = 0; i < count; i++)
    HALVES[type].forEach((at, half) =>
      bytes.set(new Uint8Array(halves.slice(2 * i + half, 2 * i + half + 1).buffer), i * size + at),
    );
  return bytes;
}

/** A matrix of random blocks, whose numbers are about as large as those of a trained model. @param columns whole blocks */
export function randomMatrix(
  type: BlockType,
  rows: number,
  columns: number,
  seed: number,
): Uint8Array<ArrayBuffer> {
  const count = (rows * columns) / BLOCKS[type].values;
  const values = toFloat32(randomBlocks(type, count, 1, seed), type);
  const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  return randomBlocks(type, count, 0.05 / size, seed);
}
