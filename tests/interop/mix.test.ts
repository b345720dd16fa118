/** `graft mix` next to PEFT's own add_weighted_adapter: PEFT loads what Graft mixed, and the changes of all weights are equal. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { worstError } from '../engine/run.ts';
import { flagsOf, mix, mixPath, type PeftMix } from '../mix-call.ts';
import { python } from './ask.ts';

const CASES: readonly PeftMix[] = [
  { adapters: ['a', 'd'], weights: [0.6, -0.5], combination_type: 'linear' },
  { adapters: ['d', 'b', 'c'], weights: [0.2, 0.9, 0.4], combination_type: 'cat' },
  { adapters: ['d', 'b'], weights: [0.4, 0.6], combination_type: 'svd', svd_rank: 2 },
  { adapters: ['a', 'b', 'd'], weights: [0.4, 0.6, 0.3], combination_type: 'ties', density: 0.3 },
  { adapters: ['d', 'b'], weights: [1, 0.6], combination_type: 'magnitude_prune', density: 0.7 },
  { adapters: ['d', 'a'], weights: [1, 0.6], combination_type: 'dare_ties', density: 1 },
  {
    adapters: ['a', 'c', 'd'],
    weights: [0.4, -0.6, 0.3],
    combination_type: 'ties_svd',
    density: 0.3,
    svd_rank: 3,
  },
  { adapters: ['c', 'b'], weights: [1, 0.6], combination_type: 'magnitude_prune_svd', density: 0.7 },
];

type Changes = Readonly<Record<string, readonly number[]>>;

const root = mkdtempSync(join(tmpdir(), 'graft-mix-interop-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.skipIf(!python)('PEFT', () => {
  test('reads a mixed folder as the change that its own add_weighted_adapter makes', async () => {
    const folders = CASES.map((_, i) => join(root, String(i)));
    for (const [i, asked] of CASES.entries()) await mix(...flagsOf(asked, folders[i]));
    const { status, stdout, stderr } = spawnSync(python!, [join(import.meta.dirname, 'mix.py')], {
      input: JSON.stringify({
        config: mixPath('config.json'),
        adapters: Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, mixPath(name)])),
        cases: CASES.map((asked, i) => ({ mix: asked, folder: folders[i] })),
      }),
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    expect(status, stderr).toBe(0);
    const answers = JSON.parse(stdout) as { expected: Changes; found: Changes }[];
    expect(answers).toHaveLength(CASES.length);
    for (const [i, { expected, found }] of answers.entries()) {
      expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
      for (const [path, change] of Object.entries(expected))
        expect(worstError(found[path], change), `${CASES[i].combination_type} of ${path}`).toBeLessThan(1e-5);
    }
  });
});
