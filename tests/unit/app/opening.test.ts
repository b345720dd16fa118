/** What the page says while a project is being opened. */
import { expect, test } from 'vitest';
import { openingWords } from '../../../src/app/data/opening.svelte.ts';

const MIB = 2 ** 20;

test.each([
  [{ step: 'list' }, 'looking for it in this browser', 0],
  [{ step: 'project', name: 'Tickets' }, 'Tickets: its runs and results', 0],
  [
    { step: 'rows', name: 'Tickets', model: { what: 'loading', done: MIB, total: 6 * MIB } },
    'Tickets: its model, 1 MiB of 6 MiB',
    6 * MIB,
  ],
  [
    { step: 'rows', name: 'Tickets', model: { what: 'compiling', done: 3, total: 12 } },
    'Tickets: its model, 3 of 12',
    12,
  ],
  [
    { step: 'rows', name: 'Tickets', rows: { what: 'preparing', done: 120, total: 1360 } },
    'Tickets: its rows, 120 of 1,360',
    1360,
  ],
  [{ step: 'rows', name: 'Tickets' }, 'Tickets: its rows', 0],
] as const)('%j', (state, detail, total) => {
  expect(openingWords(state)).toEqual({
    label: 'Opening your project…',
    detail,
    done: 'model' in state ? state.model.done : 'rows' in state ? state.rows.done : 0,
    total,
  });
});
