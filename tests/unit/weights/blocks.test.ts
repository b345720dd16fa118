import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { memorySource } from '../../../src/weights/bytes.ts';
import { BLOCKS, type BlockType } from '../../../src/weights/blocks.ts';
import { storedBytes, toFloat32 } from '../../../src/weights/dtypes.ts';
import { parseSafetensors } from '../../../src/weights/safetensors.ts';
import { describeShared, sharedPath } from '../../shared.ts';

describeShared('blocks against gguf-py', () => {
  it.each(Object.keys(BLOCKS) as BlockType[])('unpacks %s bit for bit', async (type) => {
    const bytes = new Uint8Array(readFileSync(sharedPath('reference', 'gguf', `${type}.safetensors`)));
    const tensors = await parseSafetensors(memorySource(`${type}.safetensors`, bytes));
    const raw = await tensors.get('raw')!.read();
    const values = tensors.get('values')!;
    expect(raw).toHaveLength(storedBytes(type, values.shape));
    const expected = toFloat32(await values.read(), 'F32');
    // Through the layout that devices read: it has the numbers of the file.
    const ours = toFloat32(raw, type);
    const bits = (floats: Float32Array): Uint32Array => new Uint32Array(Float32Array.from(floats).buffer);
    expect(bits(ours)).toEqual(bits(expected));
  });
});

it('knows which rows are whole blocks', () => {
  expect(storedBytes('Q4_0', [2, 64])).toBe(72);
  expect(storedBytes('Q4_0', [2, 48])).toBeNaN();
  expect(storedBytes('Q6_K', [3, 256])).toBe(630);
  expect(storedBytes('F16', [])).toBe(2);
});
