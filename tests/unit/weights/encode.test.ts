/** Tensors of GGUF files: the bytes that ggml's own quantiser makes, and what they stand for. */
import { describe, expect, test } from 'vitest';
import { toFloat32, type StoredType } from '../../../src/weights/dtypes.ts';
import { encodeValues, type EncodedType } from '../../../src/weights/gguf/encode.ts';
import { parseSafetensors } from '../../../src/weights/safetensors.ts';
import { noise } from '../../engine/run.ts';
import { referenceFolder } from '../../engine/reference-file.ts';

const BLOCKS = ['Q4_0', 'Q5_0', 'Q5_1', 'Q8_0', 'Q4_K', 'Q5_K', 'Q6_K'] as const satisfies EncodedType[];

describe('Blocks of GGUF', () => {
  test.each(BLOCKS)('%s has the bytes that ggml makes', async (type) => {
    const tensors = await parseSafetensors((await referenceFolder('blocks').open('quantised.safetensors'))!);
    const values = toFloat32(await tensors.get('values')!.read(), 'F32');
    const bytes = encodeValues(Float32Array.from(values), type);
    expect(Buffer.from(bytes).equals(Buffer.from(await tensors.get(type)!.read()))).toBe(true);
  });

  test('the relative error falls with each bit', () => {
    const values = Float32Array.from(noise(256 * 40, 1, 0.02));
    const square = (numbers: Float32Array): number => numbers.reduce((sum, value) => sum + value * value, 0);
    const errorOf = (type: EncodedType): number => {
      const again = toFloat32(encodeValues(values, type), type as StoredType);
      return Math.sqrt(square(values.map((value, i) => value - again[i])) / square(values));
    };
    const errors = (['Q4_K', 'Q5_K', 'Q6_K', 'Q8_0', 'BF16', 'F16', 'F32'] as const).map(errorOf);
    expect(errors).toEqual([...errors].sort((a, b) => b - a));
    expect(errors[0]).toBeLessThan(0.08);
    expect(errors.at(-1)).toBe(0);
  });
});
