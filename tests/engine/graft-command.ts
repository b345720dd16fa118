/** The command, in a process of its own as other tools call it or in this one. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { runCommand } from '../../src/cli/commands.ts';
import type { WholeOutput } from '../../src/cli/output.ts';
import { memorySource } from '../../src/weights/bytes.ts';
import { toFloat32 } from '../../src/weights/dtypes.ts';
import { parseSafetensors, type TensorEntry } from '../../src/weights/safetensors.ts';

export const BIN = fileURLToPath(new URL('../../bin/graft.mjs', import.meta.url));
/** The device of commands that train: the same everywhere, and fast. Kernels have their own tests on software GPUs. */
export const DEVICE = ['--device', 'cpu'];
/** The same without additional threads, for calls in this process. */
export const DEVICE_HERE = [...DEVICE, '--threads', '1'];
export const GPU = ['--device', 'llvmpipe'];
/** Rows that Sprig's `voice` lesson is made of. */
export const VOICE = fileURLToPath(new URL('../../public/samples/voice/train.jsonl', import.meta.url));

/** A folder for the tests of a file, removed after them; the function joins names to its path. */
export function temporaryFolder(): (...parts: string[]) => string {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'graft-cli-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (...parts) => join(folder, ...parts);
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  /** Standard error, without Dawn's own messages. */
  readonly err: string;
}

/**
 * Runs the command; `watch` sees standard error as it grows, and may send a signal; `env` goes on top of the environment; `input` is what
 * it can read.
 */
export function graft(
  args: readonly string[],
  watch?: (err: string, kill: (signal: NodeJS.Signals) => void) => void,
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], { env: { ...process.env, ...env } });
    // A command that fails may end before it has read anything.
    child.stdin.on('error', () => undefined).end(input);
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      watch?.(err, (signal) => child.kill(signal));
    });
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code, signal, out, err: err.replace(/^Warning: maxDynamic.*\n/gm, '') }),
    );
  });
}

/** The same in this process, for calls that read nothing, open no GPU and are not interrupted. */
export async function graftHere(args: readonly string[]): Promise<Omit<Ended, 'signal'>> {
  let out = '';
  let err = '';
  const output: WholeOutput = {
    line: (text) => void (err += `${text}\n`),
    progress: () => undefined,
    result: (text) => void (out += text),
    clear: () => undefined,
    flush: async () => undefined,
  };
  const code = await runCommand(args, output);
  process.exitCode = undefined;
  return { code, out, err };
}

export interface Line {
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
  readonly grad_norm: number;
  readonly supervised_tokens: number;
  readonly seconds: number;
  readonly eval_loss?: number;
}

export function metricsOf(folder: string): Line[] {
  return readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

/** Everything but the time. */
export const numbers = (lines: readonly Line[]): Omit<Line, 'seconds'>[] =>
  lines.map(({ seconds: _, ...rest }) => rest);

export async function tensorsOf(path: string): Promise<Map<string, TensorEntry>> {
  return parseSafetensors(memorySource(path, new Uint8Array(readFileSync(path))));
}

export async function floats(entry: TensorEntry | undefined): Promise<Float32Array> {
  if (!entry) throw new Error('There is no such tensor');
  return toFloat32(await entry.read(), entry.dtype, entry.name);
}
