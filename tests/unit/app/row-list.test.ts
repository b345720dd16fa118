/** The list of rows while its answers are late. */
import { beforeAll, expect, test } from 'vitest';
import type { Data } from '../../../src/app/data/data.svelte.ts';
import { RowList } from '../../../src/app/data/rows.svelte.ts';
import type { SessionState } from '../../../src/app/state/session.svelte.ts';
import { withoutSvelte } from './runes.ts';

beforeAll(withoutSvelte);

test('a filter that a move overtakes is still finished', async () => {
  const answers: ((total: number) => void)[] = [];
  const worker = {
    listRows: () =>
      new Promise((resolve) =>
        answers.push((total) =>
          resolve({ ok: true, total, rows: Array.from({ length: total }, (_, i) => ({ at: 2 * i })) }),
        ),
      ),
  };
  const data = {
    rowAt: 0,
    show: (at: number): Promise<void> => {
      data.rowAt = at;
      return Promise.resolve();
    },
  };
  const list = new RowList({ worker } as unknown as SessionState, data as unknown as Data);
  const opened = list.settle(0);
  answers[0](6);
  await opened;

  list.text = 'plum';
  list.changing = true;
  const settled = list.settle(0);
  const moved = list.go(1);
  answers[1](3);
  await Promise.all([settled, moved]);
  expect(data.rowAt).toBe(2);
  expect(list.changing).toBe(false);
});

test('another search stops the one before it, and another window of the same does not', async () => {
  const signals: AbortSignal[] = [];
  const worker = {
    listRows: (_: unknown, __: unknown, ___: unknown, signal: AbortSignal) => {
      signals.push(signal);
      return new Promise(() => undefined);
    },
  };
  const list = new RowList({ worker } as unknown as SessionState, {} as unknown as Data);
  list.text = 'plum';
  void list.fetch(0);
  void list.fetch(400);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  list.text = 'plums';
  void list.fetch(0);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
});
