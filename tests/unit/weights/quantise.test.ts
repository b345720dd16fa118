import { describe, expect, test } from 'vitest';
import { toFloat32 } from '../../../src/weights/dtypes.ts';
import { takeApart } from '../../../src/weights/gguf/take-apart.ts';
import { dequantise, LAYOUTS, NF4_CODE } from '../../../src/weights/layouts.ts';
import { quantise, quantiseRows, ROUNDED_TYPES } from '../../../src/weights/quantise.ts';
import { parseSafetensors } from '../../../src/weights/safetensors.ts';
import type { FileSet } from '../../../src/weights/bytes.ts';
import { referenceFolder } from '../../engine/reference-file.ts';
import { describeShared, sharedFolder } from '../../shared.ts';
import { noise } from '../../engine/run.ts';
import { ggufReference } from './gguf-reference.ts';

describe('Quantised blocks', () => {
  test('lie within half a step of the numbers they stand for', () => {
    const values = Float32Array.from(noise(64 * 40, 1, 0.02));
    // A step of each type, as a part of the range of a block. NF4's widest gap is 0.304 of the largest magnitude.
    const step = { q8_0: 1 / 127, q4_0: 1 / 7.9, q4_1: 2 / 15, nf4: 0.304 };
    for (const type of ROUNDED_TYPES) {
      const again = dequantise(quantise(values, type), type);
      const { block } = LAYOUTS[type];
      for (let start = 0; start < values.length; start += block) {
        const most = values.subarray(start, start + block).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        // Half a step and what rounding the scale to f16 adds; q4_0 has no +8, which may cost a whole one.
        const bound = most * step[type] * (type === 'q4_0' ? 1.1 : 0.6);
        for (let i = start; i < start + block; i++)
          expect(Math.abs(again[i] - values[i]), `${type} ${i}`).toBeLessThanOrEqual(bound);
      }
    }
  });

  test('rows have one scale, 63 steps to each side and numbers within half a step', () => {
    const values = Float32Array.from(noise(96 * 3, 1, 0.02));
    values.fill(0, 96, 192);
    const blocks = quantiseRows(values, 96);
    const scales = new Uint16Array(blocks.scales.buffer);
    const again = dequantise(blocks, 'q8_0');
    for (let row = 0; row < 3; row++) {
      const [start, end] = [96 * row, 96 * (row + 1)];
      const most = values.subarray(start, end).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      expect(new Set(scales.subarray(3 * row, 3 * (row + 1))).size).toBe(1);
      for (let i = start; i < end; i++)
        expect(Math.abs(again[i] - values[i])).toBeLessThanOrEqual((most / 63) * 0.54);
    }
    expect(Math.max(...new Int8Array(blocks.quants.buffer).map(Math.abs))).toBe(63);
  });

  test('zeros stay zeros, and blocks of one value keep it', () => {
    for (const type of ROUNDED_TYPES) {
      expect(dequantise(quantise(new Float32Array(64), type), type).every((value) => value === 0)).toBe(true);
      const same = dequantise(quantise(new Float32Array(64).fill(0.5), type), type);
      for (const value of same) expect(Math.abs(value - 0.5), type).toBeLessThan(1e-3);
    }
  });

  test('halves are rounded away from zero, as roundf does', () => {
    const values = new Float32Array(32);
    values.set([127, 2.5, -2.5, 0.5, -0.5, 3.5]);
    expect([...new Int8Array(quantise(values, 'q8_0').quants.buffer).subarray(0, 6)]).toEqual([
      127, 3, -3, 1, -1, 4,
    ]);
  });
});

describe('Quantised blocks against their inventors', () => {
  const floats = (bytes: Uint8Array): Float32Array => toFloat32(bytes, 'F32');
  const open = async (files: FileSet, name: string): Promise<(tensor: string) => Promise<Uint8Array>> => {
    const tensors = await parseSafetensors((await files.open(name))!);
    return (tensor) => tensors.get(tensor)!.read();
  };

  test.each([
    ['Q8_0', 'q8_0'],
    ['Q4_0', 'q4_0'],
    ['Q4_1', 'q4_1'],
  ] as const)('%s of llama.cpp stands for the same numbers', async (type, ours) => {
    const tensor = await open(referenceFolder('blocks'), 'gguf.safetensors');
    const values = Float32Array.from(floats(await tensor(`${type}.values`)));
    expect(dequantise(takeApart(await tensor(`${type}.raw`), type), ours)).toEqual(values);
  });

  test.each([
    ['Q8_0', 'q8_0'],
    ['Q4_0', 'q4_0'],
    ['Q4_1', 'q4_1'],
  ] as const)('numbers are rounded to the quants and scales of %s as by gguf-py', async (type, ours) => {
    const { bytes, floats: read } = await ggufReference('rounded');
    expect(quantise(await read('values'), ours)).toEqual(takeApart(await bytes(`${type}.raw`), type));
  });

  const nf4 = async (files: FileSet): Promise<void> => {
    const tensor = await open(files, 'nf4.safetensors');
    const { quants, scales } = quantise(floats(await tensor('weight')), 'nf4');
    expect(NF4_CODE).toEqual(Float32Array.from(floats(await tensor('code'))));
    // bitsandbytes has the earlier number in the high bits.
    const packed = quants.map((byte) => (byte >> 4) | (byte << 4));
    expect(packed).toEqual(Uint8Array.from(await tensor('packed')));
    expect(floats(scales)).toEqual(Float32Array.from(floats(await tensor('absmax'))));
    expect(dequantise({ quants, scales }, 'nf4')).toEqual(
      Float32Array.from(floats(await tensor('dequantised'))),
    );
  };

  test('NF4 has the bytes, scales and values of bitsandbytes', () => nf4(referenceFolder('blocks')));

  describeShared('a larger matrix', () => {
    test('has the bytes, scales and values of bitsandbytes in NF4', () =>
      nf4(sharedFolder('reference', 'nf4')));
  });
});
