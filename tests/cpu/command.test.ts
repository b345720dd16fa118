/** The command on the processor, in a process of its own: it needs no GPU, answers, and ends. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { isObject, parseJson } from '../../src/json.ts';
import { DEVICE_HERE, graft, graftHere, temporaryFolder, VOICE } from '../engine/graft-command.ts';

const SPRIG = fileURLToPath(new URL('../../public/models/sprig', import.meta.url));
const CPU = ['--device', 'cpu'];
/** A missing Vulkan driver: nothing may ask for one. */
const NO_GPU = { VK_DRIVER_FILES: '/nonexistent.json' };

test('it answers, and ends although its threads wait for work', async () => {
  const asked = ['generate', '--model', SPRIG, '--prompt', 'Who are you?', ...CPU];
  const { code, out, err } = await graft(asked, undefined, NO_GPU);
  expect(code, err).toBe(0);
  expect(out).toContain('garden');
});

test('it plans for the processor without opening it', async () => {
  const { code, out, err } = await graft(['plan', '--model', SPRIG, '--json', ...CPU], undefined, NO_GPU);
  expect(code, err).toBe(0);
  const plan = JSON.parse(out) as { adapter: string; limits: { maxBufferSize: number } };
  expect(plan.adapter).toBe('the processor');
  expect(plan.limits.maxBufferSize).toBeGreaterThan(2 ** 31);
});

test('the benchmark names the build and the threads, and profiles kernels', async () => {
  const args = [
    'bench',
    '--only',
    'training',
    '--batches',
    '1x32',
    '--runs',
    '1',
    '--profile',
    '--json',
    ...CPU,
  ];
  const { code, out, err } = await graft(args, undefined, NO_GPU);
  expect(code, err).toBe(0);
  const result = JSON.parse(out) as {
    driver: string;
    training: { profile: { kernels: { kernel: string }[] } }[];
  };
  expect(result.driver).toMatch(/^CPU (relaxed )?SIMD, \d+ threads?$/);
  const names = result.training[0].profile.kernels.map(({ kernel }) => kernel);
  expect(names).toContain('attention');
  expect(names.some((name) => /^matmul NT \d+×\d+×\d+$/.test(name))).toBe(true);
});

const at = temporaryFolder();

test("a base without a chat template is asked in the form of its adapter's rows", async () => {
  cpSync(SPRIG, at('base'), { recursive: true });
  const path = at('base', 'tokenizer_config.json');
  const config = parseJson(readFileSync(path, 'utf8'), path);
  if (!isObject(config)) throw new Error('no tokenizer_config.json');
  const { chat_template: _, ...plain } = config;
  writeFileSync(path, JSON.stringify(plain));
  writeFileSync(at('rows.csv'), 'q,a\nWho?,Me.\nWhere?,Here.\n');
  const rows = ['--data', at('rows.csv'), '--prompt-template', '{{q}}', '--answer-template', '{{a}}'];
  const base = ['--model', at('base'), ...DEVICE_HERE];
  const trained = await graftHere(['train', ...base, ...rows, '--steps', '1', '--out', at('tuned')]);
  expect(trained.code, trained.err).toBe(0);
  expect(readFileSync(at('tuned', 'README.md'), 'utf8')).toContain('| Between prompt and answer | "\\n" |');

  const tuned = [...base, '--adapter', at('tuned')];
  const promptIds = async (...args: string[]): Promise<unknown> => {
    const asked = ['generate', ...args, '--max-new-tokens', '1', '--json'];
    const { code, out, err } = await graftHere(asked);
    expect(code, err).toBe(0);
    return (JSON.parse(out) as { prompt_ids: unknown }).prompt_ids;
  };
  const asTrained = await promptIds(...base, '--prompt', 'Who?\n');
  expect(await promptIds(...tuned, '--prompt', 'Who?')).toEqual(asTrained);
  expect(await promptIds(...tuned, '--prompt', 'Who?\n')).toEqual(asTrained);
  expect(await promptIds(...base, '--prompt', 'Who?', '--after-prompt', '\\n')).toEqual(asTrained);
  expect(await promptIds(...base, '--prompt', 'Who?')).not.toEqual(asTrained);
  expect(await promptIds(...tuned, '--raw', '--prompt', 'Who?')).not.toEqual(asTrained);

  const chat = await graft(['chat', ...tuned, '--max-new-tokens', '1'], undefined, {}, 'Who?\n/prompt\n');
  expect(chat.code, chat.err).toBe(0);
  expect(chat.err).toContain('Who?\n');
});

test('a reward that does not end is named, and the run pauses at the step before with its state saved', async () => {
  const rows = [
    { prompt: 'Name a tool.', completion: 'spade', endless: false },
    { prompt: 'Name a flower.', completion: 'rose', endless: true },
  ];
  writeFileSync(at('tools.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
  writeFileSync(
    at('endless.js'),
    // One call of a built-in function, which counts as one step, and takes days.
    `export default ({ completion, row }) =>
      row.endless ? 'a'.repeat(1.5e7).indexOf('a'.repeat(7e6) + 'b') : completion.length / 100;`,
  );
  const asked = ['train', '--model', SPRIG, '--data', at('tools.jsonl'), ...CPU, '--out', at('rewarded')];
  const settings = ['--batch', '1', '--accumulate', '1', '--steps', '2', '--max-completion-length', '4'];
  const { code, err } = await graft([
    ...[...asked, ...settings, '--no-shuffle', '--num-generations', '2'],
    ...['--objective', 'grpo', '--reward', at('endless.js')],
  ]);
  expect(code).toBe(1);
  expect(err).toMatch(/The reward endless gave no score for “.*”: it does not end within 5 seconds/);
  expect(err).toMatch(/The state after step 1 of 2 is left in.* --resume /s);
});

const SHORT = ['--data', VOICE, '--batch', '1', '--max-length', '64'];

test('a run prints its result as one JSON object, and nothing else, on standard output', async () => {
  const out = at('json');
  const validated = ['--val-fraction', '0.02', '--eval-every', '4'];
  const args = ['train', '--model', SPRIG, ...SHORT, '--steps', '12', ...validated, '--out', out, ...CPU];
  const { code, out: printed, err } = await graft([...args, '--json'], undefined, NO_GPU);
  expect(code, err).toBe(0);
  const result = JSON.parse(printed) as Record<string, unknown>;
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const [first, last] = [lines[0], lines[11]].map((line) => JSON.parse(line) as Record<string, number>);
  expect(result).toMatchObject({
    ...{ status: 'done', method: 'lora', objective: 'sft', steps: 12, done: 12, adapter: out, out },
    loss: { first: first['loss'], last: last['loss'] },
    validation: { before: first['eval_loss_before'], last: last['eval_loss'] },
    lastStep: { grad_norm: last['grad_norm'] },
  });
  const { name, how } = result['verdict'] as { name: string; how: string };
  expect(err.toLowerCase()).toContain(`${name}. ${how}`.toLowerCase());
});

test('a run of a version without shared prefixes is resumed without them', async () => {
  const rows = Array.from({ length: 8 }, (_, at) => ({
    prompt: `Say in a few words what a gardener does with the tool number ${at}.`,
    completion: `Digs ${at}.`,
  }));
  writeFileSync(at('alike.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
  const asked = ['train', '--model', SPRIG, '--data', at('alike.jsonl'), ...DEVICE_HERE, '--steps', '4'];
  const out = ['--out', at('earlier')];
  const begun = await graftHere([...asked, ...out, '--pause-after', '2', '--share-prefixes', 'off']);
  expect(begun.code, begun.err).toBe(0);
  const state = at('earlier', 'state');
  const { fingerprint, ...others } = JSON.parse(readFileSync(join(state, 'state.json'), 'utf8')) as {
    fingerprint: string;
  };
  const parts = JSON.parse(fingerprint) as { spec: Record<string, unknown> };
  delete parts.spec['sharePrefixes'];
  writeFileSync(join(state, 'state.json'), JSON.stringify({ ...others, fingerprint: JSON.stringify(parts) }));
  rmSync(join(state, 'SHA256SUMS'));
  const { code, err } = await graftHere([...asked, ...out, '--resume', at('earlier')]);
  expect(code, err).toBe(0);
  const shared = await graftHere([...asked, '--out', at('today')]);
  expect(shared.err).toMatch(/\d\d% of the tokens of these rows repeat .* computed once\./);
  const computed = (name: string): unknown[] =>
    readFileSync(at(name, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as Record<string, unknown>)['computed_tokens']);
  expect(computed('earlier')).toEqual(new Array(4).fill(undefined));
  expect(computed('today').every((tokens) => typeof tokens === 'number')).toBe(true);
});

test('a run that is interrupted prints how it can be continued in its JSON object', async () => {
  const args = ['train', '--model', SPRIG, ...SHORT, '--steps', '4000', '--out', at('cut'), ...CPU, '--json'];
  let isAsked = false;
  const interrupt = (err: string, kill: (signal: NodeJS.Signals) => void): void => {
    if (isAsked || !err.includes('Step 1 of')) return;
    isAsked = true;
    kill('SIGINT');
  };
  const { code, out } = await graft(args, interrupt, NO_GPU);
  expect(code).toBe(130);
  const result = JSON.parse(out) as Record<string, unknown>;
  expect(result).toMatchObject({ status: 'interrupted', steps: 4000, out: at('cut') });
  expect(result['adapter']).toBeUndefined();
  expect(result['resume']).toMatch(/ train .*--resume /);
});
