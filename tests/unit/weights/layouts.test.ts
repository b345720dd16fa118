/** Blocks of GGUF files in the layouts that devices read: exactly the numbers of gguf-py, type by type. */
import { beforeAll, describe, expect, test } from 'vitest';
import { BLOCKS, type BlockType } from '../../../src/weights/blocks.ts';
import { storedBytes } from '../../../src/weights/dtypes.ts';
import {
  dequantiseBlocks as dequantiseFile,
  LAYOUT_OF,
  takeApart,
} from '../../../src/weights/gguf/take-apart.ts';
import { dequantise, LAYOUTS } from '../../../src/weights/layouts.ts';
import { bitsOf, ggufReference, type GgufReference } from './gguf-reference.ts';
import { randomBlocks } from './random-blocks.ts';

const TYPES = Object.keys(BLOCKS) as BlockType[];

describe('Layouts of quantised blocks', () => {
  let reference: GgufReference;
  beforeAll(async () => {
    reference = await ggufReference('scales');
  });

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

  // A block each with usual, large and subnormal scales.
  test.each(TYPES)('%s stands for the numbers of gguf-py, whole and block by block', async (type) => {
    const { values: count, bytes: size } = BLOCKS[type];
    const raw = await reference.bytes(`${type}.raw`);
    const values = await reference.floats(`${type}.values`);
    expect(values).toHaveLength(3 * count);
    expect(bitsOf(dequantise(takeApart(raw, type), LAYOUT_OF[type]))).toEqual(bitsOf(values));
    for (let at = 0; at < 3; at++) {
      const block = takeApart(raw.subarray(at * size, (at + 1) * size), type);
      const own = values.subarray(at * count, (at + 1) * count);
      expect(bitsOf(dequantise(block, LAYOUT_OF[type]))).toEqual(bitsOf(own));
    }
  });

  test('more blocks than are unpacked at once', async () => {
    const [raw, values] = [await reference.bytes('Q4_0.raw'), await reference.floats('Q4_0.values')];
    const times = 2 ** 12;
    const many = new Uint8Array(raw.length * times);
    for (let at = 0; at < times; at++) many.set(raw, at * raw.length);
    const read = dequantiseFile(many, 'Q4_0');
    expect(read).toHaveLength(values.length * times);
    for (let at = 0; at < read.length; at += values.length)
      expect(Buffer.compare(bytesOf(read.subarray(at, at + values.length)), bytesOf(values)), `${at}`).toBe(
        0,
      );
  });
});

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer>): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
