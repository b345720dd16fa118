/** What was refused for the sake of a locked test part is done when a person unlocks it: the same change, once. */
import { beforeAll, expect, test } from 'vitest';
import type { Studio } from '../../../src/app/state/studio.svelte.ts';
import type { DataName, RowsEdit } from '../../../src/worker/api.ts';
import { withoutSvelte } from './runes.ts';
import { NO_PROJECT, sessionWith } from './session-with.ts';

beforeAll(withoutSvelte);

const LOCKED = { ok: false, code: 'test-locked', what: '', remedy: '' };
const HISTORY = { version: 2, steps: [{ number: 2, created: 0, done: '1 row was deleted.', mends: false }] };

test('a refused deletion', async () => {
  const edits: RowsEdit[] = [];
  let locked = true;
  const session = sessionWith({
    editRows: (edit) => {
      edits.push(edit as RowsEdit);
      return Promise.resolve(locked ? LOCKED : { ok: true, history: HISTORY });
    },
  });
  const studio = {
    session,
    projects: NO_PROJECT,
    data: { changes: Promise.resolve(), take: () => undefined },
    settings: { keepThrough: (change: () => Promise<boolean>) => change() },
  } as unknown as Studio;
  const { editingOf } = await import('../../../src/app/data/editing.svelte.ts');
  const editing = editingOf(studio);
  expect(await editing.edit({ kind: 'delete', rows: [4] })).toBe(false);
  expect(editing.failure).toMatchObject({ code: 'test-locked' });
  locked = false;
  await editing.again();
  expect(edits).toEqual([
    { kind: 'delete', rows: [4] },
    { kind: 'delete', rows: [4] },
  ]);
  expect(editing.failure).toBeUndefined();
  // Nothing is left to be done again.
  await editing.again();
  expect(edits).toHaveLength(2);
});

test('a refused file of test rows', async () => {
  const opened: { readonly files: readonly unknown[]; readonly keep: DataName }[] = [];
  const said: string[] = [];
  let locked = false;
  const summary = { listed: 1, rows: { train: 1, validation: 0, test: 1 } };
  const session = sessionWith(
    {
      openData: (file, options, others, _, keep) => {
        const { heldOut } = others as { heldOut?: { name: string } };
        opened.push({ files: [(file as { name: string }).name, heldOut?.name], keep: keep as DataName });
        const { length } = opened;
        return Promise.resolve(
          locked ? LOCKED : { ok: true, data: summary, options, version: `v${length}`, history: HISTORY },
        );
      },
      listData: () => Promise.resolve({ ok: true, sets: [] }),
    },
    { announcer: { say: (words: string) => void said.push(words) } },
  );
  const { Data } = await import('../../../src/app/data/data.svelte.ts');
  const data = new Data(session, NO_PROJECT);
  await data.openFile(new File(['{"prompt": "a", "completion": "b"}'], 'rows.jsonl'));
  locked = true;
  expect(await data.addFile(new File(['{}'], 'other.jsonl'), 'test')).toBe(false);
  expect(data.failure).toMatchObject({ code: 'test-locked' });
  expect(data.source?.heldOut).toBeUndefined();
  locked = false;
  expect(await data.again()).toBe(true);
  expect(data.source?.heldOut?.name).toBe('other.jsonl');
  expect(opened.slice(1)).toEqual(
    Array.from({ length: 2 }, () => ({
      files: ['rows.jsonl', 'other.jsonl'],
      keep: { name: 'rows.jsonl', keepsTest: true, earlier: { version: 'v1', gone: 1 } },
    })),
  );
});

test('refused rows that the project keeps, whose file is the open one with other test rows', async () => {
  const bytes = new TextEncoder().encode('{"prompt": "a", "completion": "b"}');
  const keeps: unknown[] = [];
  let locked = true;
  const summary = { listed: 1, rows: { train: 1, validation: 0, test: 1 } };
  const session = sessionWith({
    readData: () =>
      Promise.resolve({
        ok: true,
        set: { name: 'rows.jsonl', options: {} },
        file: { name: 'rows.jsonl', bytes },
        heldOut: { name: 'other.jsonl', bytes },
      }),
    openData: (_file, options, _others, _onProgress, keep) => {
      keeps.push(keep);
      return Promise.resolve(
        locked ? LOCKED : { ok: true, data: summary, options, version: 'v1', history: HISTORY },
      );
    },
    listData: () => Promise.resolve({ ok: true, sets: [] }),
  });
  const [{ Data }, { RowOpener }] = await Promise.all([
    import('../../../src/app/data/data.svelte.ts'),
    import('../../../src/app/data/row-opener.svelte.ts'),
  ]);
  const data = new Data(session, NO_PROJECT);
  const rows = new RowOpener({
    ...{ session: {}, data, samples: { list: [] }, runs: { freeName: () => '', list: [] } },
    ...{
      settings: { follow: () => undefined, options: {} },
      chat: { suggestUnlessWritten: () => undefined },
    },
    task: { suit: () => undefined },
  } as unknown as Studio);
  expect(await rows.openKept('v1')).toBe(false);
  expect(data.failure).toMatchObject({ code: 'test-locked' });
  expect(data.source).toBeUndefined();
  locked = false;
  expect(await rows.openUnlocked()).toBe(true);
  expect(data.source).toMatchObject({ name: 'rows.jsonl', heldOut: { name: 'other.jsonl' } });
  // Opened at the start of a project, they are the ones that were open.
  expect(await rows.openAgain('v1')).toBe(true);
  expect(keeps).toEqual([
    { name: 'rows.jsonl', keepsTest: true },
    { name: 'rows.jsonl', keepsTest: true },
    { name: 'rows.jsonl' },
  ]);
});
