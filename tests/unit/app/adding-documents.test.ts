/** Files that come while others are read or vectors are computed, and files that a stop left unread. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Studio } from '../../../src/app/state/studio.svelte.ts';
import type { FileAt, Progress } from '../../../src/worker/api.ts';
import { held, withoutSvelte, type Held } from './runes.ts';
import { rest, sessionWith } from './session-with.ts';

beforeAll(withoutSvelte);
afterAll(() => vi.unstubAllGlobals());

const list = (name: string): FileAt[] => [{ path: name, file: new File([''], name) }];

interface Adding extends Held<unknown> {
  readonly project: string;
  readonly file: string;
  hear(progress: Progress): void;
  readonly signal: AbortSignal;
}

/** The documents of a project, and the calls that add to them. */
async function opened(): Promise<{
  readonly documents: InstanceType<
    (typeof import('../../../src/app/documents/documents.svelte.ts'))['DocumentsState']
  >;
  readonly calls: Adding[];
  /** Which one is open. */
  readonly projects: { id: string };
  end(call: Adding, unread?: number): Promise<void>;
}> {
  const { DocumentsState } = await import('../../../src/app/documents/documents.svelte.ts');
  const calls: Adding[] = [];
  const listed = (files: number): object => ({
    ...{ documents: [], chunking: {} },
    waiting: { documents: 0, chunks: 0, others: 0, files },
  });
  const session = sessionWith(
    {
      listDocuments: () => Promise.resolve({ ok: true, documents: listed(0) }),
      addDocuments: (...asked: unknown[]) => {
        const [project, files, hear, signal] = asked as [string, FileAt[], Adding['hear'], AbortSignal];
        calls.push({ ...held(), ...{ project, file: files[0].path, hear, signal } });
        return calls.at(-1)!.promise;
      },
    },
    { keepStorage: () => Promise.resolve() },
  );
  const projects = { id: 'a' };
  const documents = new DocumentsState({ session, projects, models: {} } as unknown as Studio);
  await rest();
  return {
    ...{ documents, calls, projects },
    async end({ answer, signal }, unread = 0) {
      const report = { added: 1, replaced: 0, same: 0, bad: [], others: [], guessed: [], unread };
      answer({ ok: true, report, stopped: signal.aborted, documents: listed(unread) });
      await rest();
    },
  };
}

test('files that come while others are read wait for these, and stop the vectors that are computed then', async () => {
  const { documents, calls, end } = await opened();
  void documents.add(list('a.txt'));
  await rest();
  calls[0].hear({ what: 'dividing', done: 0, total: 1 });
  void documents.add(list('b.txt'));
  await rest();
  expect([calls.length, documents.queued, calls[0].signal.aborted]).toEqual([1, 1, false]);
  calls[0].hear({ what: 'embedding', done: 0, total: 9 });
  expect(calls[0].signal.aborted).toBe(true);
  await end(calls[0]);
  expect(calls.map(({ file }) => file)).toEqual(['a.txt', 'b.txt']);
  expect([documents.queued, documents.hasUnread]).toEqual([0, false]);

  // Vectors that are computed already stop at once.
  calls[1].hear({ what: 'embedding', done: 3, total: 9 });
  void documents.add(list('c.txt'));
  await rest();
  expect(calls[1].signal.aborted).toBe(true);
  await end(calls[1]);
  await end(calls[2]);
  expect(calls.map(({ file }) => file)).toEqual(['a.txt', 'b.txt', 'c.txt']);
  expect(documents.work).toBeUndefined();
});

test('a stop keeps what it left unread, and Continue adds the same files again', async () => {
  const { documents, calls, end } = await opened();
  void documents.add(list('a.txt'));
  await rest();
  documents.stop();
  await end(calls[0], 5);
  expect([documents.hasUnread, documents.kept?.waiting.files]).toEqual([true, 5]);
  void documents.proceed();
  await rest();
  expect(calls.map(({ file }) => file)).toEqual(['a.txt', 'a.txt']);
  await end(calls[1]);
  expect(documents.hasUnread).toBe(false);
});

test('files that are chosen again after a stop leave nothing to continue', async () => {
  const { documents, calls, end } = await opened();
  void documents.add(list('a.txt'));
  await rest();
  documents.stop();
  await end(calls[0], 5);
  void documents.add(list('a.txt'));
  await rest();
  await end(calls[1]);
  expect(documents.hasUnread).toBe(false);
});

test('files stay with the project that they were chosen for, also if another is opened while they wait', async () => {
  const { documents, calls, projects, end } = await opened();
  void documents.add(list('a.txt'));
  await rest();
  void documents.add(list('b.txt'));
  await rest();
  const { kept } = documents;
  projects.id = 'other';
  await end(calls[0]);
  await end(calls[1]);
  expect(calls.map(({ project }) => project)).toEqual(['a', 'a']);
  // The other project shows none of that as its own.
  expect(documents.kept).toBe(kept);
  expect(documents.report).toBeUndefined();
});

test('Continue adds nothing to a project that is opened meanwhile', async () => {
  const { documents, calls, projects, end } = await opened();
  for (const name of ['a.txt', 'b.txt']) {
    void documents.add(list(name));
    await rest();
    documents.stop();
    await end(calls.at(-1)!, 5);
  }
  void documents.proceed();
  await rest();
  projects.id = 'other';
  await end(calls[2]);
  expect(calls.map(({ project, file }) => `${project}/${file}`)).toEqual(['a/a.txt', 'a/b.txt', 'a/a.txt']);
});

test('how far the work is counts documents and chunks, and bytes only of an encoder', async () => {
  const { detailWords } = await import('../../../src/app/documents/documents.svelte.ts');
  expect(detailWords({ what: 'embedding', done: 256, total: 917 }, 20)).toBe(
    '256 of 917 chunks, about 20 s left',
  );
  expect(detailWords({ what: 'indexing', done: 512, total: 140_000 }, undefined)).toBe(
    '512 of 140,000 chunks',
  );
  expect(detailWords({ what: 'indexing', done: 0, total: 0 }, undefined)).toBe('');
  expect(detailWords({ what: 'dividing', done: 0, total: 1 }, undefined)).toBe('0 of 1 document read');
  expect(detailWords({ what: 'loading', done: 1024, total: 2048 }, undefined)).toBe('1 KiB of 2 KiB');
});
