/** The config.json of encoders of the BERT family. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sizeOf } from '../../../src/engine/tensor.ts';
import type { EncoderDefinition } from '../../../src/model/definition.ts';
import { defineEncoder, defineModel } from '../../../src/model/family.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const MINILM = {
  model_type: 'bert',
  vocab_size: 30522,
  hidden_size: 384,
  intermediate_size: 1536,
  num_hidden_layers: 6,
  num_attention_heads: 12,
};
const define = (changes: object = {}): EncoderDefinition =>
  defineEncoder({ ...MINILM, ...changes }, 'm/config.json');

it('has the weights of BertModel without its pooler, under both of their names', () => {
  const { weights, linears, shape, renamed } = define();
  // 22,713,216 of all-MiniLM-L6-v2, less its pooler's 384² + 384.
  expect(weights.reduce((sum, { shape: of }) => sum + sizeOf(of), 0)).toBe(22_713_216 - 384 * 385);
  expect(linears).toHaveLength(36);
  expect(shape).toMatchObject({ headSize: 32, maxPositions: 512, eps: 1e-12, activation: 'gelu', types: 2 });
  expect(renamed).toEqual([['', 'bert.']]);
});

it.each([
  [{ is_decoder: true }, 'config-unsupported', 'is_decoder'],
  [{ position_embedding_type: 'relative_key' }, 'config-unsupported', 'relative_key'],
  [{ hidden_act: 'relu' }, 'config-unsupported', 'relu'],
  [{ num_attention_heads: 7 }, 'config-field', 'num_attention_heads'],
  [{ num_attention_heads: 384 }, 'config-unsupported', 'head size'],
  [{ hidden_size: 2 ** 40 }, 'config-field', 'hidden_size'],
  [{ layer_norm_eps: 0 }, 'config-field', 'layer_norm_eps'],
  [{ quantization_config: { bits: 4 } }, 'config-unsupported', 'quantised'],
])('says which field cannot be: %j', async (changes, code, named) => {
  const error = await graftError(() => define(changes), code);
  expect(error.what).toContain(named);
  expect(error.what).toContain('m/config.json');
});

it('is distinguished from a language model, and a language model from it', async () => {
  const encoder = await graftError(() => defineModel(MINILM, 'm/config.json'), 'config-unsupported');
  expect(encoder.what).toBe(
    'm/config.json: bert is an encoder, which makes vectors of texts and cannot write any.',
  );
  const decoder = await graftError(() => define({ model_type: 'qwen3' }), 'config-unsupported');
  expect(decoder.what).toBe(
    'm/config.json: qwen3 is a language model, which writes texts; embeddings are made by an encoder.',
  );
  expect((await graftError(() => define({ model_type: 'toString' }), 'config-unsupported')).what).toContain(
    'not supported',
  );
});

it('ends in a GraftError or in a definition if it has hostile values', async () => {
  const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.constant(null));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.keys(MINILM)), value, async (field, hostile) => {
      await resultOrGraftError(() => define({ [field]: hostile }));
    }),
    { numRuns: 300 },
  );
});
