/** The command on a quantised base: a run is resumed only on the base that it began with, and merged with the dequantised numbers. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { concatBytes, writeSafetensors } from '../../src/weights/safetensors.ts';
import {
  DEVICE,
  DEVICE_HERE,
  floats,
  graft,
  graftHere,
  metricsOf,
  numbers,
  temporaryFolder,
  tensorsOf,
  VOICE,
} from '../engine/graft-command.ts';
import { worstError } from '../engine/run.ts';
import { SPRIG } from '../engine/sprig.ts';

/** Sums in another order. */
const SAME = 1e-4;

const at = temporaryFolder();

beforeAll(async () => {
  // Sprig in f32: a merged model is not rounded then, and can be compared to the last digits.
  mkdirSync(at('base'));
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json'])
    copyFileSync(join(SPRIG, name), at('base', name));
  const written = [];
  for (const [name, entry] of await tensorsOf(join(SPRIG, 'model.safetensors')))
    written.push({ name, dtype: 'F32' as const, shape: entry.shape, data: await floats(entry) });
  writeFileSync(at('base', 'model.safetensors'), concatBytes(writeSafetensors(written)));
});

const run = (out: string, ...more: string[]): string[] => [
  'train',
  ...['--model', at('base'), '--data', VOICE, '--out', at(out), '--base-weights', 'q8_0'],
  ...['--steps', '30', '--batch', '1', '--rank', '4', '--lr', '5e-3', '--max-length', '64', '--seed', '5'],
  ...['--val-fraction', '0', '--precision', 'f32', ...DEVICE, ...more],
];

test('a run is resumed only with the same types of base weights', async () => {
  const whole = await graftHere(run('whole', ...DEVICE_HERE));
  expect(whole.code, whole.err).toBe(0);
  expect(readFileSync(at('whole', 'README.md'), 'utf8')).toContain('| Base weights | q8_0 |');

  let sent = false;
  const first = await graft(run('parted'), (err, kill) => {
    if (sent || !err.includes('Step 1 of 30')) return;
    sent = true;
    kill('SIGINT');
  });
  expect(first.code, first.err).toBe(130);
  const done = metricsOf(at('parted')).length;
  expect(done).toBeLessThan(30);

  for (const type of ['nf4', 'stored']) {
    const other = await graftHere(
      run('parted', '--resume', at('parted')).map((word) => (word === 'q8_0' ? type : word)),
    );
    expect(other.code).toBe(1);
    expect(other.err).toContain(
      `graft: The saved run had other base weights (q8_0, and not ${type}). Resume with exactly the arguments`,
    );
  }
  const embeddings = await graftHere(run('parted', '--resume', at('parted'), '--embedding-weights', 'f32'));
  expect(embeddings.code).toBe(1);
  expect(embeddings.err).toContain('(q8_0, and not q8_0, embeddings f32)');

  const second = await graftHere(run('parted', '--resume', at('parted'), ...DEVICE_HERE));
  expect(second.err).toContain(`Resumed after step ${done}`);
  expect(second.code).toBe(0);
  expect(numbers(metricsOf(at('parted')))).toEqual(numbers(metricsOf(at('whole'))));
});

test.each(['q8_0', 'nf4'])(
  'merged with a base in %s, it computes what base and adapter did',
  async (type) => {
    const logits = async (name: string, ...args: string[]): Promise<Float32Array> => {
      const path = at(`${name}.safetensors`);
      const { code, err } = await graftHere([
        'logits',
        ...['--ids', '5,17,301,42,9,77,500,12', '--precision', 'f32', '--out', path, ...DEVICE_HERE, ...args],
      ]);
      expect(code, err).toBe(0);
      return floats((await tensorsOf(path)).get('logits'));
    };
    const merge = async (out: string, ...args: string[]): Promise<void> => {
      const { code, err } = await graftHere([
        'merge',
        ...['--model', at('base'), '--adapter', at('whole'), '--out', at(out), ...args],
      ]);
      expect(code, err).toBe(0);
    };
    const tuned = await logits(
      `tuned-${type}`,
      ...['--model', at('base'), '--adapter', at('whole'), '--base-weights', type],
    );
    await merge(`merged-${type}`, '--base-weights', type);
    expect(readFileSync(at(`merged-${type}`, 'README.md'), 'utf8')).toContain(type);
    expect(worstError(await logits(`merged-${type}`, '--model', at(`merged-${type}`)), tuned)).toBeLessThan(
      SAME,
    );
    // Neither the quantisation nor the adapter is too small to be seen here.
    await merge(`plain-${type}`);
    expect(worstError(await logits(`plain-${type}`, '--model', at(`plain-${type}`)), tuned)).toBeGreaterThan(
      10 * SAME,
    );
    expect(
      worstError(await logits(`base-${type}`, '--model', at('base'), '--base-weights', type), tuned),
    ).toBeGreaterThan(10 * SAME);
  },
);
