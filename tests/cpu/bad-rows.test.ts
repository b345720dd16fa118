/** Rows and rewards that nothing can be learned from: the command says why and does not start, or pauses with what it has. */
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';

const SPRIG = fileURLToPath(new URL('../../public/models/sprig', import.meta.url));
const at = temporaryFolder();

let runs = 0;
/** Two steps on these rows. */
async function train(rows: readonly object[], ...flags: readonly string[]) {
  const name = `run-${++runs}`;
  writeFileSync(at(`${name}.jsonl`), rows.map((row) => JSON.stringify(row)).join('\n'));
  const { code, err } = await graftHere([
    ...['train', '--model', SPRIG, '--data', at(`${name}.jsonl`), '--steps', '2', '--out', at(name)],
    ...[...DEVICE_HERE, ...flags],
  ]);
  return { code, err, isWritten: existsSync(at(name, 'adapter_model.safetensors')) };
}

const LONG = 'The garden is old. '.repeat(40);

test.each([
  ['dpo', { prompt: 'Why?', chosen: 'So.', rejected: 'So.' }, 'chosen and rejected are the same'],
  ['simpo', { prompt: 'Why?', chosen: 'So.' }, 'no known fields'],
  ['orpo', { prompt: 'Why?', chosen: '', rejected: 'So.' }, 'chosen is empty'],
  ['kto', { prompt: 'Why?', completion: 'So.', label: 'maybe' }, 'label is "maybe"'],
  ['grpo', { prompt: '' }, 'prompt is empty'],
])(
  '%s: a bad row is named with its reason, and without another one nothing starts',
  async (objective, row, reason) => {
    const { code, err, isWritten } = await train([row], '--objective', objective);
    expect(err).toContain(`line 1 left out: `);
    expect(err).toContain(reason);
    expect(err).toContain('No row is left to train on');
    expect([code, isWritten]).toEqual([1, false]);
  },
);

test.each([
  ['dpo', { prompt: LONG, chosen: 'Yes.', rejected: 'No.' }],
  ['kto', { prompt: LONG, completion: 'Yes.', label: true }],
])('%s: answers that the limit takes whole are counted, and nothing starts', async (objective, row) => {
  const { code, err } = await train([row, row], '--objective', objective, '--max-length', '16');
  expect(err).toContain('2 rows without a token to learn: left out (lines 1, 2)');
  expect(err).toContain('No row is left to train on');
  expect(code).toBe(1);
});

test('one bad row among good ones costs itself', async () => {
  const good = { prompt: 'Why?', chosen: 'So.', rejected: 'Because.' };
  const { code, err, isWritten } = await train([good, { prompt: 'Why?' }, good], '--objective', 'simpo');
  expect(code, err).toBe(0);
  expect(err).toContain('line 2 left out');
  expect(isWritten).toBe(true);
});

test.each([
  ['completion.missing.length', 'TypeError'],
  ['NaN', 'it gives NaN instead of a number'],
  ['"good"', 'it gives string instead of a number'],
])('a reward that only fails (%s) pauses the run with its state', async (code, why) => {
  const prompts = [{ prompt: 'Name a tool.' }, { prompt: 'Name a flower.' }];
  const sampled = ['--num-generations', '4', '--max-completion-length', '4', '--accumulate', '2'];
  const reward = JSON.stringify({ name: 'javascript', code });
  const { err, ...ended } = await train(prompts, '--objective', 'grpo', ...sampled, '--reward', reward);
  expect(err).toMatch(/The reward javascript has failed on all 16 completions: /);
  expect(err).toContain(why);
  expect(err).toMatch(/The state after step 1 of 2 is left in.* --resume /s);
  expect(ended.code).toBe(1);
});

test('a column gives the rows that are evaluated, and without one of them nothing starts', async () => {
  const rows = ['train', 'Train', 'dev', 'test'].map((split) => ({
    prompt: 'Why?',
    completion: 'So.',
    split,
  }));
  const flags = ['--parts-by', 'split', '--eval-every', '1'];
  const given = await train(rows, ...flags);
  expect(given.err).toContain('2 rows to train on, 1 for validation, 1 kept apart for a test');
  expect(given.err).toContain('Step 2: validation loss');
  expect([given.code, given.isWritten]).toEqual([0, true]);
  const none = await train(rows.toSpliced(2, 1), ...flags);
  expect(none.err).toContain('Write validation in the column split of some rows.');
  expect([none.code, none.isWritten]).toEqual([2, false]);
});

test('a reward that fails on some answers counts as 0 there; the run continues, and says how many', async () => {
  const sampled = ['--num-generations', '4', '--max-completion-length', '4', '--accumulate', '2'];
  const reward = JSON.stringify({ name: 'javascript', code: 'completion.length % 2 ? missing : 1' });
  const { code, err, isWritten } = await train(
    [{ prompt: 'Name a tool.' }, { prompt: 'Name a flower.' }],
    ...['--objective', 'grpo', ...sampled, '--reward', reward],
  );
  expect(err).toMatch(
    /Warning: the reward javascript failed on \d+ answers?, which count as 0: ReferenceError/,
  );
  expect([code, isWritten]).toEqual([0, true]);
});
