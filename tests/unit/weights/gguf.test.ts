import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { memoryFiles, readJson } from '../../../src/weights/bytes.ts';
import { storedBytes, toFloat32 } from '../../../src/weights/dtypes.ts';
import { modelFolder, openWeights } from '../../../src/weights/folder.ts';
import { describeShared, sharedFolder, sharedJson, sharedPath } from '../../shared.ts';

const TYPES = ['F32', 'F16', 'BF16', 'Q8_0', 'Q5_1', 'Q4_0'] as const;

function story(type: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(sharedPath('reference', 'gguf', `stories260K.${type}.gguf`)));
}

describeShared('GGUF files against the Hugging Face folder', () => {
  it.each(TYPES)('stories260K in %s: names, shapes, numbers', async (type) => {
    const ours = await openWeights(memoryFiles({ 'm.gguf': story(type) }));
    const theirs = await openWeights(sharedFolder('models', 'stories260K'));
    expect(ours.names().sort()).toEqual(theirs.names().sort());
    // Of a block's largest value: half a step of the format.
    const tolerance = { F32: 0, F16: 2 ** -11, BF16: 2 ** -8, Q8_0: 1 / 127, Q5_1: 1 / 16, Q4_0: 1 / 8 }[
      type
    ];
    for (const name of theirs.names()) {
      const entry = ours.get(name)!;
      const expected = toFloat32(await theirs.get(name)!.read(), 'F32');
      expect(entry.shape).toEqual(theirs.get(name)!.shape);
      expect(entry.byteLength).toBe(storedBytes(entry.dtype, entry.shape));
      const values = toFloat32(await entry.read(), entry.dtype);
      const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      let difference = 0;
      values.forEach((x, i) => (difference = Math.max(difference, Math.abs(x - expected[i]))));
      expect(difference, name).toBeLessThanOrEqual(tolerance * largest);
    }
  });

  it('gives the same bytes in ranges', async () => {
    const weights = await openWeights(memoryFiles({ 'm.gguf': story('Q4_0') }));
    for (const name of ['model.layers.1.self_attn.q_proj.weight', 'model.embed_tokens.weight']) {
      const entry = weights.get(name)!;
      const whole = await entry.read();
      for (const [from, to] of [
        [0, 1],
        [17, 1000],
        [entry.byteLength - 3, entry.byteLength],
      ])
        expect(await entry.readRange(from, to)).toEqual(whole.subarray(from, to));
    }
  });

  it('tells the configuration', async () => {
    const files = await modelFolder(memoryFiles({ 'm.gguf': story('F32') }));
    const { architectures, torch_dtype, ...expected } = sharedJson<Record<string, unknown>>(
      'models',
      'stories260K',
      'config.json',
    );
    expect([architectures, torch_dtype]).toEqual([['LlamaForCausalLM'], 'float32']);
    expect(await readJson(files, 'config.json')).toEqual({ ...expected, hidden_act: undefined });
  });
});
