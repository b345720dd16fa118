/**
 * How long a run of the command takes to its first step, and how much memory it needs, by the size of its file:
 *
 *     npx tsx bench/rows.ts [--rows 1000000] [--kinds short,long,long-prompts,chat,pairs,long-pairs,votes,table,long-table] [--keep FOLDER] [-- more flags of graft train]
 *
 * It writes the files into a temporary folder and removes them, unless it is told where to keep them. Wall-clock times mean little on a busy machine:
 * processor time is printed as well.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../src/random.ts';

const ROOT = new URL('..', import.meta.url).pathname;

const WORDS =
  'the quick brown fox jumps over a lazy dog while seven small boats sail slowly past an old stone bridge and nobody counts them before noon'.split(
    ' ',
  );

const random = new Random(1);
const words = (count: number): string =>
  Array.from({ length: count }, () => WORDS[random.below(WORDS.length)]).join(' ');

interface Kind {
  readonly ending: string;
  readonly head?: string;
  readonly row: (at: number) => string;
  /** What learns from it. */
  readonly flags?: readonly string[];
}

/** A row of each kind of file. Every row is another. */
const KINDS: Readonly<Record<string, Kind>> = {
  short: {
    ending: 'jsonl',
    row: (at) => JSON.stringify({ prompt: `${words(6)} ${at}?`, completion: words(3) }),
  },
  long: {
    ending: 'jsonl',
    row: (at) => JSON.stringify({ prompt: `${words(40)} ${at}?`, completion: words(160) }),
  },
  'long-prompts': {
    ending: 'jsonl',
    row: (at) => JSON.stringify({ prompt: `${words(172)} ${at}?`, completion: words(3) }),
  },
  chat: {
    ending: 'jsonl',
    row: (at) =>
      JSON.stringify({
        messages: [
          { role: 'system', content: words(8) },
          { role: 'user', content: `${words(20)} ${at}?` },
          { role: 'assistant', content: words(30) },
        ],
      }),
  },
  pairs: {
    ending: 'jsonl',
    row: (at) => JSON.stringify({ prompt: `${words(6)} ${at}?`, chosen: words(3), rejected: words(3) }),
    flags: ['--objective', 'dpo'],
  },
  'long-pairs': {
    ending: 'jsonl',
    row: (at) => JSON.stringify({ prompt: `${words(30)} ${at}?`, chosen: words(80), rejected: words(80) }),
    flags: ['--objective', 'dpo'],
  },
  votes: {
    ending: 'jsonl',
    row: (at) => JSON.stringify({ prompt: `${words(6)} ${at}?`, completion: words(3), label: at % 2 === 0 }),
    flags: ['--objective', 'kto'],
  },
  'long-table': {
    ending: 'csv',
    head: 'prompt,completion',
    row: (at) => `${words(40)} ${at}?,${words(160)}`,
  },
  table: { ending: 'csv', head: 'prompt,completion', row: (at) => `${words(6)} ${at}?,${words(3)}` },
};

async function write(path: string, kind: string, rows: number): Promise<void> {
  const { head, row } = KINDS[kind];
  const stream = createWriteStream(path);
  if (head !== undefined) stream.write(`${head}\n`);
  for (let at = 0; at < rows; at += 1000) {
    const lines = Array.from({ length: Math.min(1000, rows - at) }, (_, i) => row(at + i));
    if (!stream.write(`${lines.join('\n')}\n`)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'finish');
}

interface Measured {
  readonly toFirstStep: number;
  readonly wall: number;
  /** Seconds of processor time, of all threads. */
  readonly processor: number;
  readonly peakBytes: number;
}

const REPORT = `process.on('exit', () => process.stderr.write('\\n' + JSON.stringify(process.resourceUsage()) + '\\n'));`;

async function measure(data: string, out: string, flags: readonly string[]): Promise<Measured> {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const child = spawn(
    process.execPath,
    [
      ...[
        '--import',
        `data:text/javascript,${encodeURIComponent(REPORT)}`,
        join(ROOT, 'bin/graft.mjs'),
        'train',
      ],
      ...['--model', join(ROOT, 'public/models/sprig'), '--data', data, '--out', out],
      ...['--device', 'cpu', '--steps', '2', ...flags],
    ],
    { stdio: ['ignore', 'inherit', 'pipe'] },
  );
  let told = '';
  let toFirstStep: number | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told += text;
    if (told.includes('\nStep 1 of ')) toFirstStep ??= seconds();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  const usage = told.trim().split('\n').at(-1) ?? '';
  if (code !== 0 || toFirstStep === undefined || !usage.startsWith('{'))
    throw new Error(`graft train ended with ${code}:\n${told}`);
  const { maxRSS, userCPUTime, systemCPUTime } = JSON.parse(usage) as NodeJS.ResourceUsage;
  return {
    toFirstStep,
    wall: seconds(),
    processor: (userCPUTime + systemCPUTime) / 1e6,
    peakBytes: maxRSS * 1024,
  };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '1000000' },
    kinds: { type: 'string', default: 'short,long' },
    keep: { type: 'string' },
  },
});
const rows = Number(values.rows);
const folder = values.keep ?? (await mkdtemp(join(tmpdir(), 'graft-rows-')));
await mkdir(folder, { recursive: true });
try {
  for (const kind of values.kinds.split(',')) {
    const path = join(folder, `${kind}-${rows}.${KINDS[kind].ending}`);
    if (!existsSync(path)) await write(path, kind, rows);
    const out = join(folder, 'out');
    const flags = [...(KINDS[kind].flags ?? []), ...positionals];
    const { toFirstStep, wall, processor, peakBytes } = await measure(path, out, flags);
    await rm(out, { recursive: true, force: true });
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
    console.log(
      `${kind}: ${rows.toLocaleString('en')} rows, ${megabytes((await stat(path)).size)}: first step after ${toFirstStep.toFixed(1)} s, end after ${wall.toFixed(1)} s, ${processor.toFixed(1)} s of processor time, ${megabytes(peakBytes)} resident at most`,
    );
  }
} finally {
  if (values.keep === undefined) await rm(folder, { recursive: true, force: true });
}
