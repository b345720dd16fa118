/** Runs that the version before the one specification began, in folders of the command: the call that began each of them gives its settings again. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readAskedRun } from '../../../src/cli/asked-run.ts';
import type { Output } from '../../../src/cli/output.ts';
import { flagsWithRecipe } from '../../../src/cli/recipe-flags.ts';
import { sha256 } from '../../../src/cli/sha256.ts';
import { readGiven, trainFlags } from '../../../src/cli/train-flags.ts';
import { objectiveOf } from '../../../src/objectives/registry.ts';
import { earlierRun } from '../../../src/runs/earlier-runs.ts';
import { adapterShape } from '../../../src/runs/trainable.ts';
import { asSaved } from '../../../src/settings/table.ts';
import { runParts } from '../../../src/runs/fingerprint.ts';

interface Run {
  readonly name: string;
  readonly args: readonly string[];
  readonly fingerprint: {
    readonly told: Readonly<Record<string, string | true>>;
    readonly settings: string;
    readonly rows: string;
    readonly data: string;
  };
}
const RUNS = JSON.parse(
  readFileSync(new URL('../../fixtures/earlier-runs.json', import.meta.url), 'utf8'),
) as Run[];
const SILENT: Output = {
  line: () => undefined,
  progress: () => undefined,
  result: () => undefined,
  clear: () => undefined,
};

test.each(RUNS.map((run) => [run.name, run] as const))(
  'has the settings and the rows of a saved run: %s',
  async (_, { args, fingerprint }) => {
    const flags = await flagsWithRecipe(trainFlags, args, () => undefined);
    const { spec, definition, rows, asked } = await readAskedRun(flags, asSaved(readGiven(flags)), SILENT);
    const { modules } = spec.method === 'full' ? { modules: undefined } : adapterShape(definition, spec);
    const keepsColumns = objectiveOf(spec.objective).rows === 'prompts';
    const earlier = earlierRun(
      {
        spec,
        rows: { ...asked!, keepsColumns },
        dtype: (fingerprint.told['precision'] ?? 'f32') as 'f32' | 'f16',
        modules,
      },
      sha256,
    );
    expect(earlier.settings).toBe(fingerprint.settings);
    const parts = runParts(
      {
        ...{ data: rows!.bytes, rows: [rows!.train, rows!.validation], model: {}, weights: '', base: '' },
        ...{ modules, spec, device: '' },
      },
      sha256,
    );
    expect([parts.data, parts.rows]).toEqual([fingerprint.data, fingerprint.rows]);
  },
);
