/** `graft evaluate` in a process of its own, on the bundled model. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Prediction } from '../../src/evaluate/report.ts';
import { DEVICE_HERE, GPU, graft, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const sample = (name: string): string =>
  fileURLToPath(new URL(`../../public/samples/orders-json/${name}`, import.meta.url));
const ADAPTER = fileURLToPath(new URL('../reference/peft/adapter', import.meta.url));
const DATA = ['--model', SPRIG, '--data', sample('train.jsonl'), '--test-data', sample('test.jsonl')];
const MANY = [
  '--model',
  SPRIG,
  '--data',
  sample('test.jsonl'),
  '--test-data',
  sample('train.jsonl'),
  '--rows',
  '400',
];
const temporary = temporaryFolder();
/** Losses and greedy answers of transformers and PEFT on the test rows (tests/reference/peft/evaluation.py). */
const REFERENCE = JSON.parse(
  readFileSync(fileURLToPath(new URL('../reference/peft/evaluation.json', import.meta.url)), 'utf8'),
) as Record<'base' | 'adapter', { loss: number; tokens: number; answer: string; ended: boolean }[]>;

/** The mean loss over the answers of some rows. @param rows their indices in the file */
function referenceLoss(of: 'base' | 'adapter', rows: readonly number[]): number {
  const chosen = rows.map((row) => REFERENCE[of][row]);
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  return sum(chosen.map(({ loss }) => loss)) / sum(chosen.map(({ tokens }) => tokens));
}

interface Report {
  readonly draw: { readonly asked: number; readonly of: number; readonly seed: number };
  readonly methods: readonly {
    method: string;
    adapter?: string;
    rows: number;
    loss_rows?: number;
    metrics: Record<string, number>;
  }[];
  readonly comparisons: readonly { adapter: string; against: string; p: number }[];
  readonly verdict?: string;
  readonly stopped: boolean;
}
const reportIn = (folder: string): Report =>
  JSON.parse(readFileSync(`${folder}/report.json`, 'utf8')) as Report;
/** The command knows the index of each row. */
type PlacedPrediction = Prediction & { readonly row: number };
const predictionsIn = (folder: string): PlacedPrediction[] =>
  readFileSync(`${folder}/predictions.jsonl`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as PlacedPrediction);

test('methods and an adapter answer the same rows, and files keep what they said', async () => {
  const out = temporary('evaluation');
  const args = [...DATA, '--adapter', ADAPTER, '--rows', '4', '--shots', '2', ...DEVICE_HERE];
  const { code, out: printed, err } = await graftHere(['evaluate', ...args, '--out', out]);
  expect(err).toMatch(/4 of 40 test rows, drawn at random with seed 42\./);
  expect(code, err).toBe(0);
  expect(printed).toMatch(/^method +exactly right +token F1 .*perplexity\n/);
  expect(printed).toMatch(/\n(Tuning|No gain|The adapter)/);
  const report = reportIn(out);
  expect(report.methods.map(({ method, rows }) => [method, rows])).toEqual([
    ['nearest', 4],
    ['base', 4],
    ['few-shot', 4],
    ['adapter', 4],
  ]);
  // The loss is of the rows that were asked.
  expect(report.methods.map((method) => method.loss_rows)).toEqual([undefined, 4, 4, 4]);
  expect(report.comparisons).toMatchObject([{ adapter: ADAPTER }]);
  const predictions = predictionsIn(out);
  expect(predictions).toHaveLength(16);
  const asked = predictions.slice(0, 4).map(({ row }) => row);
  for (let at = 0; at < 16; at += 4)
    expect(predictions.slice(at, at + 4).map(({ row }) => row)).toEqual(asked);
  for (const [of, at] of [
    ['base', 1],
    ['adapter', 3],
  ] as const) {
    const own = predictions.slice(4 * at, 4 * at + 4);
    for (const { row, output } of own) {
      const { answer, ended } = REFERENCE[of][row];
      if (ended) expect(output).toBe(answer);
      else expect(output.slice(0, 40)).toBe(answer.slice(0, 40));
    }
    const { metrics } = report.methods[at];
    const loss = referenceLoss(of, asked);
    expect(metrics['loss']).toBeCloseTo(loss, 4);
    expect(metrics['perplexity'] / Math.exp(loss)).toBeCloseTo(1, 4);
    const right = own.filter(({ output, expected }) => output.trim() === expected.trim()).length;
    expect(metrics['exact-match']).toBe(right / 4);
    // The answers are sentences and the expected ones objects, so no word is common.
    expect(metrics['token-f1']).toBe(0);
  }

  // A larger sample includes the smaller one, and the same model answers the same.
  const more = temporary('more');
  const base = [
    'evaluate',
    ...DATA,
    '--methods',
    'base',
    '--metrics',
    'token-f1,macro-f1,valid-json',
    '--json',
    ...DEVICE_HERE,
  ];
  const second = await graftHere([...base, '--rows', '6', '--loss-rows', 'all', '--out', more]);
  expect(second.code, second.err).toBe(0);
  expect((JSON.parse(second.out) as Report).methods).toMatchObject([
    { method: 'base', rows: 6, loss_rows: 40 },
  ]);
  const again = predictionsIn(more);
  expect(again.slice(0, 4).map(({ row, output }) => [row, output])).toEqual(
    predictions.slice(4, 8).map(({ row, output }) => [row, output]),
  );
  expect(Object.keys(again[0].scores)).toEqual(['token-f1', 'macro-f1', 'valid-json']);
  // The record has them next to those of every table.
  const { scorers } = JSON.parse(readFileSync(`${more}/evaluation.json`, 'utf8')) as {
    scorers: { name: string }[];
  };
  expect(scorers.map(({ name }) => name)).toEqual([
    ...['exact-match', 'token-f1', 'rouge-l', 'chrf', 'macro-f1', 'valid-json'],
  ]);

  const used = await graftHere([...base, '--out', more]);
  expect([used.code, used.err]).toEqual([
    1,
    expect.stringMatching(/holds an evaluation \(predictions\.jsonl\)/),
  ]);
});

test('Ctrl-C keeps what was measured', async () => {
  const out = temporary('stopped');
  // Many rows on the slower device: there is time to interrupt it.
  let sent = false;
  const { code, err } = await graft(
    ['evaluate', ...MANY, '--methods', 'nearest,base', '--out', out, ...GPU],
    (text, kill) => {
      // At least one group of answers is whole.
      if (sent || !/Base model: answered (8|9|[1-9]\d|[1-3]\d\d) of 400 rows/.test(text)) return;
      sent = true;
      kill('SIGINT');
    },
  );
  expect(code, err).toBe(130);
  expect(err).toMatch(/Stopped: what was measured until then is kept\./);
  const { methods, stopped, verdict } = reportIn(out);
  expect(stopped).toBe(true);
  expect(verdict).toBeUndefined();
  expect(methods[0]).toMatchObject({ method: 'nearest', rows: 400 });
  expect(methods[1]).toMatchObject({ method: 'base', stopped: true });
  expect(methods[1].rows).toBeGreaterThanOrEqual(8);
  expect(methods[1].rows).toBeLessThan(400);
  const predictions = predictionsIn(out);
  expect(predictions).toHaveLength(400 + methods[1].rows);
  const answered = predictions.slice(400);
  const right = answered.filter(({ output, expected }) => output.trim() === expected.trim()).length;
  expect(methods[1].metrics['exact-match']).toBe(right / answered.length);
});

describe('invalid calls are refused before a model is loaded', () => {
  test.each<[string, readonly string[], RegExp]>([
    ['an unknown metric', [...DATA, '--metrics', 'token-f2'], /Did you mean token-f1\?/],
    [
      'an unknown method',
      [...DATA, '--methods', 'magic'],
      /Choose from frequent, nearest, base, few-shot, instructed/,
    ],
    [
      'an adapter that no method asks',
      [...DATA, '--methods', 'base', '--adapter', ADAPTER],
      /leaves adapters out/,
    ],
    [
      'an output in the adapter',
      [...DATA, '--adapter', ADAPTER, '--out', `${ADAPTER}/x`],
      /lies inside the adapter/,
    ],
    [
      'a model beside predictions',
      ['--predictions', 'x.jsonl', '--model', SPRIG],
      /--model is for the measurement/,
    ],
    [
      'a loss of predictions',
      ['--predictions', 'x.jsonl', '--metrics', 'loss'],
      /loss is measured by a model/,
    ],
  ])('%s', async (_, args, what) => {
    const { code, err } = await graftHere(['evaluate', ...args]);
    expect(err).toMatch(what);
    expect(code).toBe(2);
  });

  test.each([
    ['--split', 'test'],
    ['--val-fraction', '0.1'],
  ])('data without test rows says how to get some: %s %s', async (...asked) => {
    const { code, err } = await graftHere([
      ...['evaluate', '--model', SPRIG, '--data', sample('test.jsonl'), ...asked],
    ]);
    expect(err).toMatch(/The data has no test rows\. Give --test-data/);
    expect(code).toBe(1);
  });
});

test('predictions are scored without a model', async () => {
  const file = temporary('p.jsonl');
  const rows = [
    { prediction: 'The cat sat!', reference: 'the cat, sat' },
    { prediction: 'Oslo', reference: 'Oslo' },
  ];
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join('\n'));
  const { code, out } = await graft([
    'evaluate',
    '--predictions',
    file,
    '--metrics',
    'token-f1,exact-match',
    '--json',
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    rows: 2,
    scores: { 'token-f1': 1, 'exact-match': 0.5 },
    // scipy: binomtest(2, 2) and binomtest(1, 2), proportion_ci(method='wilson').
    intervals: {
      'token-f1': [expect.closeTo(0.3423802, 6), 1],
      'exact-match': [expect.closeTo(0.0945312, 6), expect.closeTo(0.9054688, 6)],
    },
    row_scores: [
      { 'token-f1': 1, 'exact-match': 0 },
      { 'token-f1': 1, 'exact-match': 1 },
    ],
  });
});
