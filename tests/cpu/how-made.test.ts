/** A result says how it was made: its recipe, the program, the device and the number format of its base, which is compared wherever it is used. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { version } from '../../src/cli/version.ts';
import { DEVICE_HERE, graftHere, metricsOf, temporaryFolder, VOICE } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();

test('an adapter on a quantised base says so, makes the same run again, and is warned of on another base', async () => {
  const files = ['--model', SPRIG, '--data', VOICE, ...DEVICE_HERE];
  const how = ['--steps', '3', '--max-length', '64', '--base-weights', 'q4_0'];
  await graftHere(['train', ...files, ...how, '--out', at('first')]);
  const lineage = JSON.parse(readFileSync(join(at('first'), 'lineage.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  expect(lineage).toMatchObject({
    recipe: { method: 'lora', steps: 3, lr: 0.004, batch: 8, baseWeights: 'q4_0' },
    made: { graft: version(), precision: 'f32', base: expect.stringContaining('q4_0') },
  });
  // The card of the adapter has the same recipe, without the paths of a person.
  const card = readFileSync(at('first', 'README.md'), 'utf8');
  expect(card).toContain(`Made with Graft ${version()}. The base computed in f32, its weights in q4_0`);
  expect(card).not.toContain(VOICE);
  const recipe = /```json\n(.+?)\n```/s.exec(card)![1];
  expect(JSON.parse(recipe)).toMatchObject({ method: 'lora', steps: 3, lr: 0.004, baseWeights: 'q4_0' });
  writeFileSync(at('again.json'), recipe);
  await graftHere(['train', ...files, '--recipe', at('again.json'), '--out', at('again')]);
  const losses = (name: string): number[] => metricsOf(at(name)).map(({ loss }) => loss);
  expect(losses('again')).toEqual(losses('first'));

  const WARNED = /was trained on a base in q4_0.*, and this one is in the types of its file/;
  const merge = ['merge', '--model', SPRIG, '--adapter', at('first')];
  expect((await graftHere([...merge, '--out', at('merged')])).err).toMatch(WARNED);
  const same = await graftHere([...merge, '--base-weights', 'q4_0', '--out', at('merged-as-trained')]);
  expect(same).toMatchObject({ code: 0, err: expect.not.stringMatching(WARNED) });
  const mergedCard = readFileSync(at('merged-as-trained', 'README.md'), 'utf8');
  expect(mergedCard).toContain('## How the adapter was made');
  expect(mergedCard).toContain(recipe);
  const asked = [
    'evaluate',
    ...files,
    '--methods',
    'adapter',
    '--split',
    'all',
    '--rows',
    '2',
    '--adapter',
    at('first'),
  ];
  expect((await graftHere(asked)).err).toMatch(WARNED);
});

test('the folder of a model in the place of an adapter is pointed to --tuned', async () => {
  const { code, err } = await graftHere([
    'evaluate',
    '--model',
    SPRIG,
    '--data',
    VOICE,
    '--adapter',
    SPRIG,
    ...DEVICE_HERE,
  ]);
  expect(code).toBe(2);
  expect(err).toContain('give it as --tuned');
});
