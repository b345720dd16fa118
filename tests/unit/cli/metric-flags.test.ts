/** `--metrics` and `--metric` with settings: names, JSON and files, mixed. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand } from '../../../src/cli/commands.ts';
import { metricsOfTexts, partsOf } from '../../../src/cli/metric-flags.ts';
import type { WholeOutput } from '../../../src/cli/output.ts';
import { graftError } from '../expect-graft-error.ts';

let folder = '';
const path = (name: string): string => join(folder, name);

const ROWS = [
  { prompt: 'Which day?', prediction: '2026-12-01', reference: '2026-12-01', level: 'easy' },
  { prompt: 'How many?', prediction: '1,234', reference: '1234', level: 'easy' },
  {
    prompt: 'Which order?',
    prediction: '{"item": "owl"}',
    reference: '{"item": "owl", "count": 1}',
    level: 'hard',
  },
  { prompt: 'Who?', prediction: 'nobody', reference: 'Ada', level: 'hard' },
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-metrics-'));
  const lines = (rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');
  await writeFile(path('p.jsonl'), lines(ROWS));
  await writeFile(path('q.jsonl'), lines(ROWS.map((row) => ({ ...row, prediction: '1,234' }))));
  await writeFile(path('bare.jsonl'), lines(ROWS.map(({ prompt: _, ...row }) => row)));
  await writeFile(
    path('order, whole.json'),
    '{"name": "json-schema", "as": "order", "whole": true, "schema": {"required": ["item"], "type": "object"}}',
  );
  await writeFile(
    path('several.jsonl'),
    lines([
      { prediction: 'no JSON', reference: ['a', 'b'] },
      { prediction: '{"item": "owl"}', reference: 'a' },
    ]),
  );
  await writeFile(path('hard.js'), "// Rows of a level.\nrow.level === 'hard' && prompt.endsWith('?')");
  await writeFile(path('broken.js'), 'completion ===');
  await writeFile(path('partial.js'), "JSON.parse(completion).item === 'owl'");
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

test.each([
  ['bleu, accuracy', ['bleu', 'accuracy']],
  ['{"name":"regex","pattern":"a,b"},bleu', ['{"name":"regex","pattern":"a,b"}', 'bleu']],
  [String.raw`bleu,{"pattern":"}\",{"} , [1,[2]]`, ['bleu', String.raw`{"pattern":"}\",{"}`, '[1,[2]]']],
  ['{"name":', ['{"name":']],
])('%s has the parts %j', (text, parts) => {
  expect(partsOf(text, 'metrics')).toEqual(parts);
});

test.each([
  ['bleu,,accuracy', /an empty item/],
  ['', /an empty item/],
  ['{"a":1}bleu', /--metrics has "bleu" right after JSON/],
  ['bluu', /Unknown metric "bluu" in --metrics\. Did you mean bleu\?/],
  ['regex', /regex, which needs pattern/],
])('“%s” is refused', async (text, what) => {
  expect((await graftError(() => metricsOfTexts([text], 'metrics'), 'arguments')).what).toMatch(what);
});

test('names, JSON and files are columns of predictions, row by row', async () => {
  const REGEX = String.raw`{"name": "regex", "pattern": "^\\d{1,3}(,\\d{3})*$", "as": "number"}`;
  const call = [
    ...['evaluate', '--predictions', path('p.jsonl'), '--metrics', `exact-match,${REGEX}`],
    ...[path('order, whole.json'), path('hard.js')],
  ];
  const { status, result, said } = await graft(...call, '--json');
  expect(status, said).toBe(0);
  // statsmodels: proportion_confint(1, 4, method='wilson')
  const QUARTER = [expect.closeTo(0.0455873, 6), expect.closeTo(0.6993582, 6)];
  const report = JSON.parse(result) as object;
  expect(report).toMatchObject({
    scores: { 'exact-match': 0.25, number: 0.25, order: 0.25, hard: 0.5 },
    intervals: { number: QUARTER, order: QUARTER },
    row_scores: [
      { 'exact-match': 1, number: 0, order: 0, hard: 0 },
      { number: 1, order: 0, hard: 0 },
      { number: 0, order: 1, hard: 1 },
      { number: 0, order: 0, hard: 1 },
    ],
    metrics: [
      { name: 'number', scorer: { name: 'regex', pattern: String.raw`^\d{1,3}(,\d{3})*$`, as: 'number' } },
      { name: 'order', scorer: { name: 'json-schema' } },
      { name: 'hard', scorer: { name: 'javascript' } },
    ],
  });
  const table = await graft(...call);
  expect(table.result).toMatch(/exactly right +number +order +hard\n/);
  expect(table.result).toContain(String.raw`number: regex ^\d{1,3}(,\d{3})*$`);
});

test('compare takes one, and tests rows that are right or wrong', async () => {
  const metric = String.raw`{"name": "regex", "pattern": "^\\d+,\\d+$"}`;
  const files = ['compare', path('p.jsonl'), path('q.jsonl')];
  const { result, said } = await graft(...files, '--metric', metric, '--json');
  expect(said).toBe('');
  expect(JSON.parse(result)).toMatchObject({
    ...{ metric: String.raw`regex ^\d+,\d+$`, difference: 0.75, improved: 3, worsened: 0 },
    // scipy: binomtest(0, 3).pvalue
    mcnemar_p: expect.closeTo(0.25, 12),
  });
  const two = await graft(...files, '--metric', `${metric},bleu`);
  expect(two.said).toMatch(/--metric has 2 metrics, and two files are compared by one/);
  expect(two.status).toBe(2);
});

test('code that fails on some answers says so, and these count as 0', async () => {
  const { result, said } = await graft(
    ...['evaluate', '--predictions', path('p.jsonl'), '--metrics', path('partial.js'), '--json'],
  );
  expect(said).toMatch(
    /^Warning: partial failed on 3 answers of \S+p\.jsonl: SyntaxError.*\. They count as 0\.$/m,
  );
  expect(JSON.parse(result)).toMatchObject({ scores: { partial: 0.25 } });
  // One with several references is tried with each, and is one answer.
  const several = await graft(
    ...['evaluate', '--predictions', path('several.jsonl'), '--metrics', path('partial.js')],
  );
  expect(several.said).toContain('partial failed on 1 answer of');
});

test.each<[string, string, RegExp, number]>([
  ['code that cannot be read', 'broken.js', /--metrics, broken: its code cannot run: SyntaxError/, 2],
  ['a file that is not there', 'none.json', /none\.json could not be read/, 1],
  [
    'code that reads tokens',
    '{"name":"javascript","code":"tokens","as":"t"}',
    /t needs the number of tokens of each answer/,
    2,
  ],
  [
    'code that fails on all',
    '{"name":"javascript","code":"nope.x","as":"t"}',
    /t fails on every row of \S+: ReferenceError/,
    1,
  ],
  ['JSON that ends early', '{"name":"regex"', /--metrics is not valid JSON/, 1],
  [
    'an unknown setting',
    '{"name":"regex","patern":"a"}',
    /regex has no setting "patern"\. Did you mean pattern\?/,
    2,
  ],
])('%s is refused', async (_, metric, what, code) => {
  const given = /\.(js|json)$/.test(metric) ? path(metric) : metric;
  const { status, said } = await graft('evaluate', '--predictions', path('p.jsonl'), '--metrics', given);
  expect(said).toMatch(what);
  expect(status).toBe(code);
});

test('code that reads the prompt needs one in each line', async () => {
  const { said } = await graft(
    ...['evaluate', '--predictions', path('bare.jsonl'), '--metrics', path('hard.js')],
  );
  expect(said).toMatch(/Line 1 of \S+bare\.jsonl has no prompt, and hard reads it/);
});
