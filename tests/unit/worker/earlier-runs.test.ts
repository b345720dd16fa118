/** Runs stored by earlier versions of the page have valid settings, and states that can be resumed. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { FormSpec } from '../../../src/worker/api.ts';
import { readState } from '../../../src/train/state-files.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { specOf, checkSpec } from '../../../src/settings/spec.ts';

interface Dump {
  readonly stores: readonly {
    readonly name: string;
    readonly entries: readonly (readonly [string, Record<string, unknown>])[];
  }[];
}
type Packed = Readonly<Record<string, { readonly $bytes: string }>>;

const dumpOf = (version: number): Dump => {
  const path = new URL(`../../fixtures/databases/version-${version}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(path)).toString()) as Dump;
};

test.each([2, 4])('runs of version %i of the database are read', async (version) => {
  const { stores } = dumpOf(version);
  const entriesOf = (name: string): Dump['stores'][number]['entries'] =>
    stores.find((store) => store.name === name)!.entries;
  const runs = entriesOf('runs').map(([, run]) => run);
  expect(runs.length).toBeGreaterThan(0);
  for (const { settings: kept } of runs) {
    const settings = kept as FormSpec;
    const options = specOf(settings);
    checkSpec(options);
    expect(options.method).toBe('lora');
    for (const name of ['steps', 'batch', 'lr', 'schedule', 'warmup', 'clip', 'seed', 'maxLength'] as const)
      expect(options[name], name).toBe(settings[name]);
    for (const name of ['rank', 'alpha', 'dropout'] as const)
      expect(options[name], name).toBe(settings[name]);
    expect(options.targets).toEqual(settings.targets);
    // There was no other optimiser.
    expect(options.optimiser).toBeUndefined();
  }
  const [[id, { step, files }]] = entriesOf('checkpoints');
  const run = runs.find((one) => one['id'] === id)!;
  const folder = Object.fromEntries(
    Object.entries(files as Packed).map(([name, { $bytes }]) => [
      name,
      Uint8Array.from(Buffer.from($bytes, 'base64')),
    ]),
  );
  const { state, fingerprint } = await readState(memoryFiles(folder, 'The checkpoint'));
  expect(state.counters.step).toBe(step);
  expect(fingerprint).toBe(run['modelFingerprint']);
  expect([...state.values.values()].every((values) => values.every(Number.isFinite))).toBe(true);
  // AdamW's state of each parameter.
  expect([...state.optimiser.keys()]).toEqual(['first', 'second']);
});
