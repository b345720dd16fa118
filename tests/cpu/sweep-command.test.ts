/** `graft sweep`: it is killed and goes on where it was, and what survives a rung continues with the same bits. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import {
  DEVICE_HERE,
  graft,
  graftHere,
  metricsOf,
  numbers,
  temporaryFolder,
} from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

interface Record {
  readonly status: string;
  readonly runs: readonly {
    readonly id: string;
    readonly status: string;
    readonly step: number;
    readonly settings: Readonly<globalThis.Record<string, number>>;
    readonly validation: { readonly step: number; readonly loss: number };
  }[];
  readonly best: {
    readonly run: string;
    readonly folder: string;
    readonly validation: { readonly loss: number };
  };
}

const at = temporaryFolder();
const recordOf = (folder: string): Record =>
  JSON.parse(readFileSync(at(folder, 'sweep.json'), 'utf8')) as Record;
const swept = (...more: string[]): string[] => [
  ...['sweep', '--model', SPRIG, '--data', at('rows.jsonl'), '--val-fraction', '0.25', '--max-length', '48'],
  ...['--grid', 'learningRate=1e-5,4e-3', '--steps', '8', '--eval-every', '2', '--batch', '4'],
  ...DEVICE_HERE,
  ...more,
];

beforeAll(() => {
  const rows = Array.from({ length: 24 }, (_, i) => ({
    prompt: `What is number ${i}?`,
    completion: i % 2 === 0 ? 'even' : 'odd',
  }));
  writeFileSync(at('rows.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
});

test('a sweep that is killed continues where it was, and its survivors have the bits of runs without a pause', async () => {
  let isKilled = false;
  const killed = await graft(swept('--out', at('flat')), (err, kill) => {
    if (isKilled || !err.includes('Run 2 of 2')) return;
    isKilled = true;
    kill('SIGKILL');
  });
  expect(killed.signal, killed.err).toBe('SIGKILL');
  expect(recordOf('flat').runs.map(({ status }) => status)).toEqual(['done', 'running']);
  const first = statSync(at('flat', 'run-001', 'metrics.jsonl'));

  const again = await graftHere(swept('--out', at('flat')));
  expect(again.code, again.err).toBe(0);
  // What was done is not done again.
  const { ino, mtimeMs } = statSync(at('flat', 'run-001', 'metrics.jsonl'));
  expect([ino, mtimeMs]).toEqual([first.ino, first.mtimeMs]);
  const flat = recordOf('flat');
  expect(flat).toMatchObject({ status: 'done', best: { run: 'run-002', folder: 'best' } });
  expect(readFileSync(at('flat', 'best', 'adapter_model.safetensors'))).toEqual(
    readFileSync(at('flat', 'run-002', 'adapter_model.safetensors')),
  );
  expect(again.out).toMatch(/^recipe +lr +validation loss .*\n2 +0\.004 .* done\n1 +0\.00001 .* done\n/);

  const halved = await graftHere(swept('--halving', '--out', at('halved'), '--json'));
  expect(halved.code, halved.err).toBe(0);
  const record = JSON.parse(halved.out) as Record;
  expect(record.runs.map(({ status, step }) => [status, step])).toEqual([
    ['out', 4],
    ['done', 8],
  ]);
  // Paused after four steps and continued, next to killed and continued.
  const [one, other] = ['halved', 'flat'].map((name) => numbers(metricsOf(at(name, 'run-002'))));
  expect(one).toEqual(other);
  expect(one.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(record.best.validation).toEqual(flat.best.validation);
  expect(Math.min(...one.flatMap(({ eval_loss: loss }) => loss ?? []))).toBe(record.best.validation.loss);
  // The state of a run that is out is not needed any more.
  expect(existsSync(at('halved', 'run-001', 'state'))).toBe(false);
  expect(readFileSync(at('halved', 'sweep.html'), 'utf8')).toContain('<polyline class="best"');
});

test('a budget of steps ends it before the run that would be too much, and the flags are remembered', async () => {
  const cut = await graftHere(swept('--out', at('cut'), '--budget-steps', '10'));
  expect(cut.code, cut.err).toBe(0);
  expect(recordOf('cut')).toMatchObject({ status: 'budget', best: { run: 'run-001' } });
  expect(cut.err).toMatch(/To continue: .* sweep --resume --out /);
  const rest = await graftHere(['sweep', '--resume', '--out', at('cut'), ...DEVICE_HERE]);
  expect(rest.code, rest.err).toBe(0);
  expect(recordOf('cut')).toMatchObject({ status: 'done', best: { run: 'run-002' } });
});

test('a call that is wrong is refused before anything is trained', async () => {
  const cases: [string[], RegExp][] = [
    [['--grid', 'lerningRate=1,2'], /no such setting\. Did you mean lr\?/],
    [['--grid', 'lr=1e-4,fast'], /gives lr the value "fast"/],
    [['--grid', 'beta=0.1,0.2'], /changes the loss itself/],
    [['--grid', 'seed=1,2'], /--seeds/],
    [['--grid', 'rank=4,8', '--method', 'ia3'], /The recipe rank 4 cannot be trained: --rank is for /],
    [['--grid', 'lr=1e-4,1e-3', '--lr', '0.1'], /--lr is given, and lr varies/],
    [['--random', '3'], /--range is not/],
    [[], /needs something that varies/],
    [['--seeds', '1,1'], /--seeds is 1,1/],
    [['--grid', 'lr=1e-4,1e-3', '--val-fraction', '0'], /no rows are held out/],
    [['--seeds', '1,2', '--budget-steps', '1'], /The budget is 1 step, and one step of each run takes 2/],
    [['--seeds', '1,2', '--budget-minutes', '0'], /--budget-minutes is 0/],
  ];
  for (const [words, message] of cases) {
    const call = ['sweep', '--model', SPRIG, '--data', at('rows.jsonl'), '--out', at('none')];
    const validated = words.includes('--val-fraction') ? [] : ['--val-fraction', '0.25'];
    const { code, err } = await graftHere([...call, ...validated, ...words]);
    expect(err, words.join(' ')).toMatch(message);
    expect(code).toBe(2);
  }
  expect(existsSync(at('none'))).toBe(false);
  const other = await graftHere(swept('--out', at('flat'), '--rank', '4'));
  expect(other.err).toMatch(/holds a sweep of other flags; this call has --rank=4/);
  writeFileSync(at('rows.jsonl'), `${readFileSync(at('rows.jsonl'), 'utf8')}\n`);
  expect((await graftHere(swept('--out', at('flat')))).err).toMatch(
    /rows\.jsonl has changed since the sweep/,
  );
});
