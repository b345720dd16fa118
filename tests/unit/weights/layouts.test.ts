/** Blocks of GGUF files in the layouts that devices read: exactly the numbers of the file, type by type. */
import { describe, expect, test } from 'vitest';
import { BLOCKS, type BlockType } from '../../../src/weights/blocks.ts';
import { storedBytes } from '../../../src/weights/dtypes.ts';
import { dequantise as dequantiseFile, LAYOUT_OF, takeApart } from '../../../src/weights/gguf/take-apart.ts';
import { dequantise, LAYOUTS } from '../../../src/weights/layouts.ts';
import { randomBlocks } from './random-blocks.ts';

const TYPES = Object.keys(BLOCKS) as BlockType[];

const bitsOf = ({ buffer }: Float32Array<ArrayBuffer>): Uint32Array => new Uint32Array(buffer);

describe('Layouts of quantised blocks', () => {
  test.each(TYPES)('%s: any rows, and as many bytes as its layout has', (type) => {
    const { values, bytes: size } = BLOCKS[type];
    const { block, bits, scaleBytes } = LAYOUTS[LAYOUT_OF[type]];
    for (const count of [1, 3, 7]) {
      const { quants, scales } = takeApart(randomBlocks(type, count, 0.01), type);
      expect(quants).toHaveLength((count * values * bits) / 8);
      expect(scales).toHaveLength(((count * values) / block) * scaleBytes);
    }
    expect(storedBytes(type, [3, values])).toBe(3 * size);
  });

  // 2⁻²⁰: every d is subnormal.
  test.each(TYPES)('%s: rows read one by one, with large and with subnormal scales', (type) => {
    const { bytes: size } = BLOCKS[type];
    for (const spread of [1e4, 0.01, 2 ** -20]) {
      const raw = randomBlocks(type, 5, spread);
      const whole = dequantise(takeApart(raw, type), LAYOUT_OF[type]);
      expect(whole.every(Number.isFinite)).toBe(true);
      expect(whole.some((value) => value !== 0)).toBe(true);
      const rows = Array.from({ length: 5 }, (_, i) =>
        dequantise(takeApart(raw.subarray(i * size, (i + 1) * size), type), LAYOUT_OF[type]),
      );
      expect(bitsOf(Float32Array.from(rows.flatMap((row) => [...row])))).toEqual(bitsOf(whole));
    }
  });

  test('more blocks than are unpacked at once', () => {
    const raw = randomBlocks('Q4_0', 2 ** 13 + 5, 0.01);
    const [values, whole] = [dequantiseFile(raw, 'Q4_0'), dequantise(takeApart(raw, 'Q4_0'), 'q4_0')];
    expect(Buffer.compare(Buffer.from(values.buffer), Buffer.from(whole.buffer))).toBe(0);
  });
});
