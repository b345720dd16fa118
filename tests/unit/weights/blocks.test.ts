import { expect, it } from 'vitest';
import type { FileSet } from '../../../src/weights/bytes.ts';
import { BLOCKS, type BlockType } from '../../../src/weights/blocks.ts';
import { storedBytes, toFloat32 } from '../../../src/weights/dtypes.ts';
import { parseSafetensors } from '../../../src/weights/safetensors.ts';
import { referenceFolder } from '../../engine/reference-file.ts';
import { describeShared, sharedFolder } from '../../shared.ts';

/** @param prefix of the names of its tensors */
async function unpacks(type: BlockType, files: FileSet, name: string, prefix = ''): Promise<void> {
  const tensors = await parseSafetensors((await files.open(name))!);
  const raw = await tensors.get(`${prefix}raw`)!.read();
  const values = tensors.get(`${prefix}values`)!;
  expect(raw).toHaveLength(storedBytes(type, values.shape));
  const expected = toFloat32(await values.read(), 'F32');
  // Through the layout that devices read: it has the numbers of the file.
  const ours = toFloat32(raw, type);
  const bits = (floats: Float32Array): Uint32Array => new Uint32Array(Float32Array.from(floats).buffer);
  expect(bits(ours)).toEqual(bits(expected));
}

const TYPES = Object.keys(BLOCKS) as BlockType[];

it.each(TYPES)('unpacks %s as gguf-py does, bit for bit', (type) =>
  unpacks(type, referenceFolder('blocks'), 'gguf.safetensors', `${type}.`),
);

describeShared('blocks against gguf-py', () => {
  it.each(TYPES)('unpacks %s bit for bit', (type) =>
    unpacks(type, sharedFolder('reference', 'gguf'), `${type}.safetensors`),
  );
});

it('knows which rows are whole blocks', () => {
  expect(storedBytes('Q4_0', [2, 64])).toBe(72);
  expect(storedBytes('Q4_0', [2, 48])).toBeNaN();
  expect(storedBytes('Q6_K', [3, 256])).toBe(630);
  expect(storedBytes('F16', [])).toBe(2);
});
