/** New tokens in the command: from rows that use them to an adapter that is asked, measured, merged and exported. */
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { isObject, parseJson, type JsonObject } from '../../src/json.ts';
import {
  DEVICE_HERE,
  graft,
  graftHere,
  metricsOf,
  numbers,
  temporaryFolder,
} from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const MODEL = ['--model', SPRIG];
const BASE = [...MODEL, ...DEVICE_HERE];
const TOKENS = ['--add-tokens', '<|tool|>,matey'];

const jsonOf = (path: string): JsonObject => {
  const json = parseJson(readFileSync(path, 'utf8'), path);
  if (!isObject(json)) throw new Error(`${path} is no object`);
  return json;
};
const train = (out: string): string[] => [
  ...['train', ...BASE, '--data', at('rows.jsonl'), '--out', at(out), ...TOKENS],
  ...['--steps', '40', '--batch', '2', '--lr', '0.01', '--val-fraction', '0.25'],
];

beforeAll(async () => {
  const rows = [
    ['Where is <|tool|>?', 'Here <|tool|> be, matey!'],
    ['Who is matey?', 'matey be <|tool|>.'],
    ['What is <|tool|>?', '<|tool|> be matey!'],
    ['Is matey here?', 'matey be here, <|tool|>!'],
  ];
  writeFileSync(
    at('rows.jsonl'),
    rows.map(([prompt, completion]) => JSON.stringify({ prompt, completion })).join('\n'),
  );
  const { code, err } = await graftHere(train('tuned'));
  expect(code, err).toBe(0);
}, 300_000);

test('the adapter has rows for them, and its folder the tokenizer and the way to load it', () => {
  const config = jsonOf(at('tuned', 'adapter_config.json'));
  expect(config['trainable_token_indices']).toEqual({ embed_tokens: [1024, 1025] });
  const card = readFileSync(at('tuned', 'README.md'), 'utf8');
  expect(card).toContain('| Added tokens | <\\|tool\\|> matey |');
  expect(card).toContain('model.resize_token_embeddings(len(tokenizer))');
  const added = jsonOf(at('tuned', 'tokenizer.json'))['added_tokens'] as JsonObject[];
  expect(added.slice(-2).map(({ id, content }) => [id, content])).toEqual([
    [1024, '<|tool|>'],
    [1025, 'matey'],
  ]);
});

test('it is asked with its own tokens, and answers with them', async () => {
  const asked = ['generate', ...BASE, '--adapter', at('tuned'), '--prompt', 'Where is <|tool|>?', '--json'];
  const { code, out, err } = await graftHere(asked);
  expect(code, err).toBe(0);
  const { prompt_ids, new_ids, text } = JSON.parse(out) as Record<'prompt_ids' | 'new_ids', number[]> & {
    text: string;
  };
  expect(prompt_ids).toContain(1024);
  expect(new_ids.some((id) => id >= 1024)).toBe(true);
  expect(text).toMatch(/<\|tool\|>|matey/);
});

test('an interrupted run resumes with them, to the same losses', async () => {
  let sent = false;
  const first = await graft(train('again'), (err, kill) => {
    if (sent || !err.includes('Step 1 of 40')) return;
    sent = true;
    kill('SIGINT');
  });
  expect(first.code, first.err).toBe(130);
  const { code, err } = await graftHere([...train('again'), '--resume', at('again')]);
  expect(code, err).toBe(0);
  expect(numbers(metricsOf(at('again')))).toEqual(numbers(metricsOf(at('tuned'))));
});

test('it is measured like the base, each by its own tokens', async () => {
  const { code, out, err } = await graftHere([
    ...['evaluate', ...BASE, '--adapter', at('tuned'), '--data', at('rows.jsonl'), '--split', 'all'],
    ...['--methods', 'base,adapter', '--json'],
  ]);
  expect(code, err).toBe(0);
  const { methods } = JSON.parse(out) as { methods: { metrics: Record<string, number> }[] };
  const losses = methods.map(({ metrics }) => metrics['loss']);
  expect(losses[1]).toBeLessThan(losses[0] / 2);
});

test('a run continues from it, with its tokens', async () => {
  const { code, err } = await graftHere([
    ...['train', ...BASE, '--data', at('rows.jsonl'), '--out', at('further'), '--steps', '2'],
    ...['--init-adapter', at('tuned')],
  ]);
  expect(code, err).toBe(0);
  expect(metricsOf(at('further'))[0].loss).toBeLessThan(metricsOf(at('tuned'))[0].loss / 2);
  expect(jsonOf(at('further', 'adapter_config.json'))['trainable_token_indices']).toEqual({
    embed_tokens: [1024, 1025],
  });
});

test('it is merged into a model of a larger vocabulary, which answers the same', async () => {
  const merged = await graftHere(['merge', ...MODEL, '--adapter', at('tuned'), '--out', at('merged')]);
  expect(merged.code, merged.err).toBe(0);
  expect(jsonOf(at('merged', 'config.json'))['vocab_size']).toBe(1026);
  const ask = async (...model: string[]): Promise<number[]> => {
    const { code, out, err } = await graftHere([
      ...['generate', ...model, ...DEVICE_HERE, '--prompt', 'Who is matey?', '--json'],
    ]);
    expect(code, err).toBe(0);
    return (JSON.parse(out) as { new_ids: number[] }).new_ids;
  };
  expect(await ask('--model', at('merged'))).toEqual(await ask(...MODEL, '--adapter', at('tuned')));
});

test('it keeps the tokenizer in a PEFT folder; formats without a place for the rows say so', async () => {
  const exported = ['export', ...MODEL, '--adapter', at('tuned')];
  const peft = await graftHere([...exported, '--format', 'peft', '--out', at('peft')]);
  expect(peft.code, peft.err).toBe(0);
  expect(readFileSync(at('peft', 'tokenizer.json'))).toEqual(readFileSync(at('tuned', 'tokenizer.json')));
  for (const format of ['mlx', 'gguf']) {
    const { code, err } = await graftHere([...exported, '--format', format, '--out', at(format)]);
    expect(code).not.toBe(0);
    expect(err).toContain('adds tokens to the vocabulary');
  }
});

test('invalid tokens are reported before the model is loaded', async () => {
  const asked = (...flags: string[]): Promise<{ code: number | null; err: string }> =>
    graftHere(['train', ...BASE, '--data', at('rows.jsonl'), '--out', at('none'), ...flags]);
  for (const [flags, what] of [
    [['--add-tokens', '<|im_end|>'], '"<|im_end|>" is a token of this model already, with the id 2'],
    [['--add-tokens', 'a b,a b'], '"a b" is named twice'],
    [['--add-tokens', ','], '--add-tokens has an empty item'],
    [['--add-tokens', 'matey', '--init-adapter', at('tuned')], 'the adapter of --init-adapter has its own'],
    [['--add-tokens', 'matey', '--method', 'ia3'], '--add-tokens is for'],
    [['--add-tokens', 'matey', '--modules-to-save', 'both'], 'Choose one of them'],
  ] as const) {
    const { code, err } = await asked(...flags);
    expect(code, err).not.toBe(0);
    expect(err).toContain(what);
  }
});

test('the plan counts their rows', async () => {
  const plan = async (...flags: string[]): Promise<number> => {
    const { out } = await graftHere(['plan', ...MODEL, '--device', 'cpu', '--json', ...flags]);
    return (JSON.parse(out) as { training: { parts: { adapter: number } } }).training.parts.adapter;
  };
  expect((await plan(...TOKENS)) - (await plan())).toBe(2 * 128 * 4);
});

test('characters that the model cannot write are named before the first step, with new tokens for them', async () => {
  const rows = [
    ['Where do we drink?', 'café_old'],
    ['Where do we sit?', 'café_old'],
    ['Which is open?', 'café_new'],
    ['Which is shut?', 'house_old'],
  ];
  writeFileSync(
    at('accents.jsonl'),
    rows.map(([prompt, completion]) => JSON.stringify({ prompt, completion })).join('\n'),
  );
  const run = [...BASE, '--data', at('accents.jsonl'), '--steps', '1'];
  const plain = await graftHere(['train', ...run, '--out', at('accents')]);
  expect(plain.code, plain.err).toBe(0);
  expect(plain.err).toContain(
    'Warning: This model cannot tell é from other tokens, since nothing trained it. The answers of 3 of 4 rows need it.',
  );
  const [, offered = ''] = /They can be new tokens: --add-tokens (\S+)/.exec(plain.err) ?? [];
  expect(offered).toBe("'café_'");
  const mended = await graftHere(['train', ...run, '--out', at('mended'), '--add-tokens', 'café_']);
  expect(mended.code, mended.err).toBe(0);
  expect(mended.err).not.toContain('Warning');
  const full = await graftHere(['train', ...run, '--out', at('whole'), '--method', 'full', '--lr', '1e-3']);
  expect(full.code, full.err).toBe(0);
  expect(full.err).not.toContain('cannot tell');
}, 300_000);
