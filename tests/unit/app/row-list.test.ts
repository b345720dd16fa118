/** The list of rows while its answers are late. */
import { beforeAll, expect, test } from 'vitest';
import type { Data } from '../../../src/app/state/data.svelte.ts';
import { RowList } from '../../../src/app/state/rows.svelte.ts';
import type { Session } from '../../../src/app/state/session.svelte.ts';
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
  const list = new RowList({ worker } as unknown as Session, data as unknown as Data);
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
