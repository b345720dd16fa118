/** `graft export --data`: the loss of a merged file is that of base and adapter as far as its type allows, and stands in the card. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, temporaryFolder, VOICE } from '../engine/graft-command.ts';
import { peftFile } from '../engine/reference-file.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const NUMBERS = /base ([\d.]+), base and adapter apart ([\d.]+), merged in \w+ ([\d.]+) nats/;

async function exported(type: string): Promise<{ told: string; losses: number[]; change: number }> {
  const rows = readFileSync(VOICE, 'utf8').split('\n').slice(0, 8).join('\n');
  writeFileSync(at('rows.jsonl'), rows);
  const { code, err } = await graftHere([
    ...['export', '--model', SPRIG, '--adapter', peftFile('adapter'), '--format', 'gguf-merged'],
    ...['--type', type, '--data', at('rows.jsonl'), '--out', at(type), ...DEVICE_HERE],
  ]);
  expect(code, err).toBe(0);
  const [, ...losses] = NUMBERS.exec(err)!;
  const [, change] = /largest change of a probability is ([\d.]+)\./.exec(err)!;
  return { told: err, losses: losses.map(Number), change: Number(change) };
}

test('f32 loses nothing, and four bits lose more than eight', async () => {
  const [whole, eight, four] = [await exported('f32'), await exported('q8_0'), await exported('q4_0')];
  const [base, apart, merged] = whole.losses;
  expect(Math.abs(base - apart)).toBeGreaterThan(0.01);
  expect(merged).toBeCloseTo(apart, 3);
  expect(whole.change).toBeLessThan(1e-3);
  expect(eight.losses.slice(0, 2)).toEqual([base, apart]);
  expect(eight.change).toBeGreaterThan(whole.change);
  expect(four.change).toBeGreaterThan(eight.change);
  const card = readFileSync(at('q4_0', 'README.md'), 'utf8');
  expect(card).toContain(`| this file, q4_0 | ${four.losses[2].toFixed(4)} |`);
  expect(card).toContain(`| base and adapter apart | ${apart.toFixed(4)} |`);
});
