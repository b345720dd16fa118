/** Whether training saw the measured rows: `graft evaluate` reads that from the lineage.json in the folder of the adapter. */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, temporaryFolder, VOICE } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const UNKNOWN = /these rows is not known/;

async function train(...args: readonly string[]): Promise<void> {
  const how = ['--steps', '1', '--batch', '1', '--max-length', '64', ...DEVICE_HERE];
  const { code, err } = await graftHere(['train', '--model', SPRIG, ...how, ...args]);
  expect(code, err).toBe(0);
}

async function verdictOf(adapter: string, ...args: readonly string[]): Promise<string> {
  const how = ['--methods', 'base,adapter', '--rows', '2', '--json', ...DEVICE_HERE];
  const asked = ['evaluate', '--model', SPRIG, '--adapter', at(adapter), ...how, ...args];
  const { code, out, err } = await graftHere(asked);
  expect(code, err).toBe(0);
  return (JSON.parse(out) as { readonly verdict: string }).verdict;
}

beforeAll(async () => {
  // Twenty rows that differ, so that a split has no row on both sides.
  const rows = [...new Set(readFileSync(VOICE, 'utf8').trimEnd().split('\n'))];
  writeFileSync(at('rows.jsonl'), `${rows.slice(0, 20).join('\n')}\n`);
  writeFileSync(at('others.jsonl'), `${rows.slice(20, 30).join('\n')}\n`);
  await train('--data', at('rows.jsonl'), '--test-fraction', '0.2', '--seed', '7', '--out', at('first'));
});

test('the test rows of the same split count as held out, and rows of another file too', async () => {
  const same = ['--data', at('rows.jsonl'), '--test-fraction', '0.2', '--seed', '7'];
  for (const rows of [same, ['--data', at('others.jsonl'), '--split', 'all']]) {
    const verdict = await verdictOf('first', ...rows);
    expect(verdict).not.toMatch(UNKNOWN);
    expect(verdict).not.toContain('Training saw');
  }
});

test('rows that training saw are counted', async () => {
  const verdict = await verdictOf('first', '--data', at('rows.jsonl'), '--split', 'all');
  expect(verdict).toMatch(/Training saw [0-2] of the 2 rows that were asked, and 16 of the 20 test rows/);
});

test('rows of an earlier stage are counted for the stage after it, and are not known once the earlier one is gone', async () => {
  const start = ['--init-adapter', at('first')];
  await train('--data', at('others.jsonl'), ...start, '--out', at('second'));
  const rows = ['--data', at('rows.jsonl'), '--split', 'all'];
  expect(await verdictOf('second', ...rows)).toContain('and 16 of the 20 test rows');
  copyFileSync(at('first', 'lineage.json'), at('kept.json'));
  rmSync(at('first', 'lineage.json'));
  expect(await verdictOf('second', ...rows)).toMatch(UNKNOWN);
  expect(await verdictOf('first', ...rows)).toMatch(UNKNOWN);
  copyFileSync(at('kept.json'), at('first', 'lineage.json'));
});

test('rows of a file that has other rows now are not known', async () => {
  await train('--data', at('others.jsonl'), '--out', at('changed'));
  const lines = readFileSync(at('others.jsonl'), 'utf8').trimEnd().split('\n');
  writeFileSync(at('others.jsonl'), `${lines.slice(1).join('\n')}\n`);
  expect(await verdictOf('changed', '--data', at('rows.jsonl'), '--split', 'all')).toMatch(UNKNOWN);
});
