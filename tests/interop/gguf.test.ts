/** GGUF files that gguf-py wrote, with names of its own map, against the model folders that they were made from. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modelOf } from '../../src/cli/files.ts';
import type { JsonObject } from '../../src/json.ts';
import type { ModelDefinition } from '../../src/model/definition.ts';
import { defineModel, readModel } from '../../src/model/family.ts';
import { openModelWeights } from '../../src/model/folder-layout.ts';
import { inverseFrequencies } from '../../src/model/rope.ts';
import { toFloat32 } from '../../src/weights/dtypes.ts';
import { readJsonOf, referenceFolder, referencePath } from '../engine/reference-file.ts';

const FAMILIES = [
  'llama',
  'llama-biases',
  'llama-tied-mha',
  'llama3-rope-scaling',
  'mistral-sliding',
  'qwen2',
  'qwen3',
  'gemma3',
  'gpt2',
  'smollm3',
  'olmo2',
  'granite',
  'phi3-partial-rope',
  'lfm2',
];

/** Fields that a GGUF file does not have, with llama.cpp's defaults. */
const UNTOLD: Readonly<Record<string, JsonObject>> = {
  gemma3: { query_pre_attn_scalar: 16 },
  smollm3: { no_rope_layers: null, no_rope_layer_interval: 4, layer_types: null },
};

const python = process.env['GRAFT_PYTHON'];
if (!python)
  console.warn('SKIPPED: the tests against gguf-py need GRAFT_PYTHON; node scripts/python.mjs prints one.');

/** A definition without its functions, in plain numbers: rotary frequencies instead of the settings that give them. */
function numbersOf({ shape, decoder: _, ...definition }: ModelDefinition): unknown {
  const { ropes, ...sizes } = shape as typeof shape & { ropes?: Parameters<typeof inverseFrequencies>[0][] };
  const frequencies = ropes?.map((rope) => [...inverseFrequencies(rope)].map((x) => x.toPrecision(5)));
  return JSON.parse(JSON.stringify({ ...definition, sizes, frequencies }));
}

/** The error as a share of the largest number: half a step and the rounding of the scale; adding 1 to Gemma's norms and taking it away costs the last bits. */
function tolerance(type: string, family: string): number {
  if (type === 'Q8_0') return 0.5 / 127 + 2 ** -11;
  return family === 'gemma3' ? 2 ** -22 : 0;
}

describe.skipIf(!python)('gguf-py', () => {
  let out: string;
  const path = (family: string, type: string): string => join(out, `${family}.${type}.gguf`);

  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'graft-gguf-'));
    const questions = FAMILIES.flatMap((family) =>
      ['F32', 'Q8_0'].map((type) => ({
        folder: referencePath('families', family),
        out: path(family, type),
        type,
      })),
    );
    const script = join(import.meta.dirname, 'gguf_files.py');
    const { status, stderr } = spawnSync(python!, [script], {
      input: JSON.stringify(questions),
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`gguf_files.py ended with ${status}:\n${stderr}`);
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  test.each(FAMILIES)('%s', async (family) => {
    const folder = referenceFolder('families', family);
    const config = await readJsonOf<JsonObject>(folder, 'config.json');
    const theirs = defineModel({ ...config, ...UNTOLD[family] }, family);
    const expected = await openModelWeights(folder, theirs);
    for (const type of ['F32', 'Q8_0']) {
      const files = await modelOf(path(family, type));
      const ours = await readModel(files);
      expect(numbersOf(ours)).toEqual(numbersOf(theirs));
      const weights = await openModelWeights(files, ours);
      for (const { name } of theirs.weights) {
        const [entry, original] = [weights.get(name)!, expected.get(name)!];
        expect(entry.shape, name).toEqual(original.shape);
        const values = toFloat32(await entry.read(), entry.dtype);
        const numbers = toFloat32(await original.read(), original.dtype);
        const largest = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        const worst = values.reduce((most, x, i) => Math.max(most, Math.abs(x - numbers[i])), 0);
        expect(worst, `${name} in ${type}`).toBeLessThanOrEqual(tolerance(type, family) * largest);
      }
    }
  });
});
