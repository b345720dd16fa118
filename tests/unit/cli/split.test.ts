/** `graft split` and `graft check` as other tools call them: files, folders and exit status. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { splitCommandFlags } from '../../../src/cli/split.ts';

const ROOT = join(import.meta.dirname, '../../..');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-split-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...parts: string[]): string => join(folder, ...parts);

const graft = (...args: string[]): { status: number | null; out: string; err: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/graft.mjs', ...args], {
    ...{ cwd: ROOT, encoding: 'utf8', timeout: 60_000 },
  });
  return { status, out: stdout, err: stderr };
};

const linesOf = (...path: string[]): string[] =>
  readFileSync(at(...path), 'utf8')
    .trimEnd()
    .split('\n');

/** Rows with odd spaces, an additional column and a number that JSON.parse would change. */
const ROWS = Array.from(
  { length: 60 },
  (_, row) =>
    `{"prompt":"Question ${row}",  "completion": "${row % 3 === 0 ? 'yes' : 'no'}", "source": "page ${row % 12}", "id": 1234567890123456789${row}}`,
);

describe('graft split', () => {
  test('keeps every row as it was, deals out labels, and keeps sources together', () => {
    writeFileSync(at('rows.jsonl'), `${ROWS.join('\n')}\n\nnot a row\n`);
    const { status, out } = graft(
      ...['split', '--data', at('rows.jsonl'), '--stratify', 'label', '--group', 'source'],
      ...['--parts', 'train=0.5,test=0.5', '--out', at('parts'), '--json'],
    );
    expect(status).toBe(0);
    expect(readdirSync(at('parts')).sort()).toEqual(['test.jsonl', 'train.jsonl']);
    const [train, held] = [linesOf('parts', 'train.jsonl'), linesOf('parts', 'test.jsonl')];
    expect([...train, ...held].sort()).toEqual([...ROWS].sort());
    const sources = (lines: readonly string[]): Set<string> =>
      new Set(lines.map((line) => /"page \d+"/.exec(line)![0]));
    expect([...sources(train)].filter((source) => sources(held).has(source))).toEqual([]);
    expect(JSON.parse(out)).toMatchObject({
      ...{ rows: 60, unreadable: 1, seed: 1 },
      parts: [
        { name: 'train', file: 'train.jsonl', rows: 30, values: { yes: 10, no: 20 } },
        { name: 'test', file: 'test.jsonl', rows: 30, values: { yes: 10, no: 20 } },
      ],
      why: expect.stringMatching(/^30 test rows can show/) as unknown,
    });
    const [part] = (JSON.parse(out) as { parts: object[] }).parts;
    expect(splitCommandFlags.json.help).toContain(`parts: [{${Object.keys(part).join(', ')}}]`);
    const again = graft('split', '--data', at('rows.jsonl'), '--out', at('parts'));
    expect(again).toMatchObject({ status: 1, out: '' });
    expect(again.err).toContain('is not empty');
  });

  test('writes folds in which each row is tested once', () => {
    writeFileSync(at('rows.json'), `[\n${ROWS.join(',\n')}\n]`);
    const { status, out } = graft('split', '--data', at('rows.json'), '--folds', '3', '--out', at('folds'));
    expect(status).toBe(0);
    expect(out).toMatch(/Each row is tested once\. 60 test rows can show/);
    const tested = [1, 2, 3].flatMap((fold) => {
      const [train, held] = [
        linesOf('folds', `fold-${fold}`, 'train.jsonl'),
        linesOf('folds', `fold-${fold}`, 'test.jsonl'),
      ];
      expect([...train, ...held].sort()).toEqual([...ROWS].sort());
      return held;
    });
    expect(tested.sort()).toEqual([...ROWS].sort());
  });

  test('makes rows of a table, proposes sizes, and says what they show', () => {
    const data = ['--data', 'public/samples/more/shops.csv'];
    const { status, out } = graft('split', ...data, '--out', at('table'));
    expect(status).toBe(0);
    expect(out).toContain('A difference of 10 points needs 170 test rows');
    const rows = linesOf('table', 'test.jsonl').map((line) => JSON.parse(line) as object);
    expect(rows).toHaveLength(32);
    for (const row of rows) expect(Object.keys(row)).toEqual(['message', 'category']);
    graft('split', ...data, '--out', at('other'), '--seed', '2');
    expect(linesOf('other', 'test.jsonl')).not.toEqual(linesOf('table', 'test.jsonl'));
  });

  test.each([
    ['--group', 'nowhere', 'No row has a value in the column nowhere. The columns are message, category.'],
    ['--stratify', 'message', 'so no part can have its share of each'],
    ['--parts', 'train=0.8,test=0.8', '--parts is train=0.8,test=0.8.'],
    ['--parts', '../a=0.5,b=0.5', '--parts is ../a=0.5,b=0.5.'],
  ])('refuses %s %s and writes nothing', (flag, value, words) => {
    const data = ['--data', 'public/samples/more/shops.csv'];
    const { status, err } = graft('split', ...data, flag, value, '--out', at('none'));
    expect(status).toBeGreaterThan(0);
    expect(err).toContain(words);
    expect(readdirSync(folder)).not.toContain('none');
  });
}, 120_000);

describe('graft check', () => {
  test('ends with 1 if a run would be wasted, and with 0 otherwise', () => {
    writeFileSync(at('leak.jsonl'), `${ROWS.slice(0, 30).join('\n')}\n`);
    const check = (file: string): { status: number | null; ids: string[]; rows: number } => {
      const { status, out } = graft('check', '--data', at('rows.jsonl'), '--test-data', at(file), '--json');
      const { rows, findings } = JSON.parse(out) as { rows: number; findings: { id: string }[] };
      return { status, rows, ids: findings.map(({ id }) => id) };
    };
    const wasted = check('leak.jsonl');
    expect(wasted).toMatchObject({ status: 1, rows: 61 });
    expect(wasted.ids).toContain('test-in-train');
    writeFileSync(
      at('fresh.jsonl'),
      Array.from(
        { length: 30 },
        (_, row) => `{"prompt": "Is it ${row} o'clock?", "completion": "no"}\n`,
      ).join(''),
    );
    expect(check('fresh.jsonl')).toMatchObject({ status: 0, ids: ['unreadable-rows'] });
  });

  test('refuses a limit that no row can have, and says that one does nothing without a model', () => {
    const check = (...more: string[]) => graft('check', '--data', at('rows.jsonl'), ...more);
    const { out, err } = check('--model', 'public/models/sprig', '--max-length=-5');
    expect(out).toBe('');
    expect(err).toContain('--max-length is -5, expected a whole number of at least 2');
    expect(check('--max-length=64').err).toContain('--max-length does nothing without --model');
  });
}, 120_000);
