/** Stages one after another by the command: replay, forgetting as a number, and the matrix of stages and tests. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import type { LineageReport } from '../../src/evaluate/lineage.ts';

const publicFile = (path: string): string => fileURLToPath(new URL(`../../public/${path}`, import.meta.url));
const SPRIG = publicFile('models/sprig');
const ORDERS = publicFile('samples/orders-json/train.jsonl');
const VOICE = publicFile('samples/voice/train.jsonl');
const PAIRS = publicFile('samples/more/pairs.jsonl');
const at = temporaryFolder();
const SPLIT = ['--val-fraction', '0.1', '--test-fraction', '0.1', '--max-length', '96'];
/** Validation would take as long as training. */
const NOT_VALIDATED = ['--eval-every', '0'];

async function train(...args: readonly string[]): Promise<string> {
  const { code, err } = await graftHere([
    'train',
    '--model',
    SPRIG,
    '--lr',
    '0.005',
    ...SPLIT,
    ...DEVICE_HERE,
    ...args,
  ]);
  expect(code, err).toBe(0);
  return err;
}
const lastLine = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(at(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1)!) as Record<
    string,
    unknown
  >;

test('a stage after another forgets the one before, and the matrix says how much', async () => {
  await train('--data', ORDERS, '--out', at('orders'), '--steps', '40', ...NOT_VALIDATED);

  const init = ['--init-adapter', at('orders'), '--steps', '12', ...NOT_VALIDATED];
  await train('--data', VOICE, '--out', at('voice'), ...init);
  const replayed = await train(
    '--data',
    VOICE,
    '--out',
    at('replayed'),
    '--replay',
    `${ORDERS}:0.3`,
    ...init,
  );
  expect(replayed).toContain('Task replay of train: 320 rows to train on, drawn 30% of the time');

  const measured = async (name: string): Promise<LineageReport> => {
    const args = [
      'evaluate',
      '--model',
      SPRIG,
      '--lineage',
      at(name),
      '--rows',
      '4',
      '--json',
      ...DEVICE_HERE,
    ];
    const { code, out, err } = await graftHere(args);
    expect(code, err).toBe(0);
    return JSON.parse(out) as LineageReport;
  };
  const [plain, kept] = [await measured('voice'), await measured('replayed')];
  expect(plain.stages).toEqual(['orders', 'voice']);
  expect(kept.stages).toEqual(['orders', 'replayed']);
  // Each row of the matrix has the base model and both stages, on the same test rows.
  const [orders] = plain.rows;
  expect(orders).toMatchObject({ stage: 0, rows: 4 });
  expect(orders.scores[0].right).toBe(4);
  expect(orders.base.right).toBe(0);
  expect(kept.rows[0].scores[0]).toEqual(orders.scores[0]);
  const lossOf = ({ rows }: LineageReport): number => rows[0].scores[1].loss!.loss;
  expect(lossOf(plain)).toBeGreaterThan(orders.scores[0].loss!.loss);
  expect(lossOf(kept)).toBeLessThan(lossOf(plain));
  expect(plain.rows[1].scores[1].loss!.loss).toBeLessThan(plain.rows[1].scores[0].loss!.loss);
});

test('a stage that learned from pairs is measured by the pairs that each stage has in order, as its own run reports', async () => {
  await train('--data', VOICE, '--out', at('spoken'), '--steps', '2', ...NOT_VALIDATED);
  const learned = ['--objective', 'dpo', '--steps', '3', '--lr', '0.0003', '--reference', 'base'];
  await train(
    ...['--data', PAIRS, '--out', at('preferred'), '--init-adapter', at('spoken'), '--eval-every', '3'],
    ...learned,
  );
  await train(
    ...['--data', VOICE, '--out', at('again'), '--init-adapter', at('preferred'), '--steps', '2'],
    ...NOT_VALIDATED,
  );
  // On the validation part it is the number of the training code.
  const validation = await graftHere([
    ...['evaluate', '--model', SPRIG, '--data', PAIRS, ...SPLIT, '--split', 'validation', '--rows', '100'],
    ...['--adapter', at('preferred'), '--methods', 'base,adapter', '--json', ...DEVICE_HERE],
  ]);
  const { table } = JSON.parse(validation.out) as { readonly table: readonly object[] };
  const accuracy = lastLine('preferred')['eval_reward_accuracy'];
  expect(table[1]).toMatchObject({ pairs: 20, pair_accuracy: accuracy });
  expect(table[0]).not.toHaveProperty('pair_accuracy');

  const line = ['evaluate', '--model', SPRIG, '--lineage', at('again'), '--rows', '20', ...DEVICE_HERE];
  const { rows, stages } = JSON.parse((await graftHere([...line, '--json'])).out) as LineageReport;
  expect(stages).toEqual(['spoken', 'preferred', 'again']);
  expect(rows.map(({ measure, reference }) => [measure, reference])).toEqual([
    [undefined, undefined],
    ['pairs', -1],
    [undefined, undefined],
  ]);
  const [, pairs] = rows;
  expect(pairs.rows).toBe(20);
  // The base model is what pairs are compared with, so it prefers neither answer.
  expect(pairs.base).not.toHaveProperty('right');
  for (const { right, byRow } of pairs.scores) {
    expect(byRow).toHaveLength(20);
    expect(byRow!.filter((score) => score === 1)).toHaveLength(right!);
  }
  expect(pairs.scores[1].right).toBeGreaterThan(pairs.scores[0].right!);
  // What is said of answers is nothing of what was learned from pairs.
  expect(rows[0].scores[0].byRow).toHaveLength(rows[0].rows);

  const { out } = await graftHere(line);
  expect(out).toMatch(/^test rows of +measured by +base +spoken +preferred +again +forgotten\n/);
  expect(out).toMatch(
    /\npreferred +preference accuracy, against the base model +the reference, perplexity \S+ +\d+ of 20, perplexity \S+ +\d+ of 20/,
  );
});

test('a folder without a lineage is refused, and so are rows and metrics that are given with a lineage', async () => {
  const line = await graftHere(['evaluate', '--model', SPRIG, '--lineage', SPRIG, ...DEVICE_HERE]);
  expect(line).toMatchObject({ code: 1 });
  expect(line.err).toContain('has no lineage.json');
  for (const given of [
    ['--data', VOICE],
    ['--metrics', 'bleu'],
  ]) {
    const odd = await graftHere(['evaluate', '--model', SPRIG, '--lineage', SPRIG, ...given, ...DEVICE_HERE]);
    expect(odd).toMatchObject({ code: 2 });
    expect(odd.err).toContain(`and ${given[0]} is given`);
  }
});
