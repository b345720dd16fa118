/** The command in a process of its own, as other tools call it. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/graft.mjs', import.meta.url));
/** As the tests of kernels: software, everywhere the same. */
export const DEVICE = ['--device', 'llvmpipe'];

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  /** Standard error, without what Dawn itself says. */
  readonly err: string;
}

/** Runs the command; `watch` sees standard error as it grows, and may send a signal; `env` goes on top of the environment. */
export function graft(
  args: readonly string[],
  watch?: (err: string, kill: (signal: NodeJS.Signals) => void) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
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
