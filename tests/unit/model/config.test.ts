import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelDefinition } from '../../../src/model/definition.ts';
import { defineModel, readModel } from '../../../src/model/family.ts';
import { inverseFrequencies } from '../../../src/model/rope.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const config = {
  model_type: 'llama',
  vocab_size: 512,
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 5,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  eos_token_id: 2,
};

const define = (changes: Record<string, unknown>): ModelDefinition =>
  defineModel({ ...config, ...changes }, 'm/config.json');

/** Anything that a JSON file may hold where something else is expected. */
const hostile = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    '',
    'llama',
    [],
    {},
    [[]],
    0,
    -1,
    0.5,
    1,
    2,
    3,
    255,
    1024,
    1025,
    2 ** 24,
    2 ** 24 + 1,
    2 ** 31,
    2 ** 53,
    1e300,
    -1e300,
    Infinity,
    '8',
    [8],
    { rope_type: 'llama3' },
    { type: 'linear' },
    { rope_type: 'linear', factor: -1 },
    { rope_type: 'yarn', factor: 2 },
  ),
  fc.integer({ min: -4, max: 5000 }),
  fc.double(),
  fc.jsonValue({ maxDepth: 3 }),
);

describe('config.json', () => {
  it("is read with transformers' defaults for missing fields", () => {
    const { shape, linears, weights } = define({});
    expect(shape).toMatchObject({
      headSize: 8,
      heads: 8,
      kvHeads: 4,
      layers: 5,
      head: 'model.embed_tokens.weight',
    });
    expect(linears).toHaveLength(35);
    expect(weights.map(({ name }) => name)).not.toContain('lm_head.weight');
    const { num_key_value_heads: _, ...rest } = config;
    expect(defineModel({ ...rest, tie_word_embeddings: false }, 'm').shape).toMatchObject({
      kvHeads: 8,
      head: 'lm_head.weight',
    });
  });

  it.each<[Record<string, unknown>, string, string]>([
    [{ model_type: undefined }, 'config-field', 'model_type'],
    [{ model_type: 'mamba' }, 'config-unsupported', 'mamba'],
    [{ model_type: 'toString' }, 'config-unsupported', 'toString'],
    [{ vocab_size: undefined }, 'config-field', 'vocab_size'],
    [{ hidden_size: '64' }, 'config-field', 'hidden_size'],
    [{ hidden_size: 2 ** 40 }, 'config-field', 'hidden_size'],
    [{ num_hidden_layers: 0 }, 'config-field', 'num_hidden_layers'],
    [{ num_hidden_layers: 2 ** 24 }, 'config-field', 'num_hidden_layers'],
    [{ num_key_value_heads: 3 }, 'config-field', 'num_key_value_heads'],
    [{ num_attention_heads: 65 }, 'config-field', 'head'],
    [{ head_dim: 512 }, 'config-unsupported', 'head size'],
    [{ head_dim: 6 }, 'config-unsupported', 'head size'],
    [{ rms_norm_eps: -1 }, 'config-field', 'rms_norm_eps'],
    [{ hidden_act: 'relu' }, 'config-unsupported', 'relu'],
    [{ tie_word_embeddings: 'yes' }, 'config-field', 'tie_word_embeddings'],
    [{ rope_scaling: { rope_type: 'yarn', factor: 2 } }, 'config-unsupported', 'yarn'],
    [{ rope_scaling: { rope_type: 'llama3', factor: 2 } }, 'config-field', 'low_freq_factor'],
    [{ quantization_config: { bits: 4 } }, 'config-unsupported', 'quantised'],
  ])('says which field cannot be: %j', async (changes, code, named) => {
    const error = await graftError(() => define(changes), code);
    expect(error.what).toContain(named);
    expect(error.what).toContain('m/config.json');
  });

  it('ends in a GraftError or in a small definition, if it has hostile values', async () => {
    const fields = [
      ...Object.keys(config),
      'head_dim',
      'rope_scaling',
      'rope_parameters',
      'attention_bias',
      'hidden_act',
      'quantization_config',
    ];
    let defined = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...fields), hostile, { maxKeys: 4 }),
        async (changes) => {
          const ended = await resultOrGraftError(() => {
            const { shape, weights, linears } = define(changes);
            expect(weights.length + linears.length).toBeLessThanOrEqual(20 * 1024);
            for (const rope of shape.ropes) expect(inverseFrequencies(rope)).toHaveLength(shape.headSize / 2);
            for (const { shape: sizes } of weights)
              expect(Number.isSafeInteger(sizes.reduce((product, size) => product * size, 4))).toBe(true);
          });
          if (ended === 'result') defined++;
        },
      ),
      { numRuns: 2_000 },
    );
    expect(defined).toBeGreaterThan(20);
  });

  it('is refused by name if it is not an object, not JSON, or too large', async () => {
    const read = (content: string | Uint8Array<ArrayBuffer>): Promise<unknown> =>
      readModel(memoryFiles({ 'config.json': content }, 'm'));
    await graftError(() => readModel(memoryFiles({}, 'm')), 'config-missing');
    await graftError(() => read('[1]'), 'json-shape');
    await graftError(() => read('{"model_type": '), 'json-syntax');
    await graftError(() => read(Uint8Array.of(0x7b, 0xff, 0x7d)), 'json-encoding');
    await graftError(() => read('{"a":' + '['.repeat(1_000) + ']'.repeat(1_000) + '}'), 'json-depth');
    await graftError(() => read(new Uint8Array(2 ** 20 + 1)), 'file-too-large');
  });

  it('damaged anywhere, ends in a GraftError or in a definition', async () => {
    const text = new TextEncoder().encode(JSON.stringify(config));
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.nat(255), async (at, byte) => {
        const bytes = text.slice();
        bytes[at] = byte;
        await resultOrGraftError(() => readModel(memoryFiles({ 'config.json': bytes }, 'm')));
      }),
      { numRuns: 1_000 },
    );
  });
});
