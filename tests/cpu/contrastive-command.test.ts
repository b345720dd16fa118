/** The commands on an encoder that is tuned: their files against torch's numbers, and what they refuse. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DEVICE_HERE, floats, graftHere, temporaryFolder, tensorsOf } from '../engine/graft-command.ts';
import { readTensorsOf, referenceFolder, referencePath } from '../engine/reference-file.ts';
import { worstError } from '../engine/run.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const MODEL = referencePath('encoders', 'mean');
const ROWS = referencePath('encoders', 'contrastive', 'rows.jsonl');
const LEARN = ['--model', MODEL, ...DEVICE_HERE, '--objective', 'contrastive'];

async function done(...args: string[]): Promise<string> {
  const { code, err, out } = await graftHere(args);
  expect(code, err).toBe(0);
  return `${err}${out}`;
}

test('writes the gradients of torch, and what the batch reports', async () => {
  const start = referencePath('encoders', 'contrastive', 'start-mean');
  const out = at('gradients.safetensors');
  await done('gradients', ...LEARN, '--adapter', start, '--data', ROWS, '--rows', '4', '--out', out);
  const found = await tensorsOf(out);
  const { floats: expected } = await readTensorsOf(
    referenceFolder('encoders', 'contrastive'),
    'mean.safetensors',
  );
  const names = [...expected.keys()].filter((name) => name.startsWith('gradient.'));
  expect(names).toHaveLength(8);
  const all = async (): Promise<number[]> => {
    const lists = await Promise.all(names.map((name) => floats(found.get(name.slice('gradient.'.length)))));
    return lists.flatMap((values) => Array.from(values));
  };
  expect(
    worstError(
      await all(),
      names.flatMap((name) => Array.from(expected.get(name)!)),
    ),
  ).toBeLessThan(1e-4);
  expect([0, 0.25, 0.5, 0.75, 1]).toContain((await floats(found.get('accuracy')))[0]);
});

test('trains, validates on held-out rows, and saves an adapter that embed uses', async () => {
  const [out, texts] = [at('run'), referencePath('encoders', 'contrastive', 'texts.jsonl')];
  const told = await done(
    ...['train', ...LEARN, '--data', ROWS, '--out', out, '--val-fraction', '0.25', '--steps', '12'],
    ...['--batch', '3', '--lr', '0.02', '--eval-every', '4', '--rank', '4', '--targets', 'query,value'],
  );
  expect(told).toContain('Read 8 rows (queries)');
  const log = readFileSync(`${out}/metrics.jsonl`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);
  expect(log).toHaveLength(12);
  expect(log[11]['loss']).toBeLessThan(log[0]['loss']);
  expect(log[0]['eval_loss_before']).toBeGreaterThan(0);
  expect(log.filter((step) => step['eval_loss'] !== undefined)).toHaveLength(3);
  const config = JSON.parse(readFileSync(`${out}/adapter_config.json`, 'utf8')) as Record<string, unknown>;
  expect(config).toMatchObject({ task_type: 'FEATURE_EXTRACTION', target_modules: ['query', 'value'], r: 4 });
  expect(readFileSync(`${out}/README.md`, 'utf8')).toContain(
    'from transformers import AutoModel, AutoTokenizer',
  );

  const embed = async (...flags: string[]): Promise<Float32Array> => {
    const file = at('vectors.safetensors');
    await done(
      ...['embed', '--model', MODEL, ...DEVICE_HERE, '--data', texts, '--out', file, '--overwrite', ...flags],
    );
    return floats((await tensorsOf(file)).get('embeddings'));
  };
  const [before, after] = [await embed(), await embed('--adapter', out)];
  const nearest = (vectors: Float32Array): number => {
    const row = (i: number): Float32Array => vectors.subarray(32 * i, 32 * (i + 1));
    const cosine = (i: number, j: number): number => row(i).reduce((sum, x, c) => sum + x * row(j)[c], 0);
    return Array.from(
      { length: 8 },
      (_, i) => cosine(2 * i, 2 * i + 1) - cosine(2 * i, (2 * i + 3) % 16),
    ).reduce((sum, margin) => sum + margin);
  };
  expect(nearest(after)).toBeGreaterThan(nearest(before));
});

test('a merged encoder says how it makes vectors, whether its base does or not', async () => {
  const adapter = referencePath('encoders', 'contrastive', 'start-mean');
  const merge = async (model: string, out: string): Promise<unknown[]> => {
    await done('merge', '--model', model, '--adapter', adapter, '--out', out);
    const files = ['modules.json', '1_Pooling/config.json', 'sentence_bert_config.json'];
    return files.map((name) => JSON.parse(readFileSync(join(out, name), 'utf8')) as unknown);
  };
  const copied = await merge(MODEL, at('merged'));
  cpSync(MODEL, at('bare'), { recursive: true });
  rmSync(at('bare', 'modules.json'));
  rmSync(at('bare', '1_Pooling'), { recursive: true });
  // The base pools by the mean, as an encoder that does not say is taken to do.
  expect(await merge(at('bare'), at('merged-bare'))).toEqual(copied);
});

test('prints a recipe and a plan of such a run, which generates nothing', async () => {
  const recipe = JSON.parse(
    (await graftHere(['recipe', '--model', MODEL, '--objective', 'contrastive', '--data', ROWS, '--json']))
      .out,
  ) as Record<string, unknown>;
  expect(recipe).toMatchObject({ objective: 'contrastive', temperature: 0.05, batch: 16, maxLength: 24 });
  const plan = await done('plan', ...LEARN, '--data', ROWS);
  expect(plan).toContain('for training, at its peak: 16 rows');
  expect(plan).not.toContain('generation');
});

test('plans the memory of a run to the byte', async () => {
  const run = [...LEARN, '--data', ROWS, '--val-fraction', '0.25', '--steps', '10'];
  const { out } = await graftHere(['train', ...run, '--out', at('planned'), '--json']);
  const plan = JSON.parse((await graftHere(['plan', ...run, '--json', '-'])).out) as {
    training: { peakBytes: number };
  };
  expect(plan.training.peakBytes).toBe((JSON.parse(out) as { peakBytes: number }).peakBytes);
});

test.each([
  ['an encoder without the objective', ['--data', ROWS], /bert is an encoder/, MODEL],
  ['a model that writes', ['--objective', 'contrastive', '--data', ROWS], /llama is a language model/, SPRIG],
  [
    'all weights',
    ['--objective', 'contrastive', '--method', 'full', '--data', ROWS],
    /trains all weights/,
    MODEL,
  ],
  [
    'virtual tokens',
    ['--objective', 'contrastive', '--method', 'prompt', '--data', ROWS],
    /adds tokens/,
    MODEL,
  ],
  ['forgetting', ['--objective', 'contrastive', '--forgetting', '--data', ROWS], /has forgotten/, MODEL],
  ['packing', ['--objective', 'contrastive', '--packing', '--data', ROWS], /packing would do nothing/, MODEL],
])('refuses %s', async (_, flags, says, model) => {
  const { code, err } = await graftHere([
    ...['train', '--model', model, ...DEVICE_HERE, '--out', at('refused')],
    ...flags,
  ]);
  expect(code).not.toBe(0);
  expect(err).toMatch(says);
});

test('names rows that are not for this model', async () => {
  const answers = at('answers.jsonl');
  writeFileSync(answers, '{"prompt": "a", "completion": "b"}\n');
  const out = at('none');
  const asEncoder = await graftHere(['train', ...LEARN, '--data', answers, '--out', out]);
  expect(asEncoder.err).toContain('line 1 left out: the row has no query and positive');
  const asWriter = await graftHere(['train', '--model', SPRIG, ...DEVICE_HERE, '--data', ROWS, '--out', out]);
  expect(asWriter.err).toContain('graft train --objective contrastive tunes one with them');
});
