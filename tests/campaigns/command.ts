/** A short run of `graft train` with everything that a resumed run has to get right, and the comparison of its results. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEVICE, graft, metricsOf, numbers, VOICE, type Ended } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

type Watch = Parameters<typeof graft>[1];

export interface World {
  /** Joins names to the path of a folder for this campaign. */
  readonly at: (...parts: string[]) => string;
  /** Runs the command; its fallback folder is in this folder too. */
  readonly graft: (args: readonly string[], watch?: Watch, env?: Record<string, string>) => Promise<Ended>;
}

export function makeWorld(): World {
  const root = mkdtempSync(join(tmpdir(), 'graft-campaign-'));
  const at = (...parts: string[]): string => join(root, ...parts);
  mkdirSync(at('tmp'));
  return { at, graft: (args, watch, env = {}) => graft(args, watch, { TMPDIR: at('tmp'), ...env }) };
}

/** @param steps few, since each process has the model to load and shaders to compile */
export const runOf = (steps: number, saveEvery: number): string[] => [
  ...['train', '--model', SPRIG, '--data', VOICE, '--steps', `${steps}`, '--batch', '1', '--rank', '2'],
  ...['--targets', 'q_proj,v_proj', '--dropout', '0.1', '--lr', '2e-3', '--max-length', '64', '--seed', '5'],
  ...['--val-fraction', '0.01', '--eval-every', '3', '--save-every', `${saveEvery}`, ...DEVICE],
];

/** The difference between a result and that of the uninterrupted run; undefined if there is none. */
export function difference(out: string, whole: string): string | undefined {
  const name = ['adapter_model.safetensors', 'adapter_config.json', 'README.md'].find(
    (file) =>
      !existsSync(join(out, file)) || !readFileSync(join(out, file)).equals(readFileSync(join(whole, file))),
  );
  if (name !== undefined) return name;
  const curve = (folder: string): string => JSON.stringify(numbers(metricsOf(folder)));
  return curve(out) === curve(whole) ? undefined : 'metrics.jsonl';
}

/** Whether a folder has weights other than those of the uninterrupted run, or only half of them. */
export function isMixed(out: string, whole: string): boolean {
  const weights = join(out, 'adapter_model.safetensors');
  return existsSync(weights) && difference(out, whole) !== undefined;
}

export const isSaved = (out: string): boolean =>
  existsSync(join(out, 'state')) || existsSync(join(out, 'state.old'));
