/** The table of `graft evaluate`: three kinds of adapters on the same rows, with the resources, the score and the forgetting of each. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, metricsOf, temporaryFolder, VOICE } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

/** An adapter that PEFT wrote, whose run is unknown. */
const OF_PEFT = fileURLToPath(new URL('../reference/peft/adapter', import.meta.url));
const SPLIT = ['--data', VOICE, '--val-fraction', '0.1', '--test-fraction', '0.1', '--max-length', '96'];
const at = temporaryFolder();

interface Row {
  readonly method: string;
  readonly adapter?: string;
  readonly kind?: string;
  readonly parameters?: number;
  readonly peak_bytes?: number;
  readonly seconds_per_step?: number;
  readonly metric: string;
  readonly rows: number;
  readonly score: number;
  readonly standing?: string;
  readonly against_best?: { readonly only_this: number; readonly only_best: number; readonly p: number };
  readonly forgetting?: Readonly<Record<string, number | string>>;
}

beforeAll(async () => {
  // A recipe only says whether forgetting is measured.
  writeFileSync(at('recipe.json'), JSON.stringify({ steps: 12, lr: 0.01, forgetting: true }));
  for (const [name, ...kind] of [
    ['lora', '--rank', '4'],
    ['ia3', '--method', 'ia3'],
  ]) {
    const recipe = name === 'lora' ? ['--recipe', at('recipe.json')] : ['--steps', '4'];
    const { code, err } = await graftHere([
      ...['train', '--model', SPRIG, ...SPLIT, ...recipe, ...kind],
      ...['--out', at(name), ...DEVICE_HERE],
    ]);
    expect(code, err).toBe(0);
  }
});

test('every adapter is a row of its own, and so is the base, on the same rows', async () => {
  const adapters = [at('lora'), at('ia3'), OF_PEFT];
  const { code, out, err } = await graftHere([
    ...['evaluate', '--model', SPRIG, ...SPLIT, '--adapter', ...adapters],
    ...['--rows', '6', '--methods', 'base,adapter', '--forgetting', '--out', at('report'), ...DEVICE_HERE],
  ]);
  expect(code, err).toBe(0);
  const report = JSON.parse(readFileSync(at('report', 'report.json'), 'utf8')) as {
    readonly table: readonly Row[];
    readonly methods: readonly { readonly metrics: Readonly<Record<string, number>> }[];
    readonly verdict: string;
  };
  const { table } = report;
  // The page to read has the same verdict, and the settings of the run that an adapter is from.
  const page = readFileSync(at('report', 'report.html'), 'utf8').replaceAll(/<[^>]*>/g, '');
  for (const sentence of report.verdict.split('\n'))
    expect(page).toContain(sentence.replaceAll('&', '&amp;').replaceAll("'", '&#39;'));
  expect(page).toMatch(/evaluate --model .* --forgetting/);
  expect(page).toMatch(/lr\s*0\.01\s/);
  expect(table.map(({ adapter, kind }) => [adapter, kind])).toEqual([
    [undefined, undefined],
    [at('lora'), 'LoRA rank 4'],
    [at('ia3'), 'IA3'],
    [OF_PEFT, expect.stringMatching(/^LoRA rank \d+$/)],
  ]);
  expect(new Set(table.map(({ rows, metric }) => `${rows} ${metric}`)).size).toBe(1);
  expect(table.map(({ rows }) => rows)).toEqual([6, 6, 6, 6]);
  // The score is the number that its method has in the report.
  table.forEach(({ score, metric }, i) => expect(score).toBe(report.methods[i].metrics[metric]));

  const [base, lora, ia3, other] = table;
  expect(lora.parameters).toBeGreaterThan(ia3.parameters!);
  expect(lora.peak_bytes).toBeGreaterThan(1e6);
  const seconds = metricsOf(at('lora')).map((line) => line.seconds);
  expect(lora.seconds_per_step).toBe([...seconds].sort((a, b) => a - b)[6]);
  expect(ia3.seconds_per_step).toBeGreaterThan(0);
  // What was not measured is missing.
  expect([other.peak_bytes, other.seconds_per_step, base.parameters]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(table.map(({ standing }) => standing)).not.toContain(undefined);

  // Forgetting equals the run's own measurement except for KL, for which both use prompts of the rows.
  const run = JSON.parse(readFileSync(at('lora', 'forgetting.json'), 'utf8')) as {
    readonly before: number;
    readonly after: number;
    readonly kl: { readonly after: number };
    readonly prompts: readonly { readonly rightAfter: boolean }[];
  };
  expect(lora.forgetting).toMatchObject({
    general_loss_before: expect.closeTo(run.before, 4),
    general_loss: expect.closeTo(run.after, 3),
    general_prompts: 12,
    general_right: run.prompts.filter(({ rightAfter }) => rightAfter).length,
    kl_base: expect.closeTo(run.kl.after, 2),
  });
  expect(base.forgetting).toMatchObject({ general_right_before: 12, general_prompts: 12 });
  expect(base.forgetting).not.toHaveProperty('kl_base');

  const printed = out.slice(out.indexOf('\ntuned'));
  expect(printed).toMatch(
    /^\ntuned +kind +parameters +memory +s\/step +[a-z1 ]+? +on general text +general prompts +KL to base, nats per token\n/i,
  );
  expect(printed).toMatch(/Base model +– +– +– +– /);
  expect(printed).toMatch(/LoRA rank 4 +[\d,]+ +[\d.]+ MB +\d/);
  expect(printed).toContain('the difference may be chance');
});

test('the columns are shown only with --forgetting, and the table only with an adapter', async () => {
  const asked = ['evaluate', '--model', SPRIG, ...SPLIT, '--rows', '2', ...DEVICE_HERE];
  const plain = await graftHere([...asked, '--methods', 'base,adapter', '--adapter', at('ia3')]);
  expect(plain.code, plain.err).toBe(0);
  expect(plain.out).toMatch(/\ntuned +kind/);
  expect(plain.out).not.toContain('KL to base');
  const none = await graftHere([...asked, '--methods', 'base', '--json']);
  expect(none.code, none.err).toBe(0);
  expect(JSON.parse(none.out)).not.toHaveProperty('table');
});

test('a model of all weights has a row like the adapters, measured as the run that made it', async () => {
  const whole = at('whole');
  const trained = await graftHere([
    ...['train', '--model', SPRIG, ...SPLIT, '--method', 'full', '--train-weights', 'norms'],
    ...['--steps', '4', '--lr', '0.01', '--forgetting', '--out', whole, ...DEVICE_HERE],
  ]);
  expect(trained.code, trained.err).toBe(0);
  const asked = [
    'evaluate',
    '--model',
    SPRIG,
    ...SPLIT,
    '--rows',
    '4',
    '--methods',
    'base,adapter',
    ...DEVICE_HERE,
  ];
  const tuned = ['--adapter', at('ia3'), '--tuned', whole, '--forgetting'];
  const { code, out, err } = await graftHere([...asked, ...tuned, '--json']);
  expect(code, err).toBe(0);
  const { table } = JSON.parse(out) as { readonly table: readonly Row[] };
  expect(table.map(({ adapter, kind }) => [adapter, kind])).toEqual([
    [undefined, undefined],
    [at('ia3'), 'IA3'],
    [whole, 'All weights'],
  ]);
  const [base, , model] = table;
  expect(model.rows).toBe(4);
  expect(model.score).not.toBe(base.score);
  // Norms of 6 layers, two each, and the last.
  expect(model.parameters).toBe(13 * 128);
  expect(model.peak_bytes).toBeGreaterThan(1e6);
  const run = JSON.parse(readFileSync(at('whole', 'forgetting.json'), 'utf8')) as { readonly after: number };
  expect(model.forgetting).toMatchObject({ general_loss: expect.closeTo(run.after, 3) });

  const other = await graftHere([...asked, '--tuned', at('ia3')]);
  expect(other.code).toBe(1);
});
