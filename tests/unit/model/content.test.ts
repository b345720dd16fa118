import { describe, expect, it } from 'vitest';
import { contentOf } from '../../../src/model/content.ts';
import { memoryFiles, type FileSet } from '../../../src/weights/bytes.ts';

const MIB = 2 ** 20;
const CONFIG = '{"model_type":"llama"}';

const folder = (weights: Uint8Array<ArrayBuffer>, others: Record<string, string> = {}): FileSet =>
  memoryFiles({ 'config.json': CONFIG, 'model.safetensors': weights, ...others });

const changed = (place: number): FileSet => {
  const bytes = new Uint8Array(4 * MIB);
  bytes.fill(1, place, place + MIB / 8);
  return folder(bytes);
};

describe('the content of a model folder', () => {
  const base = folder(new Uint8Array(4 * MIB));

  it('is its configuration, its tokenizer and its weights, and no name', async () => {
    const content = await contentOf(base);
    expect(content).toMatch(/^[0-9a-f]{64}$/);
    expect(await contentOf({ ...base, name: 'another' })).toBe(content);
    expect(await contentOf(folder(new Uint8Array(4 * MIB), { 'README.md': 'Hello' }))).toBe(content);
    for (const other of [
      changed(0),
      changed(3.5 * MIB),
      folder(new Uint8Array(3 * MIB)),
      folder(new Uint8Array(4 * MIB), { 'tokenizer.json': '{}' }),
    ])
      expect(await contentOf(other)).not.toBe(content);
  });

  it('includes samples between the ends on request', async () => {
    expect(await contentOf(changed(2 * MIB))).toBe(await contentOf(base));
    expect(await contentOf(changed(2 * MIB), 64)).not.toBe(await contentOf(base, 64));
  });

  it('needs few bytes for gigabytes', async () => {
    let read = 0;
    const bytes = new Uint8Array(MIB);
    const huge: FileSet = {
      name: 'huge',
      list: () => ['model.safetensors'],
      open: async (name) => ({
        name,
        size: 100e9,
        async read(start, end) {
          read += end - start;
          return bytes.subarray(0, end - start);
        },
      }),
    };
    await contentOf(huge, 256);
    expect(read).toBeLessThan(4 * MIB);
  });
});
