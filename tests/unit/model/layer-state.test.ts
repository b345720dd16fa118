/** Where tokens lie in the states of layers, against a plain simulation of a sequence that is read in pieces. */
import { expect, test } from 'vitest';
import { NO_ROW } from '../../../src/engine/ops/gather_rows.ts';
import { StateRows } from '../../../src/model/layer-state.ts';

const MAX_LENGTH = 200;
const K = 3;

/** The positions that rows of the recent tokens hold, after a prompt of `prompt` tokens and an answer up to `end`. */
function held(rows: StateRows, sequence: number, prompt: number, end: number): Map<number, number> {
  const at = new Map<number, number>();
  for (let position = 0; position < end; position++)
    at.set(rows.recentRowOf(sequence, position, prompt), position);
  return at;
}

test('each token finds the ones before it, and a prompt its end, whatever comes after', () => {
  const rows = new StateRows(K, 3, MAX_LENGTH);
  const kept = rows.rowsOf({ label: '', columns: 1, last: K });
  const lost: string[] = [];
  for (const prompt of [0, 2, 62, 64, 65, 150]) {
    for (const more of [1, 2, 3, 7, 40, 50]) {
      const end = prompt + more;
      const at = held(rows, 1, prompt, end);
      for (let k = 1; k <= K; k++) {
        const [position, row] = [end - k, rows.recentRowOf(1, end - k, prompt)];
        if ((position < 0 ? NO_ROW : row) !== row || (position >= 0 && at.get(row) !== position))
          lost.push(`${k} before ${end} after ${prompt}`);
        // The end of the prompt, and every checkpoint in it.
        for (const start of [prompt, 64, 128].filter((one) => one <= prompt && one >= k))
          if (at.get(rows.recentRowOf(1, start - k)) !== start - k)
            lost.push(`${k} before ${start} in ${prompt}, at ${end}`);
      }
      for (const row of at.keys()) if (Math.floor(row / (kept / 3)) !== 1) lost.push(`row ${row}`);
    }
  }
  expect(lost).toEqual([]);
  expect(kept).toBeLessThan((3 * MAX_LENGTH) / 10);
});

test('a prompt is continued at its end and at checkpoints; with keys and values only, anywhere', () => {
  const [hybrid, plain] = [new StateRows(K, 1, MAX_LENGTH), new StateRows(0, 1, MAX_LENGTH)];
  const counts = [0, 5, 63, 64, 100, 127, 130];
  expect(counts.map((count) => hybrid.reusable(130, count))).toEqual([0, 0, 0, 64, 64, 64, 130]);
  expect(counts.map((count) => plain.reusable(130, count))).toEqual(counts);
});

test('a copy has what continuing at its end needs', () => {
  const rows = new StateRows(K, 2, MAX_LENGTH);
  const { all, recent } = rows.copied({ from: 0, to: 1, first: 60, end: 131 });
  expect(all).toEqual(Array.from({ length: 71 }, (_, i) => [60 + i, MAX_LENGTH + 60 + i]));
  const positions = [61, 62, 63, 125, 126, 127, 128, 129, 130];
  expect(recent).toEqual(positions.map((at) => [rows.recentRowOf(0, at), rows.recentRowOf(1, at)]));
});
