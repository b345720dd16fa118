/** The rewards that a GRPO run takes along to TRL (rewards.py): the scores of Graft's own, answer by answer. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openRewards, type RewardSpec } from '../../../src/scorers/rewards/reward.ts';

const SCRIPT = fileURLToPath(new URL('../../../src/runs/graduate/trl/rewards.py', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.warn('SKIPPED: the rewards for TRL need a python3.');

const SPECS: readonly RewardSpec[] = [
  { name: 'exact-match' },
  { name: 'exact-match', within: 'answer' },
  { name: 'normalized-match' },
  { name: 'token-f1' },
  { name: 'number-match' },
  { name: 'number-match', extraction: 'flexible' },
  { name: 'number-match', marker: '<answer>' },
  { name: 'length', least: 2, most: 4, span: 5 },
  { name: 'length', most: 2, span: 3, unit: 'words' },
  { name: 'length', least: 10, most: 12, unit: 'characters' },
  { name: 'format-tags' },
  { name: 'format-tags', parts: true },
  { name: 'valid-json' },
  { name: 'valid-json', kind: 'object', fenced: true },
];
const ROWS = [
  ['The 12 owls', ' the 12 owls.'],
  ['12', '#### 12.0'],
  ['#### 1,200', 'It makes $1200.'],
  ['-0.50', '#### -.5 and not 3'],
  ['7', '<think>a</think>\n<answer>7</answer>\u00a0'],
  ['7', '<think>a</think><answer> </answer>'],
  ['7', 'x <think>a</think> <think>b</think><answer>7</answer>'],
  ['7', 'see <answer>7</answer>'],
  ['{"a": 1}', '{"a": 1}'],
  ['{}', 'Here:\n```json\n{"a": [1, 2]}\n```'],
  ['{}', '[NaN]'],
  ['[]', `${'['.repeat(70)}${']'.repeat(70)}`],
  ['[]', `${'['.repeat(64)}${']'.repeat(64)}`],
  ['', '\ufeff'],
  ['An  owl, the owl', 'owl owl a'],
  ['Ünïcode 😀', 'ünïcode 😀'],
  [undefined, '007.50'],
] as const;

test.skipIf(!hasPython)('each scores as it does in Graft, and fails to 0 where Graft does', async () => {
  const attempts = ROWS.map(([answer, completion], at) => ({
    ...{ prompt: '', completion, tokens: at, cut: false, row: {}, ...(answer !== undefined && { answer }) },
  }));
  const rewards = await openRewards(SPECS, { stops: false });
  const ours = (await rewards.score(attempts)).map(({ parts }) => parts);
  rewards.close();
  const code = [
    'import json, runpy, sys',
    'path, specs, rows = sys.argv[1], *map(json.loads, sys.argv[2:])',
    'reward_of = runpy.run_path(path)["reward_of"]',
    'columns = {"completions": [r["completion"] for r in rows], "answer": [r.get("answer") for r in rows]}',
    'ids = [[0] * r["tokens"] for r in rows]',
    'print(json.dumps([reward_of(spec)(completion_ids=ids, **columns) for spec in specs]))',
  ].join('\n');
  const { stdout, stderr, status } = spawnSync(
    'python3',
    ['-c', code, SCRIPT, JSON.stringify(SPECS), JSON.stringify(attempts)],
    { encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  const theirs = JSON.parse(stdout) as number[][];
  SPECS.forEach((spec, at) => {
    theirs[at].forEach((score, row) =>
      expect(score, `${JSON.stringify(spec)} of ${ROWS[row][1]}`).toBeCloseTo(ours[row][at], 12),
    );
  });
  // Every reward tells some of the answers apart.
  for (const [at] of SPECS.entries()) expect(new Set(theirs[at]).size).toBeGreaterThan(1);
});
