/** An adapter that learned from rewards, measured by the command: by those rewards, with the question alone and behind examples. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DEVICE, graft, temporaryFolder } from '../gpu/graft-command.ts';

const publicFile = (path: string): string => fileURLToPath(new URL(`../../public/${path}`, import.meta.url));
const BASE = ['--model', publicFile('models/sprig'), ...DEVICE];
const at = temporaryFolder();

interface Report {
  readonly methods: readonly { method: string; rows: number; reward?: number; shots?: readonly object[] }[];
}

test('the rewards of its run score every method, and it is asked with and without examples', async () => {
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
  const trained = await graft([
    ...['train', ...BASE, ...data, '--objective', 'grpo', '--reward', at('rewards.json')],
    ...[...sampled, '--steps', '1', '--out', at('tuned')],
  ]);
  expect(trained.code, trained.err).toBe(0);

  const asked = ['evaluate', ...BASE, ...data, '--adapter', at('tuned'), '--rows', '6', '--shots', '2'];
  const { code, out, err } = await graft([...asked, '--out', at('report')]);
  expect(code, err).toBe(0);
  expect(out).toMatch(/^method +reward +exactly right/);
  expect(out).toMatch(/tuned, with 2 examples +\d/);
  expect(out).toMatch(/: the mean reward goes \d\S* → \d\S* from the base model/);
  expect(out).toMatch(
    /The mean reward went from \S+ to \S+ with the question alone, and from \S+ to \S+ with 2 examples before it\./,
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

  // Other rewards may be named; without any adapter they score the base model.
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
  const plain = await graft(other);
  expect(plain.code, plain.err).toBe(0);
  expect((JSON.parse(plain.out) as Report).methods).toMatchObject([{ method: 'base', reward: 0 }]);
});
