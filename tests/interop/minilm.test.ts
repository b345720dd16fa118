/** all-MiniLM-L6-v2 against sentence-transformers' vectors of ../shared/retrieval, by the command. The model is fetched once. */
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { DEVICE, floats, GPU, graft, temporaryFolder, tensorsOf } from '../engine/graft-command.ts';
import { fetchMiniLm, MINILM } from '../minilm.ts';
import { describeShared, sharedPath } from '../shared.ts';

const SIZE = 384;

describeShared('all-MiniLM-L6-v2', () => {
  const at = temporaryFolder();
  let missing: string | undefined;
  beforeAll(() => {
    missing = fetchMiniLm();
  });

  async function embed(rows: string, flags: readonly string[]): Promise<Float32Array> {
    const out = at(`${rows}.safetensors`);
    const data = sharedPath('retrieval', `${rows}.jsonl`);
    const { code, err } = await graft([
      'embed',
      '--model',
      MINILM,
      '--data',
      data,
      '--out',
      out,
      '--overwrite',
      ...flags,
    ]);
    expect(code, err).toBe(0);
    return floats((await tensorsOf(out)).get('embeddings'));
  }
  const referenceOf = async (name: string): Promise<Float32Array> =>
    floats((await tensorsOf(join(sharedPath('retrieval'), 'embeddings.safetensors'))).get(name));
  const furthest = (a: Float32Array, b: Float32Array): number =>
    a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

  test.for([
    ['the CPU engine', DEVICE],
    ['WebGPU', GPU],
  ] as const)('gives its vectors of texts within 1e-5 on %s', async ([, device], { skip }) => {
    skip(missing !== undefined, missing);
    expect(furthest(await embed('texts', device), await referenceOf('texts'))).toBeLessThan(1e-5);
  });

  test('gives nearly the same vectors with weights in 8 bits', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const found = await embed('texts', [...DEVICE, '--base-weights', 'q8_0']);
    const expected = await referenceOf('texts');
    for (let start = 0; start < expected.length; start += SIZE) {
      const [a, b] = [found, expected].map((all) => all.subarray(start, start + SIZE));
      expect(a.reduce((sum, value, i) => sum + value * b[i], 0)).toBeGreaterThan(0.99);
    }
  });
});
