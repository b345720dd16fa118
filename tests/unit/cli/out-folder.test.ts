/** Every command that writes a folder, given a place where none can be. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const MODEL = ['--model', 'public/models/sprig'];
const DATA = ['--data', 'public/samples/detail/train.jsonl'];
/** Node's own way to make a folder with its parents never ends at the first. */
const PLACE = process.platform === 'linux' ? '/proc/graft' : '/dev/null/graft';

const calls: Readonly<Record<string, readonly string[]>> = {
  train: [...MODEL, ...DATA],
  evaluate: [...MODEL, ...DATA],
  demo: [],
  logits: [...MODEL, '--ids', '1,2', '--device', 'cpu'],
};

it.each(Object.keys(calls))(
  'graft %s ends with one sentence for a folder that cannot be made',
  (name) => {
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      ['bin/graft.mjs', name, ...calls[name], '--out', join(PLACE, name)],
      { cwd: ROOT, encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' },
    );
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
      /^graft: \/\S+ (?:takes no new folders, so \S+ cannot be made|is not a folder, so nothing can be written there)\. Choose another folder\.$/,
    );
  },
  90_000,
);
