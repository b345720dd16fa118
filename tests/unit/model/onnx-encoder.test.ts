/** Which folders of encoders ONNX Runtime runs, what is kept of them, and what their files say. */
import { expect, test } from 'vitest';
import { contentOf } from '../../../src/model/content.ts';
import { isOnnxEncoder, onlyOnnx, onnxPositions } from '../../../src/model/onnx-encoder.ts';
import { readPrefixes } from '../../../src/model/pooling.ts';
import { memoryFiles, type FileSet } from '../../../src/weights/bytes.ts';
import { modelFiles } from '../../../src/worker/models/models.ts';
import { graftError } from '../expect-graft-error.ts';

const BERT = { model_type: 'bert', hidden_size: 32, num_attention_heads: 4 };
const [ONNX, QUANTISED, SAFETENSORS] = ['onnx/model.onnx', 'onnx/model_quantized.onnx', 'model.safetensors'];

function folderOf(config: object, ...names: string[]): FileSet {
  const bytes = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
  return memoryFiles(
    { 'config.json': bytes(config), ...Object.fromEntries(names.map((name) => [name, bytes(name)])) },
    'encoder',
  );
}

test.for([
  ['BERT with ONNX only', BERT, [ONNX], true],
  ['BERT in 8 bits', BERT, [QUANTISED], true],
  ['BERT with safetensors as well', BERT, [ONNX, SAFETENSORS], false],
  ['BERT with safetensors only', BERT, [SAFETENSORS], false],
  ['an architecture without kernels', { model_type: 'mpnet' }, [ONNX, SAFETENSORS], true],
  ['an architecture without kernels and without ONNX', { model_type: 'mpnet' }, [SAFETENSORS], false],
  [
    'positions that Graft does not compute',
    { ...BERT, position_embedding_type: 'relative_key' },
    [ONNX],
    true,
  ],
  ['a language model', { model_type: 'falcon', architectures: ['FalconForCausalLM'] }, [ONNX], false],
  ['a translator', { model_type: 'marian', is_encoder_decoder: true }, [ONNX], false],
] as const)('knows what runs %s', async ([, config, names, expected]) => {
  expect(await isOnnxEncoder(folderOf(config, ...names))).toBe(expected);
});

test('keeps one file of weights, and identifies the model by it', async () => {
  const both = folderOf(BERT, ONNX, QUANTISED, 'onnx/model_fp16.onnx');
  expect(modelFiles(both.list())).toEqual(['config.json', ONNX]);
  const whole = folderOf({ model_type: 'mpnet' }, ONNX, SAFETENSORS);
  expect(modelFiles(onlyOnnx(whole).list())).toEqual(['config.json', ONNX]);
  expect(modelFiles(whole.list())).toEqual(['config.json', SAFETENSORS]);
  const content = await contentOf(both);
  expect(await contentOf(folderOf(BERT, ONNX))).toBe(content);
  expect(await contentOf(folderOf(BERT, QUANTISED))).not.toBe(content);
  // An ONNX file next to safetensors is another form of the same model.
  expect(await contentOf(folderOf(BERT, ONNX, SAFETENSORS))).toBe(
    await contentOf(folderOf(BERT, SAFETENSORS)),
  );
});

test('counts positions as the family does', async () => {
  const positions = (model_type: string): Promise<number> =>
    onnxPositions(folderOf({ model_type, max_position_embeddings: 514 }));
  expect(await positions('bert')).toBe(514);
  expect(await positions('xlm-roberta')).toBe(512);
  expect(await onnxPositions(folderOf({ model_type: 'nomic_bert' }))).toBe(512);
});

test('reads the prefixes of sentence-transformers, and refuses one that is not a text', async () => {
  const withPrompts = (prompts: object): FileSet => {
    const bytes = new TextEncoder().encode(JSON.stringify({ prompts }));
    return memoryFiles({ 'config_sentence_transformers.json': bytes }, 'encoder');
  };
  const e5 = { query: 'query: ', passage: 'passage: ' };
  expect(await readPrefixes(withPrompts(e5))).toEqual({
    passagePrefix: 'passage: ',
    questionPrefix: 'query: ',
  });
  expect(await readPrefixes(withPrompts({ query: 'search_query: ', document: 'search_document: ' }))).toEqual(
    {
      passagePrefix: 'search_document: ',
      questionPrefix: 'search_query: ',
    },
  );
  expect(await readPrefixes(folderOf(BERT))).toEqual({ passagePrefix: '', questionPrefix: '' });
  await graftError(() => readPrefixes(withPrompts({ query: 5 })), 'config-field');
});
