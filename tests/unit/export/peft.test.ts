import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergedWeights } from '../../../src/export/merge.ts';
import {
  largestAdapter,
  readPeft,
  writePeft,
  type AdapterData,
  type Files,
} from '../../../src/export/peft.ts';
import type { ModelDefinition } from '../../../src/model/definition.ts';
import { defineModel, readModel } from '../../../src/model/family.ts';
import { type LoraConfig, type LoraModule, tensorNames } from '../../../src/adapters/lora/config.ts';
import { adapterModules, initialTensors } from '../../../src/adapters/registry.ts';
import { memoryFiles, memorySource, type ByteSource, type FileSet } from '../../../src/weights/bytes.ts';
import { toFloat32 } from '../../../src/weights/dtypes.ts';
import { concatBytes, parseSafetensors, writeSafetensors } from '../../../src/weights/safetensors.ts';
import { describeShared, sharedFolder, sharedJson } from '../../shared.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';

const CONFIG_JSON = {
  model_type: 'llama',
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
};
const model = defineModel(CONFIG_JSON, 'm/config.json');

const plain: LoraConfig = {
  rank: 3,
  alpha: 6,
  dropout: 0.1,
  rsLora: false,
  targets: ['q_proj', 'down_proj'],
  rankPattern: {},
  alphaPattern: {},
};

/** An adapter with numbers in A and in B. */
function adapterOf(config: LoraConfig, definition: ModelDefinition = model): AdapterData {
  const modules = adapterModules(definition, config);
  const tensors = initialTensors(modules, 1);
  for (const values of tensors.values()) values.forEach((value, i) => (values[i] = value + Math.sin(i)));
  return { config, modules, tensors };
}

const files = (adapter: AdapterData): Files => writePeft(adapter, { baseModel: 'm' });
const configOf = (written: Files): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(written[CONFIG])) as Record<string, unknown>;
const read = (written: Record<string, Uint8Array<ArrayBuffer> | string>): Promise<AdapterData> =>
  readPeft(memoryFiles(written, 'a'), model);
const readWith = (changes: Record<string, unknown>): Promise<AdapterData> => {
  const written = files(adapterOf(plain));
  return read({ ...written, [CONFIG]: JSON.stringify({ ...configOf(written), ...changes }) });
};

describe("PEFT's folder", () => {
  it.each<[string, Partial<LoraConfig>]>([
    ['plain', {}],
    ['rsLoRA', { rsLora: true }],
    [
      'patterns',
      {
        rankPattern: { 'layers.1.mlp.down_proj': 5, q_proj: 2 },
        alphaPattern: { 'layers.0.self_attn.q_proj': 64 },
      },
    ],
    ['one layer by its path', { targets: ['model.layers.1.self_attn.v_proj'] }],
  ])('gives back what was written: %s', async (_, changes) => {
    const adapter = adapterOf({ ...plain, ...changes });
    expect(await read(files(adapter))).toEqual(adapter);
  });

  it('has names, shapes and fields as PEFT has them', async () => {
    const written = files(adapterOf(plain));
    expect(Object.keys(written).sort()).toEqual(['README.md', CONFIG, WEIGHTS]);
    expect(configOf(written)).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      r: 3,
      lora_alpha: 6,
      lora_dropout: 0.1,
      target_modules: ['q_proj', 'down_proj'],
      base_model_name_or_path: 'm',
      use_rslora: false,
      use_dora: false,
      bias: 'none',
    });
    const entries = await parseSafetensors(memorySource(WEIGHTS, written[WEIGHTS]));
    expect(entries.get('base_model.model.model.layers.0.mlp.down_proj.lora_A.weight')?.shape).toEqual([
      3, 24,
    ]);
    expect(entries.get('base_model.model.model.layers.0.mlp.down_proj.lora_B.weight')?.shape).toEqual([
      16, 3,
    ]);
    expect(entries.size).toBe(8);
  });

  it('keeps the layers that a regular expression or other fields chose', async () => {
    const adapter = adapterOf({ ...plain, targets: ['layers.1.self_attn.q_proj', 'layers.1.mlp.down_proj'] });
    const written = files(adapter);
    const paths = ['model.layers.1.self_attn.q_proj', 'model.layers.1.mlp.down_proj'];
    for (const changes of [
      { target_modules: '.*layers.1.*(q_proj|down_proj)' },
      { target_modules: ['q_proj', 'down_proj'], layers_to_transform: 1, layers_pattern: 'blocks' },
    ]) {
      const config = JSON.stringify({ ...configOf(written), ...changes });
      const again = await read({ ...written, [CONFIG]: config });
      expect(again.modules).toEqual(adapter.modules);
      // Written again, the list alone must say which: PEFT would make adapters for the other layers too.
      expect(again.config.targets).toEqual(paths);
    }
  });

  it('refuses an embedding that is whole for a resized vocabulary, and says how such tokens are trained', async () => {
    const resized = defineModel({ ...CONFIG_JSON, vocab_size: 34 }, 'm/config.json');
    const { modules, tensors, config } = adapterOf({ ...plain, modulesToSave: 'both' }, resized);
    const whole = modules
      .filter(({ kind }) => kind === 'saved')
      .map(({ path }) => [`base_model.model.${path}.weight`, new Float32Array(34 * 16)] as const);
    const written = files({ modules, tensors: new Map([...tensors, ...whole]), config });
    // PEFT saves a resized embedding whole even where nobody asked for it.
    const unasked = JSON.stringify({ ...configOf(written), modules_to_save: null });
    for (const folder of [written, { ...written, [CONFIG]: unasked }]) {
      const error = await graftError(() => read(folder), 'adapter-unsupported');
      expect(error.what).toContain('a vocabulary that was resized to 34 tokens; the base model has 32');
      expect(error.remedy).toContain('trainable_token_indices');
    }
  });

  it('says which layers have an adapter as PEFT does', async () => {
    const adapter = adapterOf({ ...plain, targets: ['q_proj'], layersToTransform: [1] });
    expect(adapter.modules.map(({ path }) => path)).toEqual(['model.layers.1.self_attn.q_proj']);
    const written = files(adapter);
    expect(configOf(written)).toMatchObject({ target_modules: ['q_proj'], layers_to_transform: [1] });
    expect((await read(written)).config).toEqual(adapter.config);
    const single = JSON.stringify({ ...configOf(written), layers_to_transform: 1 });
    expect((await read({ ...written, [CONFIG]: single })).config).toEqual(adapter.config);
    for (const wrong of ['1', [0.5], [-1], {}]) {
      const config = JSON.stringify({ ...configOf(written), layers_to_transform: wrong });
      await expect(read({ ...written, [CONFIG]: config })).rejects.toThrow('layers_to_transform');
    }
    expect(() => adapterOf({ ...plain, layersToTransform: [2] })).toThrow('The model has no layer 2');
  });

  it.each([
    'model.embed_tokens.lora_embedding_A',
    'transformer.wte.lora_embedding_B',
    'lm_head.lora_A.weight',
    'lm_head.base_layer.weight',
  ])(
    'is unsupported, rather than of another base, if it has an adapter on an embedding or the head: %s',
    async (name) => {
      const written = files(adapterOf(plain));
      const entries = await parseSafetensors(memorySource(WEIGHTS, written[WEIGHTS]));
      const tensors = await Promise.all(
        [...entries.values()].map(async ({ name: own, dtype, shape, read: readEntry }) => ({
          ...{ name: own, dtype, shape },
          data: await readEntry(),
        })),
      );
      const other = {
        name: `base_model.model.${name}`,
        dtype: 'F32',
        shape: [1],
        data: new Float32Array(1),
      } as const;
      const weights = concatBytes(writeSafetensors([...tensors, other]));
      const error = await graftError(() => read({ ...written, [WEIGHTS]: weights }), 'adapter-unsupported');
      expect(error.what).toContain(`${other.name}, of an embedding or the head, is not supported`);
    },
  );

  it.each<[string, Record<string, unknown>, string]>([
    ['another kind', { peft_type: 'VERA' }, 'adapter-unsupported'],
    ['DoRA without its lengths', { use_dora: true }, 'adapter-fit'],
    ['saved modules', { modules_to_save: ['score'] }, 'adapter-unsupported'],
    ['token indices', { trainable_token_indices: [1] }, 'adapter-unsupported'],
    ['a bias beside B', { lora_bias: true }, 'adapter-unsupported'],
    ['VeLoRA', { velora_config: { num_groups: 2 } }, 'adapter-unsupported'],
    ['activated LoRA', { alora_invocation_tokens: [5] }, 'adapter-unsupported'],
    ['PiSSA, which changes the base', { init_lora_weights: 'pissa_niter_4' }, 'adapter-unsupported'],
    ['a pattern with lookahead', { rank_pattern: { '(?!k).*q_proj': 3 } }, 'adapter-unsupported'],
    ['no rank', { r: undefined }, 'adapter-config'],
    ['half a rank', { r: 1.5 }, 'adapter-config'],
    ['a negative alpha', { lora_alpha: -1 }, 'adapter-config'],
    ['dropout of 1', { lora_dropout: 1 }, 'adapter-config'],
    ['a pattern of texts', { alpha_pattern: { q_proj: '8' } }, 'adapter-config'],
    ['ranks that are not those of the tensors', { r: 4 }, 'adapter-fit'],
  ])('is refused, saying why: %s', async (_, changes, code) => {
    const error = await graftError(() => readWith(changes), code);
    if (code !== 'adapter-fit') expect(error.what).toContain(`a/${CONFIG}`);
  });

  it('an infinite number in a pattern is refused', async () => {
    const written = files(adapterOf(plain));
    const text = new TextDecoder()
      .decode(written[CONFIG])
      .replace('"alpha_pattern": {}', '"alpha_pattern": {"q_proj": 1e999}');
    expect(text).toContain('1e999');
    await graftError(() => read({ ...written, [CONFIG]: text }), 'adapter-config');
  });

  it('has the ranks of keys that are regular expressions, of which the first counts', async () => {
    const alpha = { [String.raw`^model\.layers\.[1]\..*q_proj`]: 7, '.*': 5, q_proj: 3 };
    const { modules, config } = await readWith({ alpha_pattern: alpha });
    const scales = (modules as readonly LoraModule[]).map(({ path, scale, rank }) => [path, scale * rank]);
    expect(scales).toEqual(
      modules.map(({ path }) => [path, path === 'model.layers.1.self_attn.q_proj' ? 7 : 5]),
    );
    expect((config as LoraConfig).alphaPattern['model.layers.1.self_attn.q_proj']).toBe(7);
  });

  it('asks PEFT to train biases, of a base without any', async () => {
    for (const bias of ['all', 'lora_only']) expect((await readWith({ bias })).modules).toHaveLength(4);
  });

  it('is missed in the folder of a full fine-tuning, which is called a model', async () => {
    const folder = memoryFiles({ 'config.json': '{}', 'model.safetensors': '' }, 'tuned');
    const error = await graftError(() => readPeft(folder, model), 'adapter-missing');
    expect(error.message).toContain(
      'it is the folder of a model, not of an adapter. Give a model as --model',
    );
  });

  it('names what is missing, and the first tensor that does not fit', async () => {
    const written = files(adapterOf(plain));
    await graftError(() => read({ [CONFIG]: written[CONFIG] }), 'adapter-missing');
    await graftError(() => read({ [WEIGHTS]: written[WEIGHTS] }), 'adapter-missing');
    const within = (...folders: string[]): FileSet => ({
      ...memoryFiles(Object.fromEntries(folders.map((name) => [`${name}/${CONFIG}`, '{}'])), 'out'),
      list: () => ['README.md', ...folders],
    });
    const two = await graftError(() => readPeft(within('ia3', 'lora'), model), 'adapter-missing');
    expect(two.message).toBe(
      `out has no ${CONFIG}, but its folders ia3, lora have one. Choose one of these folders.`,
    );
    const one = await graftError(() => readPeft(within('lora'), model), 'adapter-missing');
    expect(one.message).toBe(`out has no ${CONFIG}, but its folder lora has one. Choose that folder.`);
    const entries = await parseSafetensors(memorySource(WEIGHTS, written[WEIGHTS]));
    const rewrite = async (
      change: (
        name: string,
        shape: readonly number[],
      ) => { name: string; shape: readonly number[] } | undefined,
    ): Promise<Uint8Array<ArrayBuffer>> => {
      const tensors = [];
      for (const entry of entries.values()) {
        const changed = change(entry.name, entry.shape);
        if (changed) tensors.push({ ...changed, dtype: entry.dtype, data: await entry.read() });
      }
      return concatBytes(writeSafetensors(tensors));
    };
    const a = tensorNames('model.layers.1.self_attn.q_proj').a;
    const b = tensorNames('model.layers.1.self_attn.q_proj').b;
    const cases: [Parameters<typeof rewrite>[0], string][] = [
      [(name, shape) => (name === b ? undefined : { name, shape }), b],
      [(name, shape) => ({ name, shape: name === a ? [...shape].reverse() : shape }), a],
      [(name, shape) => ({ name, shape: name === b ? [shape[0] * shape[1]] : shape }), b],
      [(name, shape) => ({ name: name === a ? 'base_model.model.elsewhere' : name, shape }), a],
    ];
    // What PEFT writes of a base that has biases.
    const bias = 'base_model.model.model.layers.1.self_attn.q_proj.base_layer.bias';
    const biased = [...entries.values()].map(({ name, shape }) => ({ name, shape }));
    const data = (shape: readonly number[]): Float32Array<ArrayBuffer> =>
      new Float32Array(shape.reduce((size, one) => size * one, 1));
    const withBias = concatBytes(
      writeSafetensors(
        [...biased, { name: bias, shape: [4] }].map((one) => ({
          ...{ ...one, dtype: 'F32' as const, data: data(one.shape) },
        })),
      ),
    );
    const refused = await graftError(() => read({ ...written, [WEIGHTS]: withBias }), 'adapter-unsupported');
    expect(refused.what).toContain('a trained bias');
    for (const [change, named] of cases) {
      const error = await graftError(
        async () => read({ ...written, [WEIGHTS]: await rewrite(change) }),
        'adapter-fit',
      );
      expect(error.what).toContain(named);
    }
    const empty = concatBytes(writeSafetensors([]));
    await graftError(() => read({ ...written, [WEIGHTS]: empty }), 'adapter-fit');
  });

  it('damaged anywhere, ends in a GraftError or an adapter, and reads no more than its files', async () => {
    const written = files(adapterOf(plain));
    let errors = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(CONFIG, WEIGHTS),
        fc.nat(),
        fc.nat(255),
        fc.constantFrom('change', 'cut', 'repeat'),
        async (name, at, byte, kind) => {
          const whole = written[name];
          // Only the structure: the tensors' bytes may be anything.
          const place = at % Math.min(whole.length, 1_400);
          let bytes = whole.slice();
          if (kind === 'change') bytes[place] = byte;
          else if (kind === 'cut') bytes = whole.slice(0, place);
          else bytes = concatBytes([whole.slice(0, place), whole.slice(0, 200), whole.slice(place)]);
          const source = bounded({ ...written, [name]: bytes });
          if ((await resultOrGraftError(() => readPeft(source, model))) === 'error') errors++;
        },
      ),
      { numRuns: 1_500 },
    );
    expect(errors).toBeGreaterThan(500);
  });

  it('ends in a GraftError or an adapter if its settings are hostile', async () => {
    const written = files(adapterOf(plain));
    const base = configOf(written);
    const fields = [
      ...Object.keys(base),
      'layers_to_transform',
      'exclude_modules',
      'trainable_token_indices',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...fields), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
        async (changes) => {
          const config = JSON.stringify({ ...base, ...changes });
          await resultOrGraftError(async () => {
            const adapter = await read({ ...written, [CONFIG]: config });
            for (const { scale } of adapter.modules as readonly LoraModule[])
              expect(Number.isFinite(scale)).toBe(true);
            expect((await read(files(adapter))).modules).toEqual(adapter.modules);
          });
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

/** Files that fail the test when more than their size is asked for. */
it('says how large the weights of an adapter can be from its rank and the base, and no less than they are', async () => {
  const written = files(adapterOf(plain));
  const limit = await largestAdapter(memoryFiles(written, 'a'), model);
  expect(limit).toBeGreaterThan(written[WEIGHTS].length);
  // A rank of 8 on a model of a few thousand numbers does not take a gigabyte.
  expect(limit).toBeLessThan(2 ** 20);
  const rank = (r: number): Promise<number> =>
    largestAdapter(memoryFiles({ [CONFIG]: JSON.stringify({ ...configOf(written), r }) }, 'a'), model);
  expect(await rank(1024)).toBeLessThan(2 ** 27);
  await graftError(() => rank(2 ** 30), 'adapter-config');
});

function bounded(record: Record<string, Uint8Array<ArrayBuffer>>): FileSet {
  const inner = memoryFiles(record, 'a');
  return {
    ...inner,
    async open(name): Promise<ByteSource | undefined> {
      const source = await inner.open(name);
      return (
        source && {
          ...source,
          read(start, end) {
            if (end - start > source.size)
              throw new Error(`${end - start} bytes of ${source.size} were asked for`);
            return source.read(start, end);
          },
        }
      );
    },
  };
}

describe('merging', () => {
  it('adds scale · B · A to the targeted weights and keeps all others, in their types, without a tied head', async () => {
    const tied = defineModel(
      {
        model_type: 'llama',
        vocab_size: 8,
        hidden_size: 8,
        intermediate_size: 8,
        num_hidden_layers: 1,
        num_attention_heads: 1,
        tie_word_embeddings: true,
      },
      'm',
    );
    const adapter = adapterOf({ ...plain, targets: ['up_proj'] }, tied);
    const base = new Map(
      tied.weights.map(({ name, shape }) => {
        const size = shape.reduce((product, length) => product * length, 1);
        return [name, Float32Array.from({ length: size }, (_, i) => Math.cos(i + name.length))];
      }),
    );
    const source = await parseSafetensors(
      memorySource(
        'model.safetensors',
        concatBytes(
          writeSafetensors(
            tied.weights.map(({ name, shape }) => ({
              name,
              shape,
              dtype: 'F32' as const,
              data: base.get(name)!,
            })),
          ),
        ),
      ),
    );
    const weights = {
      names: () => [...source.keys()],
      get: (name: string) => source.get(name),
      onlyWeights: false,
    };
    const chunks = [];
    for await (const chunk of mergedWeights(tied, weights, adapter)) chunks.push(chunk);
    const merged = await parseSafetensors(memorySource('merged', concatBytes(chunks)));
    expect([...merged.keys()].sort()).toEqual([...source.keys()].sort());
    expect(merged.has('lm_head.weight')).toBe(false);
    const path = 'model.layers.0.mlp.up_proj';
    const a = adapter.tensors.get(tensorNames(path).a)!;
    const b = adapter.tensors.get(tensorNames(path).b)!;
    for (const [name, entry] of merged) {
      const values = toFloat32(await entry.read(), entry.dtype);
      const before = base.get(name)!;
      if (name !== `${path}.weight`) {
        expect(values, name).toEqual(before);
        continue;
      }
      for (let n = 0; n < 8; n++) {
        for (let k = 0; k < 8; k++) {
          let product = 0;
          for (let r = 0; r < 3; r++) product += b[n * 3 + r] * a[r * 8 + k];
          expect(values[n * 8 + k]).toBeCloseTo(before[n * 8 + k] + (6 / 3) * product, 5);
        }
      }
    }
  });
});

describeShared('adapters made by PEFT', () => {
  it.each(['lora', 'attention_only', 'rslora', 'patterns', 'dora'])(
    'are written again as they were: %s',
    async (name) => {
      const path = ['reference', 'stories260K', name, 'adapter'];
      const base = await readModel(sharedFolder('models', 'stories260K'));
      const first = await readPeft(sharedFolder(...path), base);
      const written = files(first);
      expect(await readPeft(memoryFiles(written, 'again'), base)).toEqual(first);
      const original = await parseSafetensors((await sharedFolder(...path).open(WEIGHTS))!);
      const ours = await parseSafetensors(memorySource(WEIGHTS, written[WEIGHTS]));
      expect([...ours.keys()].sort()).toEqual([...original.keys()].sort());
      for (const [tensor, entry] of original) {
        expect(ours.get(tensor)).toMatchObject({ shape: entry.shape, dtype: entry.dtype });
        expect(Buffer.compare(await ours.get(tensor)!.read(), await entry.read()), tensor).toBe(0);
      }
      const config = sharedJson<Record<string, unknown>>(...path, CONFIG);
      const again = configOf(written);
      for (const field of [
        'r',
        'lora_alpha',
        'lora_dropout',
        'use_rslora',
        'use_dora',
        'rank_pattern',
        'alpha_pattern',
        'target_modules',
      ])
        expect(again[field], field).toEqual(config[field]);
    },
  );

  it('are refused for another base, naming the first tensor that does not fit', async () => {
    const base = await readModel(sharedFolder('reference', 'families', 'llama'));
    const error = await graftError(
      () => readPeft(sharedFolder('reference', 'stories260K', 'lora', 'adapter'), base),
      'adapter-fit',
    );
    expect(error.what).toMatch(
      /^Tensor base_model\.model\.model\.layers\.0\.mlp\.gate_proj\.lora_B\.weight /,
    );
  });
});
