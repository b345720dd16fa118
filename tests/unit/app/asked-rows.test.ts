/** Rows of the open data that a measurement has asked. */
import { expect, test } from 'vitest';
import { rowOfItem, isAsked, itemsOfFindings } from '../../../src/app/evaluate/asked-rows.ts';
import type {
  DataOptions,
  DataSummary,
  ListedRow,
  PlacedFinding,
  RowQuery,
} from '../../../src/worker/api.ts';

const listed = (at: number, line: number, text: string): ListedRow => ({
  ...{ at, line, text, file: 0, part: 'test', state: 'ok', repeated: false, leaked: false },
  ...{ tokens: 4, kept: 4, supervised: 1 },
});
const rows = [
  listed(2, 3, 'Where is it? → here'),
  listed(5, 6, 'Who is it? → me'),
  listed(9, 10, 'What? → that'),
];
/** The second and the third are of a finding. */
const worker = {
  async listRows({ text, finding, from, count }: RowQuery) {
    const all = rows.filter(
      (row) => (text === undefined || row.text.includes(text)) && (finding === undefined || row !== rows[0]),
    );
    return Promise.resolve({ ok: true as const, total: all.length, rows: all.slice(from, from + count) });
  },
};
const item = (row: number, line: number, prompt: string) => ({ row, line, prompt, expected: '' });

test('a row is the asked one if its line and the beginning of its question are the same', () => {
  expect(isAsked(item(0, 3, 'Where is\n it?'), rows[0])).toBe(true);
  expect(isAsked(item(0, 4, 'Where is it?'), rows[0])).toBe(false);
  expect(isAsked(item(0, 3, 'When is it?'), rows[0])).toBe(false);
  expect(isAsked(item(0, 3, 'system: Be short.\nuser: Where is it?'), rows[0])).toBe(true);
});

test('a row is found at its place, and by its text after others have left the test', async () => {
  expect((await rowOfItem(worker, item(1, 6, 'Who is it?')))?.at).toBe(5);
  expect((await rowOfItem(worker, item(2, 6, 'Who is it?')))?.at).toBe(5);
  expect(await rowOfItem(worker, item(1, 6, 'Who was it?'))).toBeUndefined();
});

test('the items of a finding are those whose rows belong to it, under its name for so many of them', async () => {
  const items = [item(2, 10, 'What?'), item(0, 3, 'Where is it?'), item(1, 6, 'Who is it?')];
  const finding = (id: PlacedFinding['id'], count: number): PlacedFinding => ({
    ...{ id, count, severity: 'note', why: '', mend: '', places: [], lines: [], used: 0, trained: 0 },
  });
  const seen = { summary: {} as DataSummary, options: {} as DataOptions };
  const found = [finding('near-duplicates', 7), finding('few-test-rows', 0)];
  expect([...(await itemsOfFindings(worker, items, found, seen))]).toEqual([
    ['2 rows nearly repeat an earlier one', [0, 2]],
  ]);
});
