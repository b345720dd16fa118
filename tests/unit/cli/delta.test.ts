/** A tuned model as a delta, and base and delta as the tuned model again. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, afterEach, describe, expect, it } from 'vitest';
import { exportCommand } from '../../../src/cli/export.ts';
import { LIST } from '../../../src/cli/own-files.ts';
import { mergeCommand } from '../../../src/cli/merge.ts';
import { folder } from '../../../src/cli/files.ts';
import { writeModelFolder } from '../../../src/cli/model-folder.ts';
import type { ModelDefinition } from '../../../src/model/definition.ts';
import { readModel } from '../../../src/model/family.ts';
import { openModelWeights } from '../../../src/model/folder-layout.ts';
import { trainedPart } from '../../../src/model/trained-part.ts';
import { memorySource } from '../../../src/weights/bytes.ts';
import { toFloat32 } from '../../../src/weights/dtypes.ts';
import { openSafetensors } from '../../../src/weights/safetensors.ts';

const SPRIG = fileURLToPath(new URL('../../../public/models/sprig', import.meta.url));
let at: (name: string) => string;
beforeEach(async () => {
  const path = await mkdtemp(join(tmpdir(), 'graft-delta-'));
  at = (name) => join(path, name);
});
afterEach(() => rm(at(''), { recursive: true }));

/** Runs the command. @returns its output */
async function graft(...args: readonly string[]): Promise<string> {
  let told = '';
  const hear = (text: string): void => void (told += `${text}\n`);
  const [command, ...rest] = args;
  const output = { line: hear, progress: hear, result: hear, clear: () => undefined };
  await (command === 'merge' ? mergeCommand : exportCommand)(rest, output);
  return told;
}

/** A folder as `graft train --method full` leaves it, of values that are those of the base and a little more. */
async function tuned(part: Parameters<typeof trainedPart>[1], out: string): Promise<ModelDefinition> {
  const files = folder(SPRIG);
  const definition = await readModel(files);
  const source = await openModelWeights(files, definition);
  const learned = definition.weights.filter(trainedPart(definition, part));
  const values = new Map(
    await Promise.all(
      learned.map(async ({ name }) => {
        const entry = source.get(name)!;
        const numbers = toFloat32(await entry.read(), entry.dtype, name);
        return [name, Float32Array.from(numbers, (value, i) => value + (i % 7) * 1e-3)] as const;
      }),
    ),
  );
  await writeModelFolder({ model: { definition } as never, files }, values, out);
  return definition;
}

describe('a delta', () => {
  it.each([{ lastLayers: 1 }, { trainWeights: 'norms' }, {}])(
    'holds only what differs for %j, and gives the same folder to the byte',
    async (part) => {
      const definition = await tuned(part, at('tuned'));
      const base = ['--model', SPRIG];
      await graft('export', ...base, '--tuned', at('tuned'), '--format', 'delta', '--out', at('delta'));
      expect(await readdir(at('delta'))).toEqual(['delta.safetensors', LIST]);
      const bytes = await readFile(at('delta/delta.safetensors'));
      const { tensors, metadata } = await openSafetensors(memorySource('delta.safetensors', bytes));
      const learned = definition.weights.filter(trainedPart(definition, part)).map(({ name }) => name);
      expect([...tensors.keys()]).toEqual(learned);
      expect(metadata.get('graft_delta_base')).toMatch(/^[0-9a-f]{64}$/);

      // The folder and the file mean the same.
      await graft('merge', ...base, '--delta', at('delta'), '--out', at('again'));
      await graft('merge', ...base, '--delta', at('delta/delta.safetensors'), '--out', at('file'));
      const names = (await readdir(at('tuned'))).sort();
      for (const out of ['again', 'file']) {
        expect((await readdir(at(out))).sort()).toEqual([...names, LIST].sort());
        for (const name of names)
          expect(
            (await readFile(join(at(out), name))).equals(await readFile(join(at('tuned'), name))),
            name,
          ).toBe(true);
      }
    },
  );

  it('is refused for another base, if nothing differs, and if a file is not a delta', async () => {
    await tuned({ trainWeights: 'norms' }, at('tuned'));
    const refused = async (words: string, ...args: readonly string[]): Promise<void> => {
      await expect(graft(...args, '--out', at('out'))).rejects.toThrow(words);
    };
    const base = ['--model', SPRIG];
    await graft('export', ...base, '--tuned', at('tuned'), '--format', 'delta', '--out', at('delta'));
    await refused('another model than', 'merge', '--model', at('tuned'), '--delta', at('delta'));
    await refused('nothing differs', 'export', ...base, '--tuned', SPRIG, '--format', 'delta');
    await refused('is not a delta', 'merge', ...base, '--delta', join(SPRIG, 'model.safetensors'));
    await refused('--adapter is for an adapter', 'merge', ...base, '--delta', at('delta'), '--adapter', 'a');
    await refused('--tuned is for --format delta', 'export', ...base, '--tuned', 'a', '--format', 'mlx');
    await refused('a delta by itself', 'export', ...base, '--adapter', 'a', '--format', 'delta');
    await writeFile(at('cut'), (await readFile(at('delta/delta.safetensors'))).subarray(0, 2000));
    await refused('the header describes', 'merge', ...base, '--delta', at('cut'));
  });
});
