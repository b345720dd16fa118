/** `graft export`: every format of the registry, and what it refuses. */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapterModules, initialTensors } from '../../../src/adapters/registry.ts';
import { exportCommand } from '../../../src/cli/export.ts';
import { LIST } from '../../../src/cli/own-files.ts';
import { file, folder, writeFolder } from '../../../src/cli/files.ts';
import { mergeCommand } from '../../../src/cli/merge.ts';
import { PLACEHOLDERS, type ChatPageSettings } from '../../../src/export/chat-page/settings.ts';
import { EVALUATION_FILE, evaluationFile } from '../../../src/evaluate/record-file.ts';
import { recordOf } from '../../../src/evaluate/record.ts';
import { EXPORT_FORMATS } from '../../../src/export/formats/registry.ts';
import { modelCard, withSection } from '../../../src/export/model-card.ts';
import { writePeft } from '../../../src/export/peft.ts';
import { readModel } from '../../../src/model/family.ts';
import { openModelWeights } from '../../../src/model/folder-layout.ts';
import { EXACT_MATCH } from '../../../src/scorers/parts/share.ts';
import { SUMS } from '../../../src/weights/sums.ts';
import { parseSafetensors } from '../../../src/weights/safetensors.ts';
import { SPRIG } from '../../engine/sprig.ts';
import { readTensors } from '../../engine/reference-file.ts';
import { graftError } from '../expect-graft-error.ts';

const reference = (name: string): string =>
  fileURLToPath(new URL(`../../reference/peft/${name}`, import.meta.url));
const ADAPTER = reference('adapter');

let at: (...parts: string[]) => string;
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'graft-export-'));
  at = (...parts) => join(root, ...parts);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let said: string[] = [];
function run(flags: Readonly<Record<string, string | undefined>>, ...more: string[]): Promise<void> {
  said = [];
  const output = {
    line: (text: string) => void said.push(text),
    ...{ progress: () => undefined, result: () => undefined, clear: () => undefined },
  };
  const given = { model: SPRIG, adapter: ADAPTER, ...flags };
  const args = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
  return exportCommand([...args, ...more], output);
}

interface MlxConfig {
  readonly fine_tune_type: string;
  readonly num_layers: number;
  readonly lora_parameters: {
    readonly rank: number;
    readonly scale: number;
    readonly dropout: number;
    readonly keys: readonly string[];
  };
}
const mlxConfig = (out: string): MlxConfig =>
  JSON.parse(readFileSync(join(out, 'adapter_config.json'), 'utf8')) as MlxConfig;

describe('each format', () => {
  test('peft: the files unchanged', async () => {
    await run({ format: 'peft', out: at('peft') });
    expect(readdirSync(at('peft')).sort()).toEqual([...readdirSync(ADAPTER), LIST, SUMS].sort());
    for (const name of readdirSync(ADAPTER))
      expect(readFileSync(at('peft', name)).equals(readFileSync(join(ADAPTER, name))), name).toBe(true);
    expect(said.join()).toContain(at('peft'));
    const weights = readFileSync(at('peft', 'adapter_model.safetensors'));
    const sum = createHash('sha256').update(weights).digest('hex');
    expect(said).toContain(`SHA-256 of adapter_model.safetensors: ${sum}`);
    expect(readFileSync(at('peft', SUMS), 'utf8')).toContain(`${sum}  adapter_model.safetensors\n`);
  });

  test('merged: the files of graft merge, byte for byte', async () => {
    await run({ format: 'merged', out: at('merged') });
    const output = { line: () => undefined, progress: () => undefined, result: () => undefined };
    await mergeCommand(['--model', SPRIG, '--adapter', ADAPTER, '--out', at('by-merge')], {
      ...output,
      clear: () => undefined,
    });
    const byMerge = readdirSync(at('by-merge'));
    expect(readdirSync(at('merged')).sort()).toEqual([...byMerge, SUMS].sort());
    for (const name of byMerge.filter((one) => one !== LIST))
      expect(readFileSync(at('merged', name)).equals(readFileSync(at('by-merge', name))), name).toBe(true);
  });

  test('merged: in files of a size of choice, of which none stays next to another merge', async () => {
    const output = {
      ...{ line: () => undefined, progress: () => undefined },
      ...{ result: () => undefined, clear: () => undefined },
    };
    const merge = (...more: string[]): Promise<void> =>
      mergeCommand(['--model', SPRIG, '--adapter', ADAPTER, '--out', at('sharded'), ...more], output);
    await merge('--shard-size', '1MB');
    const shards = readdirSync(at('sharded')).filter((name) => name.endsWith('.safetensors'));
    expect(shards).toEqual([1, 2, 3].map((part) => `model-0000${part}-of-00003.safetensors`));
    for (const name of shards) expect(statSync(at('sharded', name)).size).toBeLessThan(1.1e6);
    const model = await readModel(folder(at('sharded')));
    await openModelWeights(folder(at('sharded')), model);
    const { code } = await graftError(() => merge(), 'folder-used');
    expect(code).toBe('folder-used');
    await merge('--overwrite');
    expect(readdirSync(at('sharded')).filter((name) => name.includes('safetensors'))).toEqual([
      'model.safetensors',
    ]);
    await graftError(() => merge('--overwrite', '--shard-size', 'small'), 'arguments');
  });

  test('mlx: the settings and the shapes that mlx-lm asks for', async () => {
    await run({ format: 'mlx', out: at('mlx') });
    expect(readdirSync(at('mlx')).sort()).toEqual([
      'README.md',
      SUMS,
      'adapter_config.json',
      'adapters.safetensors',
      LIST,
    ]);
    const card = readFileSync(at('mlx', 'README.md'), 'utf8');
    expect(card).toMatch(/^---\nbase_model: "sprig"\ntags:\n {2}- mlx\n/);
    expect(card).toContain('mlx_lm.generate --model BASE --adapter-path .');
    expect(mlxConfig(at('mlx'))).toEqual({
      fine_tune_type: 'lora',
      num_layers: 6,
      lora_parameters: {
        rank: 2,
        scale: 2,
        dropout: 0,
        keys: [
          ...['mlp.down_proj', 'mlp.gate_proj', 'mlp.up_proj'],
          ...['self_attn.k_proj', 'self_attn.o_proj', 'self_attn.q_proj', 'self_attn.v_proj'],
        ],
      },
    });
    const tensors = await parseSafetensors(file(at('mlx', 'adapters.safetensors')));
    expect(tensors.size).toBe(6 * 7 * 2);
    expect(tensors.get('model.layers.0.mlp.down_proj.lora_a')!.shape).toEqual([384, 2]);
    expect(tensors.get('model.layers.0.mlp.down_proj.lora_b')!.shape).toEqual([2, 128]);
  });

  test('mlx: DoRA has its magnitudes too', async () => {
    await run({ format: 'mlx', adapter: reference('dora'), out: at('mlx-dora') });
    expect(mlxConfig(at('mlx-dora')).fine_tune_type).toBe('dora');
    const { floats } = await readTensors(file(at('mlx-dora', 'adapters.safetensors')));
    const given = (await readTensors(file(join(reference('dora'), 'adapter_model.safetensors')))).floats;
    const path = 'model.layers.4.self_attn.v_proj';
    expect(floats.get(`${path}.m`)).toEqual(given.get(`base_model.model.${path}.lora_magnitude_vector`));
    expect(floats.size).toBe(6 * 3 * 3);
  });

  test('mlx: smaller ranks are padded with zeros, and other scales go into b', async () => {
    const config = {
      ...{ rank: 2, alpha: 4, dropout: 0.1, rsLora: false, targets: ['q_proj', 'layers.5.mlp.up_proj'] },
      rankPattern: { 'layers.5.mlp.up_proj': 4 },
      alphaPattern: { 'layers.5.self_attn.q_proj': 1 },
    };
    const modules = adapterModules(await readModel(folder(SPRIG)), config);
    const tensors = initialTensors(modules, 1);
    for (const [name, values] of tensors) if (name.includes('lora_B')) values.fill(1);
    await writeFolder(at('ranks'), writePeft({ config, modules, tensors }, { baseModel: 'sprig' }));
    await run({ format: 'mlx', adapter: at('ranks'), out: at('mlx-ranks') });
    const { lora_parameters: lora } = mlxConfig(at('mlx-ranks'));
    expect(lora).toEqual({ rank: 4, scale: 2, dropout: 0.1, keys: ['mlp.up_proj', 'self_attn.q_proj'] });
    const { floats } = await readTensors(file(at('mlx-ranks', 'adapters.safetensors')));
    const row = (name: string, rank: number): number[] => {
      const values = floats.get(`${name}.lora_b`)!;
      return [...values.subarray((rank * values.length) / 4, ((rank + 1) * values.length) / 4)];
    };
    const all = (values: readonly number[]): number[] => [...new Set(values)];
    const q = 'model.layers.5.self_attn.q_proj';
    // α / r is 1 / 2 there and 4 / 2 elsewhere.
    expect([0, 1, 2, 3].map((rank) => all(row(q, rank)))).toEqual([[0.25], [0.25], [0], [0]]);
    expect([0, 3].map((rank) => all(row('model.layers.0.self_attn.q_proj', rank)))).toEqual([[1], [0]]);
    // α / r is 4 / 4.
    expect([0, 3].map((rank) => all(row('model.layers.5.mlp.up_proj', rank)))).toEqual([[0.5], [0.5]]);
    const a = floats.get(`${q}.lora_a`)!;
    const given = tensors.get(`base_model.model.${q}.lora_A.weight`)!;
    expect([...a.subarray(0, 4)]).toEqual([given[0], given[given.length / 2], 0, 0]);
  });
});

/** What a written page holds, and the text of its HTML. */
function pageIn(out: string): { html: string; settings: ChatPageSettings } {
  const html = readFileSync(join(out, 'index.html'), 'utf8');
  const [, json] = /<script type="application\/json" id="settings">(.*?)<\/script>/s.exec(html)!;
  return { html, settings: JSON.parse(json) as ChatPageSettings };
}

/** The configuration of an adapter whose card is written. */
const CARD_CONFIG = { rank: 4, alpha: 8, targets: ['q_proj'] };

describe('the card', () => {
  test.each(EXPORT_FORMATS)(
    '$name: has the facts of the adapter, what was measured, and how the format is tested',
    async (format) => {
      const files: Record<string, Uint8Array<ArrayBuffer>> = {};
      for (const name of ['adapter_config.json', 'adapter_model.safetensors'])
        files[name] = new Uint8Array(readFileSync(join(ADAPTER, name)));
      const facts = { baseModel: 'sprig', baseLicence: 'mit', dataSha256: 'a'.repeat(64) };
      const card = modelCard(CARD_CONFIG, { ...facts, how: { recipe: { lr: 0.004 } } });
      files['README.md'] = new TextEncoder().encode(withSection(card, '## Measured\n\nOn 2 test rows.\n'));
      const base = folder(SPRIG);
      const parts = {
        ...{ baseModel: 'sprig', base, model: await readModel(base), adapterName: 'pirate', adapter: files },
        chatPage: async () => ({ html: Object.values(PLACEHOLDERS).join(''), offline: '' }),
      };
      for (const type of [undefined, ...(format.types?.includes('pair') ? ['pair'] : [])]) {
        const { files: written } = await format.prepare({ ...parts, ...(type !== undefined && { type }) });
        const own = written.find(({ name }) => ['README.md', 'index.html'].includes(name))!;
        let text = '';
        for await (const bytes of own.read()) text += new TextDecoder().decode(bytes);
        const wanted = [
          '| Licence of the base | mit |',
          facts.dataSha256,
          'On 2 test rows.',
          '0.004',
          format.proof,
        ];
        for (const part of wanted) expect(text).toContain(part);
      }
    },
  );
});

test('a card takes the last measurement of the folder along', async () => {
  const own = at('measured');
  cpSync(ADAPTER, own, { recursive: true });
  rmSync(join(own, SUMS), { force: true });
  writeFileSync(join(own, 'README.md'), modelCard(CARD_CONFIG, { baseModel: 'sprig' }));
  const about = { time: 0, model: { name: 'sprig', bundled: true }, data: { name: 'rows.jsonl' } };
  const answers = { answers: [{ text: 'yes' }], scores: { [EXACT_MATCH]: [1] } };
  const subject = { subject: { method: 'adapter', label: 'measured' } as const, ...answers };
  const record = recordOf(about, [{ prompt: 'Say', expected: 'yes' }], [subject], [{ name: EXACT_MATCH }]);
  writeFileSync(join(own, EVALUATION_FILE), evaluationFile(record));
  await run({ format: 'gguf', adapter: own, out: at('measured-gguf') });
  expect(readFileSync(at('measured-gguf', 'README.md'), 'utf8')).toContain('On 1 test row of rows.jsonl');
});

describe('page', () => {
  test('writes one file with the model, the adapter, its card and the settings of answers', async () => {
    const answers = { system: 'Be brief.', temperature: '0.7', 'top-p': '0.9', 'max-new-tokens': '40' };
    await run({ format: 'page', out: at('page'), ...answers }, '--single');
    expect(readdirSync(at('page')).sort()).toEqual([SUMS, LIST, 'index.html']);
    const { html, settings } = pageIn(at('page'));
    expect(settings).toMatchObject({
      ...{ name: 'adapter', about: 'sprig with adapter, LoRA in 42 layers.', system: 'Be brief.' },
      card: expect.stringMatching(
        /^---\nlicense: apache-2.0[\s\S]*## How the format is tested\n\n.*In a page it gives the answers of Graft/,
      ) as string,
      defaults: {
        maxNewTokens: 40,
        sampling: { temperature: 0.7, topP: 0.9, topK: 0 },
        stopStrings: [],
        single: true,
      },
    });
    expect(settings.defaults.seed).toBeUndefined();
    const inside = [...html.matchAll(/data-file="([^"]*)">([^<]*)</g)].map(([, name, text]) => [name, text]);
    expect(inside.map(([name]) => name)).toEqual([
      'model/config.json',
      'model/generation_config.json',
      'model/tokenizer.json',
      'model/tokenizer_config.json',
      'model/model.safetensors',
      'adapter/adapter_config.json',
      'adapter/adapter_model.safetensors',
    ]);
    for (const [name, text] of inside) {
      const path = name.replace('model/', `${SPRIG}/`).replace('adapter/', `${ADAPTER}/`);
      expect(Buffer.from(text, 'base64').equals(readFileSync(path)), name).toBe(true);
    }
    // Nothing is loaded or asked for from elsewhere.
    expect(html).toContain("default-src 'none'");
    expect(html).toContain("connect-src 'none'");
    expect(html).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(said.join('\n')).toMatch(/Chat page: one HTML file with everything in it/);
  });

  test('takes a tuned model by --tuned or --model, and a seed if one is given', async () => {
    await run({
      format: 'page',
      adapter: undefined,
      tuned: SPRIG,
      model: ADAPTER,
      seed: '7',
      out: at('tuned'),
    });
    const { settings } = pageIn(at('tuned'));
    expect(settings.about).toBe('Tuned from adapter. A llama model with 1,312,384 parameters.');
    expect(settings.defaults.seed).toBe(7);
    expect(settings.files.every(({ folder }) => folder === 'model')).toBe(true);
  });

  test('shows a name and a system prompt as text, whatever is in them', async () => {
    const hostile = '</script><img src=x onerror=alert(1)>';
    await writeFolder(at('<b>&'), {
      ...Object.fromEntries(readdirSync(ADAPTER).map((name) => [name, readFileSync(join(ADAPTER, name))])),
      'README.md': new TextEncoder().encode(hostile),
    });
    await run({ format: 'page', adapter: at('<b>&'), system: hostile, out: at('hostile') });
    const { html, settings } = pageIn(at('hostile'));
    expect(settings).toMatchObject({
      name: '<b>&',
      system: hostile,
      card: expect.stringContaining(`${hostile}\n\n* * *\n\n`) as unknown,
    });
    expect(html).toContain('<title>&lt;b&gt;&amp;</title>');
    expect(html).not.toContain('<img');
    expect(html).not.toContain('<b>');
  });
});

describe('onnx', () => {
  test('has the model in a folder of its own, which another export removes', async () => {
    await run({ format: 'onnx', type: 'int8', out: at('onnx') });
    expect(readdirSync(at('onnx', 'onnx'))).toEqual(['model_quantized.onnx']);
    expect(said.join('\n')).toMatch(/ONNX: one ONNX model, weights in 8 bits/);
    const { what } = await graftError(() => run({ format: 'onnx', out: at('onnx') }), 'folder-used');
    expect(what).toMatch(/holds a finished result \(onnx\/model_quantized\.onnx\)/);
    const tuned = { adapter: undefined, model: ADAPTER, tuned: SPRIG };
    await run({ format: 'onnx', type: 'f32', ...tuned, out: at('onnx') }, '--overwrite');
    expect(readdirSync(at('onnx', 'onnx'))).toEqual(['model.onnx']);
    writeFileSync(at('onnx', 'onnx', 'mine.txt'), 'mine');
    await run({ format: 'peft', out: at('onnx') }, '--overwrite');
    expect(readdirSync(at('onnx')).sort()).toEqual([...readdirSync(ADAPTER), LIST, SUMS, 'onnx'].sort());
    expect(readdirSync(at('onnx', 'onnx'))).toEqual(['mine.txt']);
  });
});

describe('a tuned model', () => {
  test('gguf-merged: takes a model without an adapter', async () => {
    await run({ format: 'gguf-merged', type: 'q8_0', adapter: undefined, out: at('bare') });
    expect(readdirSync(at('bare')).sort()).toEqual(['README.md', SUMS, LIST, 'sprig-q8_0.gguf']);
    expect(said.join('\n')).toMatch(/Merged GGUF: one model for llama\.cpp in q8_0: Q8_0 in 43 tensors/);
    expect(readFileSync(at('bare', 'README.md'), 'utf8')).toContain('llama-cli -m sprig-q8_0.gguf');
    // It is a result like any other.
    const again = { format: 'gguf-merged', type: 'q8_0', adapter: undefined, out: at('bare') };
    const { what } = await graftError(() => run(again), 'folder-used');
    expect(what).toMatch(/holds a finished result \(sprig-q8_0\.gguf\)/);
    await run({ format: 'gguf-merged', model: at('bare'), out: at('from-gguf') });
    expect(existsSync(at('from-gguf', 'adapter-f16.gguf'))).toBe(true);
  });
});

describe('refused, with nothing written', () => {
  test.each([
    ['no format', { format: undefined }, /--format is missing/],
    ['a format that is not there', { format: 'tflite' }, /tflite.*peft, merged, .*mlx/s],
    ['no output', { format: 'mlx', out: undefined }, /--out is missing/],
    ['no model', { format: 'mlx', model: undefined }, /--model is missing/],
    ['no adapter', { format: 'mlx', adapter: undefined }, /--adapter is missing/],
  ])('%s', async (_, flags, message) => {
    const { code, what, remedy } = await graftError(() => run({ out: at('none'), ...flags }), 'arguments');
    expect(`${code}: ${what} ${remedy}`).toMatch(message);
    expect(existsSync(at('none'))).toBe(false);
  });

  test.each(EXPORT_FORMATS.map(({ name }) => name))('%s into the model or the adapter', async (format) => {
    for (const out of [SPRIG, join(SPRIG, 'inside'), ADAPTER]) {
      const { what } = await graftError(() => run({ format, out }), 'arguments');
      expect(what).toMatch(/^--out .* (is|lies inside) (the base model|the adapter) /);
    }
    expect(existsSync(join(SPRIG, 'inside'))).toBe(false);
  });

  test('IA3 in MLX, which has none', async () => {
    const to = { format: 'mlx', adapter: reference('ia3'), out: at('none') };
    const { what, remedy } = await graftError(() => run(to), 'export-format');
    expect(`${what} ${remedy}`).toMatch(/IA3.*mlx-lm has LoRA and DoRA\. Export a merged model/);
    expect(existsSync(at('none'))).toBe(false);
  });

  test.each([
    [
      'a type for a format without types',
      { format: 'mlx', type: 'q8_0' },
      /--type is for gguf-merged, ollama and onnx/,
    ],
    [
      'a type that is not there',
      { format: 'gguf-merged', type: 'q3_k' },
      /--type is "q3_k", expected f32, f16/,
    ],
    ['a pair where files are merged', { format: 'gguf-merged', type: 'pair' }, /--type is "pair"/],
    [
      'rows for a format that loses nothing',
      { format: 'mlx', data: 'rows.jsonl' },
      /--data is for gguf-merged/,
    ],
    [
      'rows for files that Graft does not read again',
      { format: 'onnx', data: 'rows.jsonl' },
      /--data measures what merging costs, which Graft does for gguf-merged and ollama/,
    ],
    [
      'rows for a pair',
      { format: 'ollama', type: 'pair', data: 'rows.jsonl' },
      /--data measures what merging costs, and --type pair merges nothing/,
    ],
    ['a temperature elsewhere', { format: 'mlx', temperature: '1' }, /--temperature is for page, and mlx/],
    [
      'a type for a page',
      { format: 'page', type: 'f16' },
      /--type is for gguf-merged, ollama and onnx, and page/,
    ],
    [
      'a tuned model in a format of adapters',
      { format: 'mlx', adapter: undefined, tuned: SPRIG },
      /--tuned is for --format delta, gguf-merged, ollama, onnx and page, and mlx/,
    ],
    [
      'an adapter and a tuned model',
      { format: 'page', tuned: SPRIG },
      /both given, and an export has one model/,
    ],
    ['a system prompt elsewhere', { format: 'gguf-merged', system: 'x' }, /--system is for ollama/],
    [
      'rows that are not there',
      { format: 'gguf-merged', data: '/gone.jsonl' },
      /gone\.jsonl could not be read/,
    ],
  ])('%s', async (_, flags, message) => {
    const code = message.source.includes('gone') ? 'file-missing' : 'arguments';
    const { what } = await graftError(() => run({ out: at('none'), ...flags }), code);
    expect(what).toMatch(message);
    expect(existsSync(at('none'))).toBe(false);
  });

  test('a pair without an adapter', async () => {
    const to = { format: 'ollama', type: 'pair', adapter: undefined, out: at('none') };
    const { what } = await graftError(() => run(to), 'export-format');
    expect(what).toMatch(/no adapter is given/);
    expect(existsSync(at('none'))).toBe(false);
  });

  test('a folder that is not an adapter', async () => {
    await graftError(() => run({ format: 'mlx', adapter: SPRIG, out: at('none') }), 'adapter-missing');
    const above = { format: 'peft', adapter: join(ADAPTER, '..'), out: at('none') };
    const { what } = await graftError(() => run(above), 'adapter-missing');
    expect(what).toMatch(/has no adapter_config\.json, but its folders .*\badapter\b.*\bdora\b.* have one\./);
    expect(existsSync(at('none'))).toBe(false);
  });

  test('over an earlier export, unless it may be replaced', async () => {
    await run({ format: 'mlx', out: at('twice') });
    await graftError(() => run({ format: 'mlx', out: at('twice') }), 'folder-used');
    // A result of another format leaves nothing of the one before.
    await run({ format: 'peft', out: at('twice') }, '--overwrite');
    expect(readdirSync(at('twice')).sort()).toEqual([...readdirSync(ADAPTER), LIST, SUMS].sort());
  });
});
