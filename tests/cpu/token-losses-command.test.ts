/** `graft tokens`: the losses of a row's tokens as JSON and as text. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, VOICE } from '../engine/graft-command.ts';
import { peftFile } from '../engine/reference-file.ts';
import { SPRIG } from '../engine/sprig.ts';

const ARGS = ['tokens', '--model', SPRIG, '--data', VOICE, ...DEVICE_HERE];
const ADAPTER = ['--adapter', peftFile('adapter')];

test('prints the losses and candidates of transformers and PEFT for a row of a file', async () => {
  const { base, adapter } = JSON.parse(readFileSync(peftFile('token-losses.json'), 'utf8')) as Record<
    'base' | 'adapter',
    { id: number; loss: number; top: number[] }[][]
  >;
  const { code, out, err } = await graftHere([...ARGS, ...ADAPTER, '--row', '1', '--json']);
  expect(code, err).toBe(0);
  const { row, line, of, tokens } = JSON.parse(out) as {
    row: number;
    line: number;
    of: number;
    tokens: { id: number; loss: { base: number; tuned: number }; top: { id: number; base: number }[] }[];
  };
  expect({ row, line, of }).toEqual({ row: 1, line: 2, of: base[1].length });
  expect(tokens.map(({ id }) => id)).toEqual(base[1].map(({ id }) => id));
  for (const [at, { loss, top }] of tokens.entries()) {
    expect(loss.base).toBeCloseTo(base[1][at].loss, 2);
    expect(loss.tuned).toBeCloseTo(adapter[1][at].loss, 2);
    expect(top.map(({ id }) => id)).toContain(base[1][at].top[0]);
  }
});

test('prints a line for each token, of the base model only without an adapter', async () => {
  const alone = await graftHere([...ARGS, '--row', '0']);
  expect(alone.code, alone.err).toBe(0);
  expect(alone.out).toMatch(/^"A" +17\.3 +"[^"]+" 100%/m);
  const both = await graftHere([...ARGS, ...ADAPTER]);
  expect(both.out).toMatch(/^"A" +17\.3 → [\d.]+ +"[^"]+" \d+% → \d+%/m);
});

test('refuses a row that the file does not have', async () => {
  const { code, err } = await graftHere([...ARGS, '--row', '360000']);
  expect(code).toBe(2);
  expect(err).toMatch(/--row is 360000, and .* has \d+ rows that can be read/);
});
