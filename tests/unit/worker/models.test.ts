import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { licenceOf } from '../../../src/weights/licence.ts';
import { checkAnyModel, checkModelFiles, freeName, modelFiles } from '../../../src/worker/models/models.ts';
import { folder } from '../../../src/cli/files.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { referencePath } from '../../engine/reference-file.ts';
import { graftError } from '../expect-graft-error.ts';

describe('the files of a model', () => {
  test('are its weights, once, and its other files', () => {
    const folder = [
      'config.json',
      'tokenizer.json',
      'README.md',
      'pytorch_model.bin',
      'onnx/model.onnx',
      'model.safetensors',
      'other.safetensors',
      'model-q4.gguf',
    ];
    expect(modelFiles(folder)).toEqual(['config.json', 'tokenizer.json', 'README.md', 'model.safetensors']);
    expect(
      modelFiles(['model-1-of-2.safetensors', 'model-2-of-2.safetensors', 'model.safetensors.index.json']),
    ).toEqual(['model-1-of-2.safetensors', 'model-2-of-2.safetensors', 'model.safetensors.index.json']);
    expect(modelFiles(['SmolLM2.Q4_1.GGUF'])).toEqual(['SmolLM2.Q4_1.GGUF']);
  });
});

describe('an encoder', () => {
  const encoder = folder(referencePath('encoders', 'cls'));

  test('is kept with the files that say how it pools', () => {
    expect(modelFiles(['config.json', '1_Pooling/config.json', 'modules.json', 'model.safetensors'])).toEqual(
      ['config.json', '1_Pooling/config.json', 'modules.json', 'model.safetensors'],
    );
  });

  test('is taken for documents, and refused as a model to tune', async () => {
    await checkAnyModel(encoder);
    await graftError(() => checkModelFiles(encoder), 'config-unsupported');
  });
});

describe('the licence', () => {
  const readme = (text: string): Promise<string | undefined> => licenceOf(memoryFiles({ 'README.md': text }));

  test('is what the README or the configuration says', async () => {
    expect(await readme('---\nlanguage: en\nlicense: apache-2.0\n---\n# Model')).toBe('apache-2.0');
    expect(await readme('---\r\nlicense: "mit"\r\n---\r\n')).toBe('mit');
    expect(await readme('---\nlicense: other\nlicense_name: gemma\n---\n')).toBe('gemma');
    expect(await readme('# Model\nlicense: mit')).toBeUndefined();
    expect(await licenceOf(memoryFiles({ 'config.json': '{"license": "mit"}' }))).toBe('mit');
    expect(await licenceOf(memoryFiles({}))).toBeUndefined();
  });

  test('is short or missing for any README, and found in a long one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        const licence = await readme(`---\nlicense: ${text}\n---`);
        expect((licence ?? '').length).toBeLessThanOrEqual(60);
      }),
    );
    // Reading this in the square of its lines takes longer than the test may.
    expect(await readme(`---\n${'license:\n'.repeat(100_000)}`)).toBeUndefined();
  });
});

test('a name that is taken gets a number', () => {
  expect(freeName('Tiny', new Set())).toBe('Tiny');
  expect(freeName('Tiny', new Set(['Tiny', 'Tiny (2)']))).toBe('Tiny (3)');
});
