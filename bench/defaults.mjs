/**
 * What the defaults of each method, objective and optimiser learn, and what they cost: `node bench/defaults.mjs [--model DIR --data FILE] [--rates 0.5,1,2] [WORD …]`.
 * Without a model it measures the bundled one on bundled rows. Each line is one run of `graft train` with nothing chosen but what its first column
 * says, at the default rate or a multiple of it. A word picks the runs whose names have it. The table is that of docs/defaults.md.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GRAFT = join(ROOT, 'bin', 'graft.mjs');
const SAMPLES = join(ROOT, 'public', 'samples');
const run = promisify(execFile);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(ROOT, 'public', 'models', 'sprig') },
    data: { type: 'string' },
    rates: { type: 'string', default: '1' },
  },
});
const own = values.data === undefined ? [] : [['rows', values.data]];
const answers =
  own.length > 0
    ? own
    : ['voice', 'orders-json', 'detail'].map((name) => [name, join(SAMPLES, name, 'train.jsonl')]);
const pairs = [['pairs', join(SAMPLES, 'more', 'pairs.jsonl')]];
const votes = [['votes', join(SAMPLES, 'more', 'votes.jsonl')]];

const METHODS = ['lora', 'dora', 'pissa', 'eva', 'ia3', 'prompt', 'norms', 'full'];
const PAIRS = ['dpo', 'ipo', 'hinge', 'apo-zero', 'apo-down', 'orpo', 'simpo'];
const RUNS = [
  ...METHODS.map((method) => ({ name: method, flags: ['--method', method], tasks: answers })),
  { name: 'full, norms', flags: ['--method', 'full', '--train-weights', 'norms'], tasks: answers },
  ...['nadamw', 'lion', 'sgd'].map((name) => ({ name, flags: ['--optimiser', name], tasks: answers })),
  ...PAIRS.map((name) => ({ name, flags: ['--objective', name], tasks: pairs })),
  { name: 'kto', flags: ['--objective', 'kto'], tasks: votes },
];

async function measure(flags, data, factor) {
  const out = await mkdtemp(join(tmpdir(), 'graft-defaults-'));
  const call = [
    '--model',
    values.model,
    '--data',
    data,
    '--max-length',
    '96',
    '--val-fraction',
    '0.1',
    ...flags,
  ];
  try {
    const recipe = JSON.parse((await run(process.execPath, [GRAFT, 'recipe', ...call, '--json'])).stdout);
    const lr = Number((recipe.lr * factor).toPrecision(6));
    await run(
      process.execPath,
      [GRAFT, 'train', ...call, '--lr', String(lr), '--forgetting', '--device', 'cpu', '--out', out],
      {
        maxBuffer: 1 << 26,
      },
    );
    const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    return { lr, steps: lines.length, first: lines[0], last: lines.at(-1) };
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

const three = (value) => (typeof value === 'number' ? value.toFixed(3).replace('-', '−') : '–');
function signed(value) {
  const digits = Math.abs(value).toFixed(2);
  return Number(digits) === 0 ? digits : `${value < 0 ? '−' : '+'}${digits}`;
}

console.log(
  '| run | rows | rate | steps | held-out loss | pairs in order, margin | general text | general prompts right |\n|---|---|---|---|---|---|---|---|',
);
for (const { name, flags, tasks } of RUNS) {
  if (positionals.length > 0 && !positionals.some((word) => name.includes(word))) continue;
  for (const [task, data] of tasks)
    for (const factor of values.rates.split(',').map(Number)) {
      const { lr, steps, first, last } = await measure(flags, data, factor);
      const right = last.eval_reward_accuracy;
      const order =
        last.eval_reward_margin === undefined
          ? ''
          : `${right === undefined ? '' : `${Math.round(100 * right)} %, `}${three(last.eval_reward_margin)}`;
      console.log(
        `| ${name} | ${task} | ${lr} | ${steps} | ${three(first.eval_loss_before)} → ${three(last.eval_loss)} | ${order} | ${signed(last.general_loss - last.general_loss_before)} | ${last.general_right_before} → ${last.general_right} |`,
      );
    }
}
