/** `graft export --run`: a run as a folder for another program. What the programs make of it is in tests/interop/graduate.test.ts. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { LIST } from '../../src/cli/own-files.ts';
import { readLineage } from '../../src/cli/lineage.ts';
import {
  DEVICE,
  DEVICE_HERE,
  floats,
  graft,
  graftHere,
  temporaryFolder,
  tensorsOf,
} from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const ROWS = Array.from({ length: 20 }, (_, i) => ({
  messages: [
    { role: 'user', content: `Say ${i}.` },
    { role: 'assistant', content: `Yes, ${i}!` },
  ],
}));
const TRAIN = (): string[] => [
  ...[
    'train',
    '--model',
    SPRIG,
    '--data',
    at('rows.jsonl'),
    '--rank',
    '2',
    '--targets',
    'q_proj',
    '--batch',
    '2',
  ],
  ...[
    '--accumulate',
    '2',
    '--max-length',
    '48',
    '--val-fraction',
    '0.2',
    '--test-fraction',
    '0.1',
    '--warmup',
    '1',
  ],
];
const exportRun = (
  run: string,
  format: string,
  out: string,
  ...more: string[]
): ReturnType<typeof graftHere> =>
  graftHere(['export', '--run', run, '--format', format, '--out', out, ...more]);
const jsonOf = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const linesOf = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

beforeAll(async () => {
  writeFileSync(at('rows.jsonl'), ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const { code, err } = await graftHere([...TRAIN(), '--steps', '3', '--out', at('run'), ...DEVICE_HERE]);
  expect(code, err).toBe(0);
});

describe('a run that has ended', () => {
  test('is written for TRL with its rows, their order, its adapter and its moments', async () => {
    const { code, err } = await exportRun(at('run'), 'trl', at('trl'));
    expect(code, err).toBe(0);
    expect(readdirSync(at('trl')).sort()).toEqual(
      [
        ...[LIST, 'README.md', 'accelerate-fsdp.yaml', 'accelerate.yaml', 'adapter_config.json'],
        ...[
          'adapter_model.safetensors',
          'graft_run.py',
          'lineage.json',
          'optimiser.safetensors',
          'order.jsonl',
        ],
        ...['requirements.txt', 'run.json', 'test.jsonl', 'train.jsonl', 'train.py', 'validation.jsonl'],
      ].sort(),
    );
    expect(jsonOf(at('trl', 'run.json'))).toMatchObject({
      ...{ objective: 'sft', step: 3, steps: 3, batch: 2, rows_per_step: 4, warmup: 1, betas: [0.9, 0.999] },
    });
    const train = linesOf(at('trl', 'train.jsonl')) as {
      input_ids: number[];
      labels: number[];
      text: string;
    }[];
    expect([
      train.length,
      linesOf(at('trl', 'validation.jsonl')).length,
      linesOf(at('trl', 'test.jsonl')).length,
    ]).toEqual([14, 4, 2]);
    for (const { input_ids, labels, text } of train) {
      expect(labels).toHaveLength(input_ids.length);
      labels.forEach((label, i) => expect([-100, input_ids[i]]).toContain(label));
      expect(text).toMatch(/Say \d+\.[^]*Yes, \d+!/);
    }
    const order = linesOf(at('trl', 'order.jsonl')) as number[][];
    expect(order).toHaveLength(1000);
    // Fourteen rows are taken before one comes again: the steps before took the first twelve.
    expect(order.slice(0, 4).map((step) => step.length)).toEqual([4, 4, 4, 4]);
    expect(new Set(order.flat().slice(2, 16)).size).toBe(14);
    const [adapter, moments] = await Promise.all(
      ['adapter_model.safetensors', 'optimiser.safetensors'].map((name) => tensorsOf(at('trl', name))),
    );
    for (const [name, { shape }] of adapter)
      for (const plane of ['exp_avg', 'exp_avg_sq']) {
        const moment = moments.get(`${plane}/${name}`);
        expect(moment?.shape, name).toEqual(shape);
        expect((await floats(moment)).some((value) => value !== 0)).toBe(true);
      }
    expect(moments.size).toBe(2 * adapter.size);
    const lineage = (await readLineage(at('trl')))!;
    expect(join(at('trl'), lineage.data[0].path)).toBe(at('rows.jsonl'));
    expect(join(at('trl'), lineage.model)).toBe(SPRIG.replace(/\/$/, ''));
  });

  test('is written for axolotl with the tokens of its next steps', async () => {
    const { code, err } = await exportRun(at('run'), 'axolotl', at('axolotl'));
    expect(code, err).toBe(0);
    const config = readFileSync(at('axolotl', 'config.yaml'), 'utf8');
    for (const line of [
      'lora_model_dir: .',
      'max_steps: 4',
      'curriculum_sampling: true',
      'micro_batch_size: 2',
      'eval_strategy: steps',
    ])
      expect(config.split('\n')).toContain(line);
    const rows = linesOf(at('axolotl', 'train.jsonl')) as Record<string, number[]>[];
    expect(rows).toHaveLength(16);
    for (const { input_ids, attention_mask, labels } of rows) {
      expect(attention_mask).toEqual(input_ids.map(() => 1));
      expect(labels).toHaveLength(input_ids.length);
    }
  });

  test('is written for LLaMA-Factory as conversations', async () => {
    const { code, err } = await exportRun(at('run'), 'llama-factory', at('factory'));
    expect(code, err).toBe(0);
    const infos = jsonOf(at('factory', 'dataset_info.json')) as Record<string, { file_name: string }>;
    const config = readFileSync(at('factory', 'train.yaml'), 'utf8');
    expect(config).toContain('eval_strategy: steps\n');
    for (const name of ['graft_train', 'graft_validation']) {
      expect(config).toContain(`dataset: ${name}\n`);
      for (const row of linesOf(at('factory', infos[name].file_name))) expect(ROWS).toContainEqual(row);
    }
    expect(linesOf(at('factory', 'train.jsonl'))).toHaveLength(16);
  });

  test('is not exported over a folder that holds something', async () => {
    mkdirSync(at('mine'));
    writeFileSync(at('mine', 'train.py'), 'mine');
    const { code, err } = await exportRun(at('run'), 'trl', at('mine'));
    expect([code, err]).toEqual([1, expect.stringContaining('train.py')]);
    expect(readFileSync(at('mine', 'train.py'), 'utf8')).toBe('mine');
    expect(readdirSync(at('mine'))).toEqual(['train.py']);
  });

  test('is refused where its rows are not what they were', async () => {
    cpSync(at('run'), at('changed'), { recursive: true });
    const rows = readFileSync(at('rows.jsonl'), 'utf8');
    writeFileSync(at('rows.jsonl'), rows.replaceAll('Yes', 'No'));
    const { code, err } = await exportRun(at('changed'), 'trl', at('never'));
    writeFileSync(at('rows.jsonl'), rows);
    expect([code, err]).toEqual([1, expect.stringMatching(/the rows of .* changed since/)]);
    expect(existsSync(at('never'))).toBe(false);
  });

  test.each([
    ['run-state.json', /without the state of its optimiser/],
    ['lineage.json', /has no lineage.json/],
  ])('is refused without %s', async (name, what) => {
    const copy = at(`without-${name}`);
    cpSync(at('run'), copy, { recursive: true });
    rmSync(join(copy, name));
    const { code, err } = await exportRun(copy, 'trl', at('never'));
    expect([code, err]).toEqual([1, expect.stringMatching(what)]);
  });
});

test('a run of judged answers keeps their labels', async () => {
  const votes = join(import.meta.dirname, '../../public/samples/more/votes.jsonl');
  const given = linesOf(votes) as { prompt: string; completion: string; label: boolean }[];
  const train = [
    'train',
    '--model',
    SPRIG,
    '--data',
    votes,
    '--objective',
    'kto',
    '--rank',
    '1',
    '--targets',
    'q_proj',
  ];
  const { code, err } = await graftHere([
    ...train,
    '--batch',
    '2',
    '--steps',
    '1',
    '--out',
    at('votes'),
    ...DEVICE_HERE,
  ]);
  expect(code, err).toBe(0);
  for (const format of ['trl', 'llama-factory'])
    expect((await exportRun(at('votes'), format, at(`votes-${format}`))).code).toBe(0);
  const tokens = linesOf(at('votes-trl', 'train.jsonl')) as { desirable: boolean; kl_labels: number[] }[];
  expect(tokens.map(({ desirable }) => desirable)).toEqual(given.map(({ label }) => label));
  expect(tokens.every(({ kl_labels }) => kl_labels.some((label) => label >= 0))).toBe(true);
  const rows = linesOf(at('votes-llama-factory', 'train.jsonl')) as {
    messages: { content: string }[];
    kto_tag: boolean;
  }[];
  const told = new Set(
    given.map(({ prompt, completion, label }) => JSON.stringify([prompt, completion, label])),
  );
  for (const { messages, kto_tag } of rows)
    expect(told).toContain(JSON.stringify([...messages.map(({ content }) => content), kto_tag]));
});

test('a run that is paused is exported at its step, with the rows that its next step takes', async () => {
  let acted = false;
  const { code, err } = await graft(
    [...TRAIN(), '--steps', '200', '--out', at('paused'), ...DEVICE],
    (told, kill) => {
      if (acted || !told.includes('Step 1 of')) return;
      acted = true;
      kill('SIGINT');
    },
  );
  expect(code, err).toBe(130);
  const exported = await exportRun(at('paused'), 'trl', at('paused-trl'));
  expect(exported.code, exported.err).toBe(0);
  const { step } = (jsonOf(at('paused', 'state', 'state.json')) as { counters: { step: number } }).counters;
  expect(step).toBeLessThan(200);
  expect(jsonOf(at('paused-trl', 'run.json'))).toMatchObject({ step, steps: 200 });
  expect((await readLineage(at('paused-trl')))!.steps).toBe(step);
});

describe('the command', () => {
  test.each([
    [['--run', 'x', '--format', 'gguf'], /--run is for trl/],
    [['--run', 'x', '--adapter', 'y', '--format', 'trl', '--out', 'z'], /--adapter is given/],
    [['--format', 'trl', '--out', 'z'], /--run/],
  ])('refuses %j', async (args, what) => {
    const { code, err } = await graftHere(['export', ...args]);
    expect([code, err]).toEqual([2, expect.stringMatching(what)]);
  });
});

test.skipIf(spawnSync('python3', ['--version']).status !== 0)('the scripts compile', () => {
  const folder = join(import.meta.dirname, '../../src/runs/graduate/trl');
  const scripts = readdirSync(folder).filter((name) => name.endsWith('.py'));
  expect(scripts).toContain('graft_run.py');
  const code =
    'import ast, sys; [ast.parse(open(path, encoding="utf-8").read(), path) for path in sys.argv[1:]]';
  const { status, stderr } = spawnSync(
    'python3',
    ['-c', code, ...scripts.map((name) => join(folder, name))],
    {
      encoding: 'utf8',
    },
  );
  expect(status, stderr).toBe(0);
});
