/** A new scorer is one file, and its line in the registry: everything that offers, checks and explains scorers has it then. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { runCommand as RunCommand } from '../../../src/cli/commands.ts';
import type { WholeOutput } from '../../../src/cli/output.ts';
import type { Attempt, AttemptScorer, Need } from '../../../src/scorers/scorer.ts';

/** The file: asynchronous, and it reads more than the answer. */
const grounded: AttemptScorer = {
  of: 'attempts',
  name: 'grounded',
  label: 'Grounded in its passages',
  heading: 'grounded',
  help: '1 if the answer stands in a passage, or in the prompt if there is none.',
  entry: { title: 'Grounded', what: 'The answer stands in a passage.', source: 'This test' },
  better: 'higher',
  range: [0, 1],
  format: (value) => value.toFixed(2),
  settings: [],
  needs: (): readonly Need[] => ['prompt'],
  open: () => ({
    async score({ completion, prompt, passages = [prompt] }: Attempt) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return passages.some((passage) => passage.includes(completion)) ? 1 : 0;
    },
  }),
};

/** Modules are read again, all of the command among them: that takes long on a busy machine. */
const LONG = { timeout: 60_000 };

let folder = '';
let runCommand: typeof RunCommand;
beforeAll(async () => {
  const { SCORERS } = await import('../../../src/scorers/registry.ts');
  // Modules that were loaded before have the list without it.
  vi.resetModules();
  // The line.
  vi.doMock('../../../src/scorers/registry.ts', () => ({ SCORERS: [...SCORERS, grounded] }));
  ({ runCommand } = await import('../../../src/cli/commands.ts'));
  folder = await mkdtemp(join(tmpdir(), 'graft-new-scorer-'));
  const rows = [
    { prompt: 'The sky is blue.', completion: 'blue', answer: 'blue' },
    { prompt: 'The sky is blue.', completion: 'red', answer: 'blue' },
  ];
  await writeFile(join(folder, 'texts.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
}, LONG.timeout);
afterAll(async () => {
  vi.doUnmock('../../../src/scorers/registry.ts');
  vi.resetModules();
  if (folder !== '') await rm(folder, { recursive: true });
});

async function graft(...args: string[]): Promise<string> {
  let text = '';
  const write = (more: string): void => void (text += more);
  const output: WholeOutput = {
    line: (more) => write(`${more}\n`),
    result: write,
    progress: () => undefined,
    clear: () => undefined,
    flush: async () => undefined,
  };
  await runCommand(args, output);
  return text;
}

test('it is offered as a metric and as a reward, in the help and in the reference', LONG, async () => {
  const { NAMED_SCORERS, REWARD_SCORERS, scorersFor } = await import('../../../src/scorers/lists.ts');
  expect(NAMED_SCORERS).toContain(grounded);
  expect(REWARD_SCORERS).toContain(grounded);
  expect(scorersFor(new Set<Need>(['prompt']))).toContain(grounded);
  expect(scorersFor(new Set<Need>(['reference']))).not.toContain(grounded);
  expect(await graft('evaluate', '--help')).toContain('grounded (1 if the answer stands in a passage');
  const { scorersPage } = await import('../../../scripts/reference/scorers.ts');
  expect(scorersPage()).toContain('| `grounded` | Grounded in its passages | 1 if the answer stands');
});

test('the schema of recipes and the glossary have it', LONG, async () => {
  const { REWARDS_SETTING } = await import('../../../src/scorers/rewards/setting.ts');
  expect(JSON.stringify(REWARDS_SETTING.schema())).toContain('"const":"grounded"');
  const { nameOfTerm } = await import('../../../src/app/guide/names.ts');
  const { CHAPTERS } = await import('../../../src/app/guide/terms.ts');
  expect(nameOfTerm('grounded')).toBe('Grounded');
  expect(CHAPTERS.flatMap(({ terms }) => terms).find(({ id }) => String(id) === 'grounded')?.what).toBe(
    grounded.entry.what,
  );
});

test('graft reward scores by it', LONG, async () => {
  const scored = JSON.parse(
    await graft('reward', '--reward', 'grounded', '--predictions', join(folder, 'texts.jsonl'), '--json'),
  ) as { scores: { total: number }[] };
  expect(scored.scores.map(({ total }) => total)).toEqual([1, 0]);
});

test('an evaluation scores answers by it, and by the passages that an answer had', LONG, async () => {
  const { chosenScorers } = await import('../../../src/evaluate/score-answers.ts');
  const tokenizer = { encode: (text: string) => [...text].map((_, at) => at) };
  const { scorers: used, score } = chosenScorers([grounded], tokenizer, { isPrompts: true });
  expect(used).toEqual([{ name: 'grounded' }]);
  const question = { prompt: 'The sky is blue.', ask: 'The sky is blue.', expected: '' };
  const { scores, failed } = await score(
    [{ question }, { question }, { question }],
    [{ text: 'blue' }, { text: 'red' }, { text: 'red', passages: ['A red sun.'] }],
  );
  expect(scores).toEqual({ grounded: [1, 0, 1] });
  expect(failed).toEqual([]);
});
