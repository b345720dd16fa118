/** What the command prints, on full disks, to readers that are gone and on terminals: real processes on real devices. */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { BIN, DEVICE, graft, metricsOf, temporaryFolder, VOICE } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const FULL = '/dev/full';
const ESCAPE = '\x1b';

interface Ended {
  readonly code: number | null;
  readonly err: string;
}

/** Runs the command with a file as its standard output or standard error, which are read otherwise. */
function into(
  args: readonly string[],
  files: { readonly out?: string; readonly err?: string },
  onStep?: () => void,
): Promise<Ended & { readonly out: string }> {
  const open = (path: string | undefined): number | 'pipe' =>
    path === undefined ? 'pipe' : openSync(path, 'a');
  const [stdout, stderr] = [open(files.out), open(files.err)];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', stdout, stderr] });
    for (const fd of [stdout, stderr]) if (typeof fd === 'number') closeSync(fd);
    let [out, err] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
    onStep?.();
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

/** A small disk, for as long as `use` takes; undefined where this user may not mount one. */
async function withDisk<T>(
  name: string,
  size: string,
  use: (disk: string) => Promise<T>,
): Promise<T | undefined> {
  const disk = at(name);
  mkdirSync(disk);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk]).status !== 0) {
    console.log('SKIPPED: a disk that is really full, since this user may not mount one');
    return undefined;
  }
  try {
    return await use(disk);
  } finally {
    spawnSync('umount', [disk]);
  }
}

const TRAIN = [
  ...['train', '--model', SPRIG, '--data', VOICE, '--batch', '1', '--rank', '2', '--targets', 'q_proj'],
  ...['--max-length', '48', '--seed', '5', ...DEVICE],
];
const PREDICTIONS = ['evaluate', '--predictions'];
const ANSWERS = 400;

beforeAll(() => {
  const line = JSON.stringify({ completion: 'a', prediction: 'a', reference: 'a', answer: 'a' });
  writeFileSync(at('answers.jsonl'), `${line}\n`.repeat(ANSWERS));
});

const MODEL = ['--model', SPRIG, ...DEVICE];
/** Each command once, in text or as JSON: both are written in the same way. */
const CALLS: readonly (readonly [string, () => readonly string[]])[] = [
  ['the version', () => ['--version']],
  ['the help of a command', () => ['train', '--help']],
  ['a plan as JSON', () => ['plan', '--model', SPRIG, '--json']],
  ['scores of predictions', () => [...PREDICTIONS, at('answers.jsonl')]],
  [
    'rewards as JSON',
    () => ['reward', '--reward', 'exact-match', '--predictions', at('answers.jsonl'), '--json'],
  ],
  ['an answer as JSON', () => ['generate', ...MODEL, '--prompt', 'Hi', '--max-new-tokens', '4', '--json']],
  ['answers to prompts', () => ['generate', ...MODEL, '--prompts', VOICE, '--max-new-tokens', '1']],
  [
    'an evaluation as JSON',
    () => [
      'evaluate',
      ...MODEL,
      '--data',
      VOICE,
      '--split',
      'all',
      '--rows',
      '2',
      '--methods',
      'base',
      '--json',
    ],
  ],
  ['a run as JSON', () => [...TRAIN, '--steps', '1', '--json', '--overwrite', '--out', at('reported')]],
  ['a benchmark as JSON', () => ['bench', '--only', 'decoding', '--runs', '1', '--json', ...DEVICE]],
];

const REFUSED = /^graft: Standard output could not be written: ENOSPC.*\. Make room on the disk\.$/m;

describe('standard output on a full disk', () => {
  test.each(CALLS)('%s says so in one sentence and ends with 1', async (_, call) => {
    if (!existsSync(FULL)) {
      console.log(`SKIPPED: ${FULL}, which this system does not have`);
      return;
    }
    const { code, err } = await into(call(), { out: FULL });
    expect(err).toMatch(REFUSED);
    expect(err).not.toMatch(/^ {4}at /m);
    expect(err.match(/^graft: /gm)).toHaveLength(1);
    expect(code).toBe(1);
  });

  test('is full if it has room for only a part of the result', async () => {
    const call = ['reward', '--reward', 'exact-match', '--predictions', at('answers.jsonl'), '--json'];
    const whole = await into(call, {});
    expect(whole.code).toBe(0);
    await withDisk('nearly-full', '16k', async (disk) => {
      writeFileSync(join(disk, 'other'), new Uint8Array(8192));
      const out = join(disk, 'scores.json');
      expect(whole.out.length).toBeGreaterThan(8192);
      const { code, err } = await into(call, { out });
      expect(statSync(out).size).toBeLessThan(whole.out.length);
      expect(err).toMatch(REFUSED);
      expect(code).toBe(1);
    });
  });
});

test('a reader that closes standard output early ends the command quietly', async () => {
  const child = spawn(process.execPath, [
    BIN,
    'generate',
    ...MODEL,
    '--prompts',
    VOICE,
    '--max-new-tokens',
    '1',
  ]);
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(err).not.toMatch(/^graft:|^ {4}at |EPIPE/m);
  expect(code).toBe(0);
});

describe('standard error that cannot be written', () => {
  test('costs a run nothing', async () => {
    if (!existsSync(FULL)) {
      console.log(`SKIPPED: ${FULL}, which this system does not have`);
      return;
    }
    const out = at('unheard');
    const { code } = await into([...TRAIN, '--steps', '12', '--out', out], { err: FULL });
    expect(code).toBe(0);
    expect(metricsOf(out)).toHaveLength(12);
    expect(existsSync(join(out, 'adapter_model.safetensors'))).toBe(true);
  });

  test('costs a run nothing if the disk of its log fills up as it trains', async () => {
    await withDisk('log-disk', '4k', async (disk) => {
      const [out, log] = [at('log-full'), join(disk, 'log')];
      // It has room for the first lines of a run, and none for those of all steps.
      writeFileSync(log, `${' '.repeat(4096 - 1500)}\n`);
      const validated = ['--val-fraction', '0.01', '--eval-every', '1'];
      const { code } = await into([...TRAIN, ...validated, '--steps', '40', '--out', out], { err: log });
      expect(code).toBe(0);
      expect(metricsOf(out)).toHaveLength(40);
      expect(readFileSync(log, 'utf8')).toContain('Step 1 of');
      expect(readFileSync(log, 'utf8')).not.toContain('Step 40 of');
    });
  });
});

describe('escape sequences of others', () => {
  const hostile = `${ESCAPE}]0;owned${ESCAPE}[2J`;

  test.each([
    [
      'the name of a missing file',
      () => ['reward', '--reward', 'exact-match', '--predictions', at(`${hostile}.jsonl`)],
    ],
    [
      'the columns of a table',
      () => {
        writeFileSync(at('columns.csv'), `${hostile},b\n1,2\n`);
        return [...TRAIN, '--data', at('columns.csv'), '--steps', '1', '--out', at('columns')];
      },
    ],
    [
      'the error of a template',
      () => {
        cpSync(SPRIG, at('hostile'), { recursive: true });
        const config = JSON.parse(readFileSync(at('hostile', 'tokenizer_config.json'), 'utf8')) as object;
        const template = `{{ raise_exception('${hostile}') }}`;
        writeFileSync(
          at('hostile', 'tokenizer_config.json'),
          JSON.stringify({ ...config, chat_template: template }),
        );
        return ['generate', '--model', at('hostile'), '--prompt', 'a', ...DEVICE];
      },
    ],
    ['a flag', () => ['train', `--${hostile}`]],
    ['a command', () => [hostile]],
  ])('are shown in %s, not obeyed', async (_, call) => {
    const { code, out, err } = await graft(call());
    expect(code).not.toBe(0);
    expect(err).toContain('\\u001b]0;owned');
    expect(out + err).not.toContain(ESCAPE);
  });
});

describe('on a terminal', () => {
  /** Runs the command on a terminal of its own. @returns what it got; undefined without `script` of util-linux */
  function onTerminal(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    input = '',
  ): string | undefined {
    const words = [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(' ');
    const { status, stdout, error } = spawnSync('script', ['-qec', words, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', ...env },
      encoding: 'utf8',
      input,
    });
    if (error) {
      console.log('SKIPPED: a terminal, since there is no script command here');
      return undefined;
    }
    expect(status, stdout).toBe(0);
    return stdout;
  }
  const rows = ['reward', '--reward', 'exact-match', '--predictions'];

  test('progress replaces itself, and results are printable', () => {
    const seen = onTerminal([...TRAIN, '--steps', '2', '--out', at('seen')], { NO_COLOR: '' });
    if (seen === undefined) return;
    expect(seen).toContain(`${ESCAPE}[2K`);
    writeFileSync(at('bidi.jsonl'), `${JSON.stringify({ completion: 'a\u202eb', answer: 'c' })}\n`);
    const table = onTerminal([...rows, at('bidi.jsonl')], {});
    expect(table).toContain('a\\u202eb');
  });

  test('a conversation is plain if no escape sequences are wanted', () => {
    const seen = onTerminal(['chat', ...MODEL, '--max-new-tokens', '2'], { NO_COLOR: '1' }, 'Hi\n/quit\n');
    if (seen === undefined) return;
    expect(seen).toContain('> ');
    expect(seen).not.toContain(ESCAPE);
  });

  test.each([
    ['NO_COLOR', { NO_COLOR: '1' }],
    ['TERM=dumb', { TERM: 'dumb', NO_COLOR: '' }],
  ])('%s gets no escape sequence', (_, env) => {
    const seen = onTerminal([...TRAIN, '--steps', '2', '--out', at(`plain-${_}`)], env);
    if (seen === undefined) return;
    expect(seen).toContain('Step 1 of 2');
    expect(seen).not.toContain(ESCAPE);
  });
});
