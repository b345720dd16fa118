/** `graft evaluate --predictions` and `graft compare` as a person calls them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand } from '../../../src/cli/commands.ts';
import type { WholeOutput } from '../../../src/cli/output.ts';

let folder = '';
const path = (name: string): string => join(folder, name);

const lines = (...answers: readonly string[]): string =>
  answers
    .map((prediction, at) => JSON.stringify({ prediction, reference: ['yes', 'no', 'no'][at] }))
    .join('\n');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-predictions-'));
  await writeFile(path('a.jsonl'), lines('yes', 'yes', 'yes'));
  await writeFile(path('b.jsonl'), lines('yes', 'no', 'no'));
  await writeFile(path('short.jsonl'), lines('yes', 'no'));
  await writeFile(path('broken.jsonl'), `${lines('yes')}\n{"prediction": "no"}\n`);
  await writeFile(path('empty.jsonl'), '\n');
  await writeFile(
    path('methods.jsonl'),
    ['base', 'adapter']
      .map((method) => JSON.stringify({ method, prediction: 'yes', reference: ['yes', 'Yes!'] }))
      .join('\n'),
  );
});
afterAll(() => rm(folder, { recursive: true }));

async function graft(...args: string[]): Promise<{ status: number; result: string; said: string }> {
  let [result, said] = ['', ''];
  const output: WholeOutput = {
    line: (text) => void (said += `${text}\n`),
    progress: () => undefined,
    result: (text) => void (result += text),
    clear: () => undefined,
    flush: () => Promise.resolve(),
  };
  const status = await runCommand(args, output);
  return { status, result, said };
}

test('predictions get the named scores with intervals, and scores row by row', async () => {
  const call = ['evaluate', '--predictions', path('b.jsonl'), '--metrics', 'accuracy,macro-f1,rougeL,bleu'];
  const { status, result } = await graft(...call, '--json');
  expect(status).toBe(0);
  const WILSON = [expect.closeTo(0.4385029682, 6), 1];
  expect(JSON.parse(result)).toEqual({
    predictions: path('b.jsonl'),
    rows: 3,
    // No answer has a run of four tokens.
    scores: { accuracy: 1, 'macro-f1': 1, rougeL: 1, bleu: 0 },
    // scipy: binomtest(3, 3).proportion_ci(method='wilson'). Resamples of rows that are all right show nothing of a score of all rows.
    intervals: { accuracy: WILSON, 'macro-f1': [1, 1], rougeL: WILSON, bleu: [0, 0] },
    row_scores: Array.from({ length: 3 }, () => ({ accuracy: 1, 'macro-f1': 1, rougeL: 1, bleu: 100 })),
  });
  const table = await graft(...call);
  expect(table.result).toMatch(/accuracy +macro-F1 +ROUGE-L of all rows +BLEU\n/);
  expect(table.result).toMatch(/3 +100% \(44%–100%\) +1\.000 +1\.00 \(0\.44–1\.00\) +0\.0\n/);
});

test('predictions of several methods are scored apart, each with its rows', async () => {
  const { result } = await graft(
    ...['evaluate', '--predictions', path('methods.jsonl'), '--metrics', 'normalized-match', '--json'],
  );
  expect(JSON.parse(result)).toMatchObject({
    rows: 2,
    methods: [
      { method: 'base', rows: 1, scores: { 'normalized-match': 1 } },
      { method: 'adapter', rows: 1, scores: { 'normalized-match': 1 } },
    ],
  });
});

test('two files are compared, second less first', async () => {
  const call = ['compare', path('a.jsonl'), path('b.jsonl'), '--metric', 'accuracy'];
  const { status, result } = await graft(...call, '--json');
  expect(status).toBe(0);
  expect(JSON.parse(result)).toEqual({
    rows: 3,
    compared: 3,
    metric: 'accuracy',
    difference: expect.closeTo(2 / 3, 12) as number,
    interval: [0, 1],
    improved: 2,
    worsened: 0,
    mcnemar_p: 0.5,
  });
  const words = await graft(...call);
  expect(words.result).toMatch(
    /b\.jsonl scores higher than \S+a\.jsonl by 0\.6667, which may be chance: accuracy, 3 rows\.\n/,
  );
  expect(words.result).toMatch(/rows improved +2\nrows worsened +0\nexact McNemar p +0\.5\n/);
});

test('methods of one file are compared by their names', async () => {
  const of = (method: string, adapter: string | undefined, answers: string): string =>
    answers
      .split('\n')
      .map((line) => JSON.stringify({ method, adapter, ...(JSON.parse(line) as object) }))
      .join('\n');
  const first = lines('yes', 'yes', 'yes');
  const second = lines('yes', 'no', 'no');
  await writeFile(
    path('named.jsonl'),
    [of('base', undefined, first), of('adapter', 'out/lora', second), of('adapter', 'out/ia3', first)].join(
      '\n',
    ),
  );
  const call = ['compare', path('named.jsonl'), path('named.jsonl'), '--metric', 'accuracy'];
  const { status, result } = await graft(...call, '--method', 'base', 'out/lora');
  expect(status).toBe(0);
  expect(result).toMatch(
    /named\.jsonl, out\/lora scores higher than \S+named\.jsonl, base by 0\.6667, which may be chance/,
  );
  const same = await graft(...call, '--method', 'out/ia3', '--json');
  expect(JSON.parse(same.result)).toMatchObject({ rows: 3, difference: 0 });

  expect((await graft(...call)).said).toMatch(
    /answers of 3 methods, and one is compared: base, out\/lora, out\/ia3\. Name one method with --method\./,
  );
  expect((await graft(...call, '--method', 'adapter')).said).toMatch(/2 sets of answers of adapter/);
  expect((await graft(...call, '--method', 'few-shot')).said).toMatch(
    /no answers of few-shot\. It has those of base, out\/lora, out\/ia3/,
  );
  expect((await graft(...call, '--method', 'base', 'base', 'base')).said).toMatch(/--method has 3 names/);
});

test.each<[string, string[], RegExp, number]>([
  [
    'a second file that is missing',
    ['a.jsonl', '--metric', 'accuracy'],
    /one is missing\. Write graft compare/,
    2,
  ],
  ['a metric that is missing', ['a.jsonl', 'b.jsonl'], /--metric is missing/, 2],
  [
    'an unknown metric',
    ['a.jsonl', 'b.jsonl', '--metric', 'rouge-1'],
    /Did you mean rouge-l|Did you mean rouge1/,
    2,
  ],
  [
    'a metric of a model',
    ['a.jsonl', 'b.jsonl', '--metric', 'loss'],
    /loss is measured by a model, and a file of predictions has answers only/,
    2,
  ],
  [
    'a third file',
    ['a.jsonl', 'b.jsonl', 'c.jsonl', '--metric', 'accuracy'],
    /"\S+c\.jsonl" stands alone/,
    2,
  ],
  [
    'a file that does not exist',
    ['a.jsonl', 'none.jsonl', '--metric', 'accuracy'],
    /none\.jsonl could not be read/,
    1,
  ],
  ['fewer rows', ['a.jsonl', 'short.jsonl', '--metric', 'accuracy'], /row 3 is only in one of them/, 1],
  [
    'a broken line',
    ['a.jsonl', 'broken.jsonl', '--metric', 'accuracy'],
    /Line 2 of \S+broken\.jsonl is not a prediction/,
    1,
  ],
  ['an empty file', ['a.jsonl', 'empty.jsonl', '--metric', 'accuracy'], /empty\.jsonl has no predictions/, 1],
  ['several methods', ['methods.jsonl', 'a.jsonl', '--metric', 'chrf'], /has the answers of 2 methods/, 1],
])('compare refuses %s', async (_, args, what, code) => {
  const { status, said } = await graft(
    'compare',
    ...args.map((word) => (word.endsWith('.jsonl') ? path(word) : word)),
  );
  expect(said).toMatch(what);
  expect(status).toBe(code);
});

test('scorers of the whole registry apply, by earlier names as well, and those that are rewards elsewhere', async () => {
  await writeFile(
    path('json.jsonl'),
    [
      { prediction: '{"a": 1}', reference: '{"a": 1, "b": 2}' },
      { prediction: 'a: 1', reference: 'a is 1' },
    ]
      .map((row) => JSON.stringify(row))
      .join('\n'),
  );
  const { result, status } = await graft(
    ...['evaluate', '--predictions', path('json.jsonl'), '--json'],
    ...['--metrics', 'valid-json,json-fields,normalised-match'],
  );
  expect(status).toBe(0);
  expect(JSON.parse(result)).toMatchObject({
    // The second reference is no JSON, so only the first row has fields.
    scores: { 'valid-json': 0.5, 'json-fields': 0.5, 'normalized-match': 0 },
    row_scores: [
      { 'valid-json': 1, 'json-fields': 0.5, 'normalized-match': 0 },
      { 'valid-json': 0, 'normalized-match': 0 },
    ],
  });
  const compared = await graft(
    ...['compare', path('json.jsonl'), path('json.jsonl'), '--metric', 'json-fields', '--json'],
  );
  expect(JSON.parse(compared.result)).toMatchObject({ difference: 0, mcnemar_p: null });
});

test.each([
  ['regex', /--metrics has regex, which needs pattern\. Write it as JSON: \{"name": "regex", "pattern": …\}/],
  ['length', /length needs the number of tokens of each answer, and --predictions has none/],
])('%s is refused as a metric of predictions, with what it lacks', async (name, what) => {
  const { status, said } = await graft(...['evaluate', '--predictions', path('b.jsonl'), '--metrics', name]);
  expect(said).toMatch(what);
  expect(status).toBe(2);
});

test('a label metric refuses a row with two references, with its line', async () => {
  const { status, said } = await graft(
    ...['evaluate', '--predictions', path('methods.jsonl'), '--metrics', 'accuracy'],
  );
  expect(said).toMatch(/Line 1 of \S+methods\.jsonl has 2 references, and accuracy compares with one label/);
  expect(status).toBe(1);
});

test('predictions of several folds get the mean of their scores with its standard deviation', async () => {
  const folds = ['--predictions', path('a.jsonl'), '--predictions', path('b.jsonl')];
  const { status, result } = await graft('evaluate', ...folds, '--metrics', 'exact-match', '--json');
  expect(status).toBe(0);
  const {
    rows,
    scores,
    folds: each,
  } = JSON.parse(result) as {
    rows: number;
    scores: Record<string, { mean: number; sd: number }>;
    folds: { scores: Record<string, number> }[];
  };
  const values = each.map((fold) => fold.scores['exact-match']);
  expect(values[0]).toBeCloseTo(values[1] / 3);
  expect(rows).toBe(6);
  const middle = (values[0] + values[1]) / 2;
  expect(scores['exact-match'].mean).toBeCloseTo(middle);
  expect(scores['exact-match'].sd).toBeCloseTo(Math.abs(values[0] - values[1]) / Math.SQRT2);
  const table = await graft('evaluate', ...folds, '--metrics', 'exact-match');
  expect(table.result).toMatch(/mean ± sd of 2 folds +6 +\S+ ± \S+/);
});

test('folds of different methods and a fold that is given twice are refused', async () => {
  const call = (...names: string[]): string[] => names.flatMap((name) => ['--predictions', path(name)]);
  const other = await graft('evaluate', ...call('a.jsonl', 'methods.jsonl'));
  expect([other.status, other.said]).toEqual([2, expect.stringMatching(/is in 1 of 2 folds/)]);
  const twice = await graft('evaluate', ...call('a.jsonl', 'a.jsonl'));
  expect([twice.status, twice.said]).toEqual([2, expect.stringMatching(/names .*a\.jsonl twice/)]);
});
