/** `graft train` if the disk fails, the folder disappears, the terminal closes or another run uses it: nothing is lost silently. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  DEVICE,
  graft,
  metricsOf,
  numbers,
  temporaryFolder,
  VOICE,
  type Ended,
} from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const RUN = [
  ...['train', '--model', SPRIG, '--data', VOICE, '--steps', '8', '--batch', '1', '--rank', '2'],
  ...['--targets', 'q_proj', '--lr', '2e-3', '--max-length', '48', '--seed', '5', ...DEVICE],
];
const FULL = [
  ...[
    'train',
    '--model',
    SPRIG,
    '--data',
    VOICE,
    '--steps',
    '2',
    '--batch',
    '1',
    '--method',
    'full',
    ...DEVICE,
  ],
];
/** Long enough to be interrupted while it trains. */
const LONG = [...RUN, '--steps', '4000'];

type Watch = Parameters<typeof graft>[1];
/** Where the command saves if its own folder fails. */
const run = (args: readonly string[], watch?: Watch, env = {}): Promise<Ended> =>
  graft(args, watch, { TMPDIR: at('tmp'), ...env });

/** Does something once the first step is reported. */
function atStep1(act: (kill: (signal: NodeJS.Signals) => void) => void): Watch {
  let acted = false;
  return (err, kill) => {
    if (acted || !err.includes('Step 1 of')) return;
    acted = true;
    act(kill);
  };
}

/** Runs the command that an error names. */
function goOn(err: string): Promise<Ended> {
  const [, words] = /To continue[^:]*: node \S*graft\.mjs (train .*)$/m.exec(err) ?? [];
  expect(words, err).toBeDefined();
  return run(words.split(' '));
}

function expectWhole(out: string): void {
  expect(numbers(metricsOf(out))).toEqual(numbers(metricsOf(at('whole'))));
  for (const name of ['adapter_model.safetensors', 'README.md'])
    expect(readFileSync(join(out, name)).equals(readFileSync(at('whole', name))), name).toBe(true);
  expect(readdirSync(out).filter((name) => /^state|^\.graft/.test(name))).toEqual([]);
}

beforeAll(async () => {
  mkdirSync(at('tmp'));
  const { code, err } = await run([...RUN, '--out', at('whole')]);
  expect(code, err).toBe(0);
});

describe('a disk that is full', () => {
  test('saves elsewhere, and the named command ends like an uninterrupted run', async (context) => {
    const disk = at('disk');
    mkdirSync(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', disk]).status === 0;
    if (!mounted) {
      console.log('SKIPPED: a disk that is really full, since this user may not mount one');
      context.skip();
    }
    try {
      const out = join(disk, 'run');
      const first = await run(
        [...RUN, '--out', out, '--save-every', '3'],
        atStep1(() => fill(join(disk, 'other'))),
      );
      expect(first.code).toBe(1);
      expect(first.err).toMatch(
        /^graft: .* could not be written: ENOSPC.* is saved in .*To continue: node \S*graft\.mjs train/m,
      );
      expect(first.err).not.toMatch(/^ {4}at /m);
      rmSync(join(disk, 'other'));
      const second = await goOn(first.err);
      expect(second.code, second.err).toBe(0);
      expectWhole(out);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  test('is known before the first step of a run that would not fit', async (context) => {
    const disk = at('small');
    mkdirSync(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status === 0;
    if (!mounted) {
      console.log('SKIPPED: a disk that is really small, since this user may not mount one');
      context.skip();
    }
    try {
      const out = join(disk, 'run');
      const full = await run([...FULL, '--out', out]);
      expect(full.code).toBe(1);
      expect(full.err).toMatch(
        /^graft: The run saves its state in \S+run as it goes: \d+\.\d MB, and as much again while it is replaced\. That needs \d+\.\d MB, and (4\.\d MB|\d+ kB) are free\. Free \d+\.\d MB there, or .*--method lora/m,
      );
      expect(full.err).not.toContain('Step 1');
      expect(existsSync(join(out, 'metrics.jsonl'))).toBe(false);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  /** Writes until there is no room. */
  function fill(path: string): void {
    try {
      for (let size = 4096; ; size += 4096) writeFileSync(path, new Uint8Array(size));
    } catch {
      // Full.
    }
  }

  test.each([
    ['in the log', /write metrics\.jsonl$/],
    ['in the adapter', /write adapter_model/],
  ])('%s, it keeps the run', async (_, operation) => {
    const faults = { NODE_OPTIONS: `--import ${pathToFileURL('tests/disk-faults.mjs').href}` };
    const out = at(`full-${operation.source.length}`);
    const env = { ...faults, GRAFT_DISK_UNDER: out, GRAFT_DISK_LOG: at('log') };
    const args = [...RUN, '--out', out, '--overwrite'];
    // As in the failing run: over the files of another.
    for (let i = 0; i < 2; i++) {
      rmSync(at('log'), { force: true });
      await run(args, undefined, env);
    }
    const number =
      readFileSync(at('log'), 'utf8')
        .split('\n')
        .findIndex((line) => operation.test(line)) + 1;
    expect(number).toBeGreaterThan(0);
    const first = await run(args, undefined, { ...env, GRAFT_DISK_FAULT: `full:${number}` });
    expect(first.code, first.err).toBe(1);
    expect(first.err).toMatch(/No space|ENOSPC/);
    const second = await goOn(first.err);
    expect(second.code, second.err).toBe(0);
    expectWhole(out);
  });
});

test('a folder that is deleted in mid-run is reported, and the run is saved elsewhere', async () => {
  const out = at('gone');
  const first = await run(
    [...RUN, '--steps', '60', '--out', out],
    atStep1(() => rmSync(out, { recursive: true })),
  );
  expect(first.code).toBe(1);
  expect(first.err).toMatch(
    /^graft: .*gone\/metrics\.jsonl was deleted or moved while the run wrote to it\..*To continue/m,
  );
  expect(existsSync(out)).toBe(false);
  const resumed = await goOn(first.err);
  expect(resumed.err).toContain('Resumed after step');
  expect(resumed.code).toBe(0);
  expect(metricsOf(out).map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
});

test('a terminal that is closed leaves a saved run; time may say when to save; two runs do not share a folder', async () => {
  const out = at('shared');
  let third: Promise<Ended> | undefined;
  const first = await run(
    [...LONG, '--out', out, '--save-every', '1s'],
    atStep1((kill) => {
      third = run([...LONG, '--out', out]).then(async (ended) => {
        // The first one has saved by itself by then.
        await expect.poll(() => existsSync(join(out, 'state')), { timeout: 60_000 }).toBe(true);
        kill('SIGHUP');
        return ended;
      });
    }),
  );
  const second = await third!;
  expect(second.code).toBe(1);
  expect(second.err).toMatch(/^graft: .*shared is in use: graft train \(process \d+\)/m);
  expect(first.code).toBe(130);
  expect(first.err).toMatch(
    /Interrupted after step \d+ of 4000\. Everything is saved\. To continue: node \S*graft\.mjs train/,
  );
  // The one before the last, since it also saved by itself.
  expect(existsSync(join(out, 'state.old'))).toBe(true);
  const again = await run([...LONG, '--out', out]);
  expect(again.err).toMatch(/^graft: .*shared holds a run that was interrupted after step \d+ of 4000\./m);
  const anew = await run([...RUN, '--out', out, '--overwrite']);
  expect(anew.code, anew.err).toBe(0);
  expectWhole(out);
});
