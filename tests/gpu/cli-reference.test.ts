/** The command beside the reference files: token rows, logits and gradients without a tokenizer. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeShared, sharedJson, sharedPath } from '../shared.ts';
import {
  DEVICE,
  DEVICE_HERE,
  floats,
  graft,
  graftHere,
  metricsOf,
  temporaryFolder,
  tensorsOf,
  type Line,
} from '../engine/graft-command.ts';
import { readReference } from '../engine/reference-file.ts';
import { worstError } from '../engine/run.ts';

const at = temporaryFolder();

describeShared('graft with the reference files', () => {
  const llama = (...parts: string[]): string => sharedPath('reference', 'families', 'llama', ...parts);

  test('trains on ready token rows, in their order, from an adapter of PEFT', async () => {
    const stories = (...parts: string[]): string => sharedPath('reference', 'stories260K', ...parts);
    const { code, err } = await graft([
      'train',
      '--model',
      sharedPath('models', 'stories260K'),
      '--data',
      stories('rows.jsonl'),
      '--out',
      at('stories'),
      '--init-adapter',
      stories('lora', 'adapter'),
      '--steps',
      '3',
      '--batch',
      '4',
      '--lr',
      '1e-3',
      '--schedule',
      'constant',
      '--warmup',
      '0',
      '--max-length',
      '256',
      '--no-shuffle',
      '--precision',
      'f32',
      ...DEVICE,
    ]);
    expect(code, err).toBe(0);
    const expected = readFileSync(stories('curves', 'constant', 'metrics.jsonl'), 'utf8')
      .split('\n')
      .slice(0, 3)
      .map((line) => JSON.parse(line) as Line);
    metricsOf(at('stories')).forEach((line, i) => {
      expect(Math.abs(line.loss - expected[i].loss)).toBeLessThan(1e-4);
      expect(line.supervised_tokens).toBe(expected[i].supervised_tokens);
    });
  });

  test('logits and gradients need no tokenizer', async () => {
    const { floats: reference, integers } = await readReference([
      'reference',
      'families',
      'llama',
      'reference.safetensors',
    ]);
    const { values, shape } = integers.get('ids')!;
    const labels = integers.get('labels')!.values;
    const T = shape[shape.length - 1];
    const rows = Array.from({ length: values.length / T }, (_, i) => [i * T, (i + 1) * T] as const);
    writeFileSync(
      at('rows.jsonl'),
      rows
        .map(
          ([start, end]) =>
            `${JSON.stringify({ ids: values.slice(start, end), labels: labels.slice(start, end) })}\n`,
        )
        .join(''),
    );
    const common = ['--model', llama(), '--adapter', llama('adapter'), ...DEVICE];
    const logits = await graft([
      'logits',
      ...common,
      '--ids',
      values.slice(0, T).join(','),
      '--out',
      at('logits.safetensors'),
    ]);
    expect(logits.code, logits.err).toBe(0);
    const entry = (await tensorsOf(at('logits.safetensors'))).get('logits')!;
    const V = sharedJson<{ vocab_size: number }>('reference', 'families', 'llama', 'config.json').vocab_size;
    expect(entry).toMatchObject({ dtype: 'F32', shape: [T, V] });
    expect(worstError(await floats(entry), reference.get('logits_lora')!.subarray(0, T * V))).toBeLessThan(
      1e-4,
    );

    const gradients = await graft([
      'gradients',
      ...common,
      '--data',
      at('rows.jsonl'),
      '--rows',
      String(rows.length),
      '--out',
      at('grads.safetensors'),
    ]);
    expect(gradients.code, gradients.err).toBe(0);
    const ours = await tensorsOf(at('grads.safetensors'));
    const expected = (await readReference(['reference', 'families', 'llama', 'grads.safetensors'])).floats;
    expect([...ours.keys()].sort()).toEqual([...expected.keys(), 'loss'].sort());
    expect(ours.get('loss')).toMatchObject({ dtype: 'F32', shape: [1] });
    expect(Math.abs((await floats(ours.get('loss')))[0] - reference.get('loss')![0])).toBeLessThan(1e-4);
    const peft = await tensorsOf(llama('grads.safetensors'));
    for (const [name, gradient] of expected) {
      expect(ours.get(name)?.shape, name).toEqual(peft.get(name)!.shape);
      expect(worstError(await floats(ours.get(name)), gradient), name).toBeLessThan(1e-3);
    }

    // A new adapter of every kind, under PEFT's names.
    for (const [method, ends] of [
      ['dora', /lora_(A|B|magnitude_vector)/],
      ['ia3', /(k_proj|v_proj|down_proj)\.ia3_l$/],
    ] as const) {
      const out = at(`${method}.safetensors`);
      const made = await graftHere([
        ...['gradients', '--model', llama(), '--method', method, ...DEVICE_HERE],
        ...['--data', at('rows.jsonl'), '--rows', '1', '--out', out],
      ]);
      expect(made.code, made.err).toBe(0);
      const found = [...(await tensorsOf(out)).keys()].filter((name) => name !== 'loss');
      expect(found.length).toBeGreaterThan(0);
      for (const name of found) expect(name).toMatch(ends);
    }

    const full = await graftHere([
      'gradients',
      '--model',
      llama(),
      '--method',
      'full',
      ...DEVICE_HERE,
      '--data',
      at('rows.jsonl'),
      '--rows',
      '1',
      '--out',
      at('full.safetensors'),
    ]);
    expect(full.code, full.err).toBe(0);
    const names = [...(await tensorsOf(at('full.safetensors'))).keys()];
    expect(names.sort()).toEqual(['loss', ...(await tensorsOf(llama('model.safetensors'))).keys()].sort());
  });
});
