/** Reading and tokenizing report progress. */
import { expect, it } from 'vitest';
import { createOutput, type Output } from '../../../src/cli/output.ts';
import { readRows, tokenizeRows } from '../../../src/cli/rows.ts';

const ROWS = 1000;
const bytes = new TextEncoder().encode(
  Array.from({ length: ROWS }, (_, i) => JSON.stringify({ ids: [i, 1], labels: [i, 1] })).join('\n'),
);

/** An output that records its lines. */
function recorded(): { output: Output; told: string[] } {
  const told: string[] = [];
  const nothing = (): void => undefined;
  return { told, output: { ...createOutput(), progress: (text) => told.push(text), clear: nothing } };
}

it('reports rows and share while reading, and rows of all while tokenizing', () => {
  const { output, told } = recorded();
  const { examples } = readRows(bytes, { fileName: 'rows.jsonl' }, output);
  expect(examples).toHaveLength(ROWS);
  expect(told[0]).toMatch(/^Reading rows\.jsonl: 64 rows, [5-7] %$/);
  expect(told.at(-1)).toMatch(/^Reading rows\.jsonl: 960 rows, 9\d %$/);
  told.length = 0;
  const { rows } = tokenizeRows(examples, undefined, { maxLength: 8 }, output);
  expect(rows).toHaveLength(ROWS);
  expect(told[0]).toBe('Tokenizing: 64 of 1,000 rows');
  expect(told.at(-1)).toBe('Tokenizing: 960 of 1,000 rows');
});
