/** `graft reward`, and the rewards that `--reward` names. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, afterAll, expect, test } from 'vitest';
import { runCommand } from '../../../src/cli/commands.ts';
import type { WholeOutput } from '../../../src/cli/output.ts';
import { readRewardTexts } from '../../../src/cli/reward-flags.ts';
import { flagText } from '../../../src/settings/flag-text.ts';
import { REWARDS_SETTING } from '../../../src/scorers/rewards/setting.ts';
import { readRewards } from '../../../src/scorers/rewards/specs.ts';

let folder = '';
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-reward-'));
  const rows = [
    { prompt: '2 + 2', completion: '4', answer: '4', tokens: 1 },
    { prompt: '2 + 3', prediction: 'I think 6', reference: '5', tokens: 3, hard: true },
    { prompt: '2 + 4', output: '<answer>6</answer>', expected: '6', tokens: 9 },
  ];
  await writeFile(path('texts.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
  await writeFile(
    path('rows.jsonl'),
    '{"prompt": "2 + 2", "completion": "4"}\n{"prompt": "2 + 3", "completion": "5"}\n',
  );
  await writeFile(path('columns.csv'), 'a,b,c\none,two,7\n');
  await writeFile(
    path('rewards.json'),
    '[{"name": "number-match", "extraction": "flexible"}, {"name": "format-tags", "tags": "answer", "weight": 0.5}]',
  );
  await writeFile(
    path('mine.js'),
    'export default function ({ completion, row }) {\n  return row.hard ? nothing : completion.length < 5;\n}\n',
  );
});
afterAll(() => rm(folder, { recursive: true }));

async function graft(...args: string[]): Promise<{ status: number; result: string; said: string }> {
  let [result, said] = ['', ''];
  const output: WholeOutput = {
    line: (text) => void (said += `${text}\n`),
    result: (text) => void (result += text),
    progress: () => undefined,
    clear: () => undefined,
    flush: async () => undefined,
  };
  const status = await runCommand(args, output);
  return { status, result, said };
}

test('names, weights, JSON and files, in any mixture', async () => {
  const { status, result, said } = await graft(
    ...['reward', '--predictions', path('texts.jsonl'), '--json'],
    ...['--reward', path('rewards.json'), path('mine.js')],
    ...[
      '--reward',
      'length:2,exact-match:0',
      '--reward',
      '{"name": "regex", "pattern": "think", "weight": -1}',
    ],
  );
  expect(said).toBe('');
  expect(status).toBe(0);
  const report = JSON.parse(result) as {
    rewards: { name: string; weight?: number }[];
    scores: Record<string, unknown>[];
  };
  expect(report.rewards.map(({ name, weight }) => [name, weight])).toEqual([
    ['number-match', 1],
    ['format-tags', 0.5],
    ['mine', 1],
    ['length', 2],
    ['exact-match', 0],
    ['regex', -1],
    ['number-match strict', undefined],
    ['number-match flexible', undefined],
    ['sum', undefined],
  ]);
  expect(report.scores.map(({ total }) => total)).toEqual([2, -1, 1.5]);
  expect(report.scores[1]['problems']).toEqual({ mine: expect.stringContaining('nothing') as string });
});

test('a table of the rewards and of the texts, with what failed', async () => {
  const { status, result } = await graft(
    ...[
      'reward',
      '--predictions',
      path('texts.jsonl'),
      '--reward',
      'exact-match',
      path('mine.js'),
      '--rows',
      '2',
    ],
  );
  expect(status).toBe(0);
  expect(result).toMatch(/^reward +weight +mean +least +most +failed\n/);
  expect(result).toMatch(/exact-match +1 +0\.333 +0 +1 +0\n/);
  expect(result).toMatch(/I think 6 +0 +failed +0\n/);
  expect(result).toContain('… and 1 text more.');
  expect(result).toMatch(/mine failed on 1 text, first: ReferenceError: .*nothing/);
});

test('the wanted answers of rows are scored by their rewards', async () => {
  const { status, result } = await graft(
    'reward',
    '--data',
    path('rows.jsonl'),
    '--reward',
    'exact-match',
    '--json',
  );
  expect(status).toBe(0);
  expect(JSON.parse(result)).toMatchObject({ rows: 2, most: 1, scores: [{ total: 1 }, { total: 1 }] });
  const mapped = await graft(
    ...['reward', '--data', path('columns.csv'), '--prompt-template', '{{a}}', '--answer-template', '{{b}}'],
    ...['--reward', '{"name": "javascript", "code": "completion === answer && row.c === \\"7\\""}', '--json'],
  );
  expect(JSON.parse(mapped.result)).toMatchObject({ rows: 1, scores: [{ total: 1 }] });
});

test.each([
  [['--reward', 'exakt-match'], /no reward "exakt-match"\. Did you mean exact-match\?/],
  [['--reward', 'exact-match:x'], /weight of exact-match is "x"/],
  [['--reward', 'regex'], /regex needs pattern/],
  [['--reward', '{"name": "javascript", "code": "1 +"}'], /code cannot run/],
  [['--reward', '[{]'], /--reward is not valid JSON/],
  [[], /--reward is missing/],
])('%j is refused', async (args, message) => {
  const { status, said } = await graft('reward', '--predictions', path('texts.jsonl'), ...args);
  expect(said).toMatch(message);
  expect(status).toBeGreaterThan(0);
});

test('tokens have to be known if a reward counts them', async () => {
  const { status, said } = await graft('reward', '--data', path('rows.jsonl'), '--reward', 'length');
  expect(said).toMatch(/length counts tokens.*Give --model PATH/);
  expect(status).toBe(2);
});

test('rewards survive being written as a flag', () => {
  const lists = [
    [{ name: 'exact-match' }, { name: 'length', weight: -0.5 }],
    [
      { name: 'regex', pattern: 'a,b:"[{]' },
      { name: 'exact-match', weight: 2 },
    ],
    [{ name: 'javascript', code: 'completion === "x" ? 1 : 0' }],
  ];
  for (const list of lists) {
    const specs = readRewards(list, 'x');
    expect(readRewardTexts([String(flagText(REWARDS_SETTING, specs))])).toEqual(specs);
  }
});
