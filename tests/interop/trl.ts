/** A run of Graft next to the same run that TRL continues: `graft export --run`, then accelerate, in the Python of GRAFT_PYTHON. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { DEVICE_HERE, graftHere, metricsOf, type Line } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';
import { python } from './ask.ts';

const HAS_TRL =
  'import sys, importlib.util as u; sys.exit(not all(u.find_spec(p) for p in ["accelerate", "datasets", "trl"]))';

/** The Python of the other tests, if it has TRL and accelerate as well. */
export const pythonWithTrl =
  python !== undefined &&
  // To find them is quick, to import them takes longer than the run that they continue.
  spawnSync(python, ['-c', HAS_TRL], { env: offline() }).status === 0
    ? python
    : undefined;
if (!pythonWithTrl)
  console.warn('SKIPPED: runs that TRL continues need a GRAFT_PYTHON with trl, accelerate and datasets.');

function offline(): NodeJS.ProcessEnv {
  return { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' };
}

/** Runs the command and expects it to end well. @returns what it told */
export async function graftWell(...args: readonly string[]): Promise<string> {
  const { code, err } = await graftHere(args);
  expect(code, err).toBe(0);
  return err;
}

/** Trains Sprig. @param args the rest of the command */
export function train(out: string, steps: number, args: readonly string[]): Promise<string> {
  return graftWell(
    ...[
      'train',
      '--model',
      SPRIG,
      '--out',
      out,
      '--steps',
      String(steps),
      '--precision',
      'f32',
      ...args,
      ...DEVICE_HERE,
    ],
  );
}

/** Continues a folder of `--format trl` with accelerate. @returns the lines that it wrote */
export function continueWith(folder: string, out: string, steps: number, processes = 1): readonly Line[] {
  const { status, stderr, stdout } = spawnSync(
    pythonWithTrl!,
    [
      ...['-m', 'accelerate.commands.launch', '--config_file', join(folder, 'accelerate.yaml')],
      ...['--num_processes', String(processes), join(folder, 'train.py')],
      ...['--model', SPRIG, '--steps', String(steps), '--out', out],
    ],
    { encoding: 'utf8', env: { ...offline(), OMP_NUM_THREADS: '1' }, maxBuffer: 2 ** 26 },
  );
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  return metricsOf(out);
}

/** Expects the losses, gradient norms and rates of Graft's own steps. */
export function expectAlike(theirs: readonly Line[], own: readonly Line[]): void {
  expect(theirs.map(({ step }) => step)).toEqual(own.map(({ step }) => step));
  theirs.forEach(({ loss, grad_norm, lr }, at) => {
    expect(Math.abs(loss - own[at].loss), `step ${own[at].step}`).toBeLessThan(1e-4);
    expect(Math.abs(grad_norm - own[at].grad_norm), `step ${own[at].step}`).toBeLessThan(1e-3);
    expect(lr).toBeCloseTo(own[at].lr, 12);
  });
}
