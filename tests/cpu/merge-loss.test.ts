/**
 * `graft export --data`: the loss of a merged file is that of base and adapter as far as its type allows, and is in the card. `graft mix --data`: a cut of
 * the rank costs what it takes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, temporaryFolder, VOICE } from '../engine/graft-command.ts';
import { peftFile } from '../engine/reference-file.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const NUMBERS = /base ([\d.]+), base and adapter apart ([\d.]+), merged in \w+ ([\d.]+) nats/;

beforeAll(() =>
  writeFileSync(at('rows.jsonl'), readFileSync(VOICE, 'utf8').split('\n').slice(0, 8).join('\n')),
);

async function exported(type: string): Promise<{ told: string; losses: number[]; change: number }> {
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

test('a cut of the rank costs nothing if all of it stays, and otherwise loses what was tuned', async () => {
  interface Cut {
    readonly loss: {
      readonly base: number;
      readonly adapters: { name: string; loss: number }[];
      readonly mixed: number;
    };
    readonly modules: readonly { readonly relative_error: number }[];
  }
  const cut = async (rank: number): Promise<Cut & { card: string }> => {
    const out = at(`rank-${rank}`);
    const {
      code,
      err,
      out: said,
    } = await graftHere([
      ...['mix', '--model', SPRIG, '--adapter', peftFile('adapter'), '--rank', String(rank), '--json'],
      ...['--data', at('rows.jsonl'), '--out', out, ...DEVICE_HERE],
    ]);
    expect(code, err).toBe(0);
    return { ...(JSON.parse(said) as Cut), card: readFileSync(`${out}/README.md`, 'utf8') };
  };
  const [whole, some] = [await cut(64), await cut(1)];
  const [{ loss: before }] = whole.loss.adapters;
  expect(Math.abs(whole.loss.base - before)).toBeGreaterThan(0.01);
  expect(whole.loss.mixed).toBeCloseTo(before, 4);
  expect(some.loss.base).toBe(whole.loss.base);
  expect(Math.abs(some.loss.mixed - before)).toBeGreaterThan(1e-3);
  expect(Math.max(...whole.modules.map(({ relative_error: error }) => error))).toBeLessThan(1e-9);
  expect(Math.min(...some.modules.map(({ relative_error: error }) => error))).toBeGreaterThan(0.01);
  expect(some.card).toContain(
    `| Loss of test rows | base ${some.loss.base.toFixed(4)}, adapter ${before.toFixed(4)}, mixed ${some.loss.mixed.toFixed(4)} |`,
  );
});
