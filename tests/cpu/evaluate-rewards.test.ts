/** An adapter that learned from rewards, measured by the command with those rewards: with the question alone and with examples. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { scoreValue, type LineageReport } from '../../src/evaluate/lineage.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';

const publicFile = (path: string): string => fileURLToPath(new URL(`../../public/${path}`, import.meta.url));
const BASE = ['--model', publicFile('models/sprig'), ...DEVICE_HERE];
const at = temporaryFolder();

interface Report {
  readonly methods: readonly {
    readonly method: string;
    readonly rows: number;
    readonly reward?: number;
    readonly reward_std?: number;
    readonly reward_passed?: number;
    readonly rewards?: readonly { readonly name: string; readonly weight: number; readonly mean: number }[];
    readonly metrics: object;
    readonly shots?: readonly object[];
  }[];
}

test('the rewards of its run score every method, and it answers with and without examples', async () => {
  const samples = JSON.parse(readFileSync(publicFile('samples/index.json'), 'utf8')) as {
    id: string;
    settings: { rewards: object[] };
  }[];
  const { rewards } = samples.find(({ id }) => id === 'lists')!.settings;
  writeFileSync(at('rewards.json'), JSON.stringify(rewards));
  const data = [
    ...['--data', publicFile('samples/lists/train.jsonl')],
    ...['--test-data', publicFile('samples/lists/test.jsonl'), '--max-length', '96'],
  ];
  const sampled = ['--num-generations', '4', '--max-completion-length', '16', '--accumulate', '2'];
  const trained = await graftHere([
    ...['train', ...BASE, ...data, '--objective', 'grpo', '--reward', at('rewards.json')],
    ...[...sampled, '--steps', '1', '--out', at('tuned')],
  ]);
  expect(trained.code, trained.err).toBe(0);

  const asked = ['evaluate', ...BASE, ...data, '--adapter', at('tuned'), '--rows', '6', '--shots', '2'];
  const { code, out, err } = await graftHere([...asked, '--out', at('report')]);
  expect(code, err).toBe(0);
  expect(out).toMatch(/^method +reward +spread +passed +exactly right/);
  expect(out).toMatch(/\ntuned +kind +parameters +memory +s\/step +reward +/);
  expect(out).toMatch(/tuned, with 2 examples +\d/);
  expect(out).toMatch(/: the mean reward goes \d\S* → \d\S* from the base model/);
  expect(out).toMatch(
    /The mean reward went from \S+ to \S+ with only the question, and from \S+ to \S+ with 2 examples before it\./,
  );
  const { methods } = JSON.parse(readFileSync(at('report', 'report.json'), 'utf8')) as Report;
  const models = methods.filter(({ method }) => /base|few-shot|adapter/.test(method));
  expect(models.map(({ method }) => method)).toEqual(['base', 'few-shot', 'adapter', 'adapter-few-shot']);
  for (const { reward, rows } of models) {
    expect(rows).toBe(6);
    expect(reward).toBeGreaterThanOrEqual(0);
    expect(reward).toBeLessThanOrEqual(1);
  }
  expect(models[3].shots).toEqual(models[1].shots);

  // In the matrix of stages the base model and the stage have the same rewards on the same rows.
  const line = await graftHere(['evaluate', ...BASE, '--lineage', at('tuned'), '--rows', '6', '--json']);
  expect(line.code, line.err).toBe(0);
  const { rows: matrix } = JSON.parse(line.out) as LineageReport;
  expect(matrix).toMatchObject([{ measure: 'rewards', rows: 6, passMark: 1 }]);
  const [stage] = matrix;
  expect(scoreValue(stage, stage.base)).toBeCloseTo(models[0].reward!, 6);
  expect(scoreValue(stage, stage.scores[0])).toBeCloseTo(models[2].reward!, 6);

  // Of several rewards each is told by itself, and an adapter that learned from others is scored by them.
  const several = await graftHere([
    ...['evaluate', ...BASE, ...data, '--adapter', at('tuned'), '--rows', '2', '--methods', 'base,adapter'],
    ...['--reward', 'length', 'exact-match:0.5', '--out', at('several')],
  ]);
  expect(several.code, several.err).toBe(0);
  expect(several.out).toMatch(/\neach reward, before its weight +method +mean +spread +passed\n/);
  expect(several.out).toMatch(/\nexact-match × 0.5 +Base model +0.000 +0.000 +0 of 2\n/);
  const chosen = JSON.parse(readFileSync(at('several', 'report.json'), 'utf8')) as Report;
  for (const { reward, rewards: each } of chosen.methods) {
    expect(each?.map(({ name, weight }) => [name, weight])).toEqual([
      ['length', 1],
      ['exact-match', 0.5],
    ]);
    expect(each!.reduce((sum, { weight, mean }) => sum + weight * mean, 0)).toBeCloseTo(reward!, 6);
  }

  // Other rewards may be given; without an adapter they score the base model.
  const other = [
    'evaluate',
    ...BASE,
    ...data,
    '--rows',
    '2',
    '--methods',
    'base',
    '--reward',
    'length',
    '--json',
  ];
  const plain = await graftHere(other);
  expect(plain.code, plain.err).toBe(0);
  expect((JSON.parse(plain.out) as Report).methods).toMatchObject([{ method: 'base', reward: 0 }]);
});

test('bare prompts are scored by rewards: their mean, their spread, and how many pass', async () => {
  const rose = 'What colour is the rose?';
  const rows = [{ prompt: rose }, { prompt: [{ role: 'user', content: rose }] }, { prompt: 'Who are you?' }];
  writeFileSync(at('prompts.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
  const data = ['evaluate', ...BASE, '--data', at('prompts.jsonl'), '--split', 'all', '--max-length', '96'];
  const reward = JSON.stringify({ name: 'regex', pattern: 'rose is red' });
  const { code, out, err } = await graftHere([...data, '--reward', reward, '--out', at('prompts')]);
  expect(code, err).toBe(0);
  expect(out).toMatch(/^method +reward +spread +passed\n/);
  expect(out).toMatch(/Base model +0\.667 +0\.577 +2 of 3 \(21% to 94%\)/);
  const report = JSON.parse(readFileSync(at('prompts', 'report.json'), 'utf8')) as Report;
  expect(report.methods).toMatchObject([
    {
      ...{ method: 'base', rows: 3, metrics: {} },
      reward: expect.closeTo(2 / 3, 6),
      reward_std: expect.closeTo(Math.sqrt(1 / 3), 6),
      reward_passed: expect.closeTo(2 / 3, 6),
    },
  ]);
  // Two of three questions are the same one, as a text and as a turn.
  const lines = readFileSync(at('prompts', 'predictions.jsonl'), 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { scores: object }).scores)).toEqual(
    expect.arrayContaining([{ reward: 1 }, { reward: 1 }, { reward: 0 }]),
  );

  const without = await graftHere(data);
  expect([without.code, without.err]).toEqual([1, expect.stringContaining('prompts without answers')]);
  const comparing = await graftHere([...data, '--reward', 'exact-match']);
  expect(comparing.code).toBe(1);
  expect(comparing.err).toContain('compares with the reference answer');
});

test('examples before a bare prompt come from rows with answers', async () => {
  writeFileSync(at('ask.jsonl'), JSON.stringify({ prompt: 'What colour is the rose?' }));
  const { code, out, err } = await graftHere([
    ...[
      'evaluate',
      ...BASE,
      '--data',
      publicFile('samples/voice/train.jsonl'),
      '--test-data',
      at('ask.jsonl'),
    ],
    ...['--max-length', '96', '--shots', '1', '--methods', 'base,few-shot', '--reward', 'length', '--json'],
  ]);
  expect(code, err).toBe(0);
  const { methods } = JSON.parse(out) as Report;
  expect(methods.map(({ method, reward }) => [method, reward])).toEqual([
    ['base', 0],
    ['few-shot', 0],
  ]);
});
