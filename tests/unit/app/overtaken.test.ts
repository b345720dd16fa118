/** Answers of the worker overtake each other, as they may on a slow machine: the page shows the newest, and loses nothing that was changed meanwhile. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Studio } from '../../../src/app/state/studio.svelte.ts';
import type { GivenFeedback } from '../../../src/app/use/feedback/feedback.svelte.ts';
import type { Evaluation as Result } from '../../../src/worker/api.ts';
import { held, withoutSvelte, type Held } from './runes.ts';
import { NO_PROJECT, rest, sessionWith, type Call } from './session-with.ts';

beforeAll(() => {
  withoutSvelte();
  vi.stubGlobal('addEventListener', () => undefined);
});
afterAll(() => vi.unstubAllGlobals());

/** A call whose answers a test gives, in any order. */
function asked(): { readonly calls: Held<unknown>[]; readonly call: Call } {
  const calls: Held<unknown>[] = [];
  return {
    calls,
    call: () => {
      calls.push(held());
      return calls.at(-1)!.promise;
    },
  };
}

test('the list that was asked for last is shown, and who asked before waits for it', async () => {
  const { calls, call } = asked();
  const { RunsState } = await import('../../../src/app/train/runs.svelte.ts');
  const runs = new RunsState(sessionWith({ listRuns: call }), NO_PROJECT);
  const listed = (id: string) => ({ ok: true, runs: [{ id, created: 1 }] });
  const shown: string[] = [];
  void runs.refresh().then(() => shown.push(`first asker sees ${runs.all[0].id}`));
  void runs.refresh();
  calls[0].answer(listed('old'));
  await rest();
  expect([runs.all, shown]).toEqual([[], []]);
  calls[1].answer(listed('new'));
  await rest();
  expect(shown).toEqual(['first asker sees new']);
  // And the other way round.
  void runs.refresh();
  void runs.refresh();
  calls[3].answer(listed('newest'));
  await rest();
  calls[2].answer(listed('new'));
  await rest();
  expect(runs.all.map(({ id }) => id)).toEqual(['newest']);
});

test('a project that is made or deleted while the list is read is listed as it is now', async () => {
  const { calls, call } = asked();
  const project = { id: '1', name: 'a', page: {}, place: 'task', changed: 1 };
  const { ProjectsState } = await import('../../../src/app/state/projects.svelte.ts');
  const projects = new ProjectsState(
    sessionWith(
      { listProjects: call, createProject: () => Promise.resolve({ ok: true, project }) },
      { wanted: { name: 'sprig', bundled: true } },
    ),
  );
  const ids = (): string[] => projects.list.map(({ id }) => id);
  const read = projects.refresh();
  await projects.create('a');
  calls[0].answer({ ok: true, projects: [] });
  await rest();
  expect(ids()).toEqual(['1']);
  calls[1].answer({ ok: true, projects: [project] });
  await read;
  expect(ids()).toEqual(['1']);

  void projects.refresh();
  await projects.remove(project as never);
  calls[2].answer({ ok: true, projects: [project] });
  await rest();
  expect(ids()).toEqual([]);
});

test('a new run is cancelled before its first step, also once it is saved', async () => {
  const told: string[] = [];
  const { Run } = await import('../../../src/app/train/run.svelte.ts');
  const run = new Run(
    sessionWith(
      {
        startRun: () => new Promise(() => undefined),
        pauseRun: async () => told.push('pause'),
        cancelRun: async () => told.push('cancel'),
      },
      { keepStorage: () => Promise.resolve() },
    ),
    () => undefined,
  );
  void run.start({ name: 'voice 1' } as never);
  // The list of runs was read since its first checkpoint.
  run.record = { id: 'a' } as never;
  await run.withdraw();
  expect(told).toEqual(['cancel']);
});

test('a list of runs that comes late does not make the next run the one before', async () => {
  const { calls, call } = asked();
  const { RunsState } = await import('../../../src/app/train/runs.svelte.ts');
  const { RunFollower } = await import('../../../src/app/train/run-follower.ts');
  const runs = new RunsState(sessionWith({ listRuns: call }), NO_PROJECT);
  // The second run has started, and is not saved yet.
  const run: { active: boolean; savedAs?: string; record?: { id: string } } = { active: true };
  const projects = { refresh: () => Promise.resolve(), follow: () => undefined };
  const follower = new RunFollower({ run, runs, projects, rows: { renameNext: () => undefined } } as never);
  const saved = follower.changed(false);
  calls[0].answer({ ok: true, runs: [{ id: 'first', status: 'running', created: 1 }] });
  await saved;
  expect(run.record).toBeUndefined();
});

test('an answer that is judged while the queue is read stays in it', async () => {
  const { calls, call } = asked();
  const { Feedback } = await import('../../../src/app/use/feedback/feedback.svelte.ts');
  const feedback = new Feedback(sessionWith({ listFeedback: call }));
  const given = { prompt: [{ role: 'user', content: 'Who?' }], answer: { text: 'Me.' } };
  // Two parts of the page ask for it.
  const read = [feedback.follow('a'), feedback.follow('a')];
  await feedback.judge(given as unknown as GivenFeedback, 'good');
  for (const { answer } of calls)
    answer({ ok: true, entries: [{ id: 'kept', time: 1, prompt: [], answer: '' }] });
  await Promise.all(read);
  expect(feedback.entries.map(({ answer, verdict }) => verdict ?? answer)).toEqual(['', 'good']);
  expect(calls).toHaveLength(1);
});

test('documents that are added while the list is read are listed, and another project shows nothing of this one', async () => {
  const lists = asked();
  const searches = asked();
  const views = asked();
  const { DocumentsState } = await import('../../../src/app/documents/documents.svelte.ts');
  const kept = (...files: string[]) => ({ documents: files.map((file) => ({ file, chunks: 1 })) });
  const projects: { id: string | undefined } = { id: 'a' };
  const session = sessionWith(
    {
      listDocuments: lists.call,
      searchDocuments: searches.call,
      readDocument: views.call,
      addDocuments: () =>
        Promise.resolve({ ok: true, documents: kept('new.md'), report: { added: 1, replaced: 0, bad: [] } }),
    },
    { keepStorage: () => Promise.resolve() },
  );
  const studio = { session, projects, models: {} } as unknown as Studio;
  const documents = new DocumentsState(studio);
  await documents.add([{ path: 'new.md', file: new File([''], 'new.md') }]);
  lists.calls[0].answer({ ok: true, documents: kept() });
  await rest();
  expect(documents.kept).toEqual(kept('new.md'));

  // Of two documents the one is shown that was asked for last.
  const both = [documents.show('first.md'), documents.show('second.md')];
  views.calls[1].answer({ ok: true, document: { file: 'second.md', chunks: [] } });
  views.calls[0].answer({ ok: true, document: { file: 'first.md', chunks: [] } });
  await Promise.all(both);
  expect(documents.shown?.file).toBe('second.md');

  documents.query = 'Who?';
  const search = documents.search();
  projects.id = 'b';
  const next = new DocumentsState(studio);
  searches.calls[0].answer({ ok: true, hits: [], missing: 0 });
  await search;
  expect([next.found, next.kept]).toEqual([undefined, undefined]);
});

test('a change of a row reaches the rows that it was made on, before others are opened', async () => {
  const order: string[] = [];
  const { calls, call } = asked();
  const { Data } = await import('../../../src/app/data/data.svelte.ts');
  const { editingOf } = await import('../../../src/app/data/editing.svelte.ts');
  const session = sessionWith({
    editRows: (edit) => {
      order.push((edit as { kind: string }).kind);
      return call();
    },
    openData: () => {
      order.push('open');
      return new Promise(() => undefined);
    },
  });
  const data = new Data(session, NO_PROJECT);
  const editing = editingOf({ session, data, projects: NO_PROJECT } as unknown as Studio);
  void editing.edit({ kind: 'delete', rows: [0] });
  void editing.edit({ kind: 'add', after: 0, content: {} as never });
  const left = data.halt().then(() => order.push('left'));
  void data.openFile(new File([''], 'other.jsonl'));
  await rest();
  calls[0].answer({ ok: false });
  await rest();
  expect(order).toEqual(['delete', 'add']);
  calls[1].answer({ ok: false });
  await left;
  await vi.waitFor(() => expect(order).toEqual(['delete', 'add', 'left', 'open']));
});

test('a metric that is added while another one is scored, and a judging meanwhile, take none from the measurement', async () => {
  const { calls, call } = asked();
  const { EvaluationState } = await import('../../../src/app/evaluate/evaluation.svelte.ts');
  // The state imports it when it is needed, which may take long the first time.
  await import('../../../src/evaluate/add-scorers.ts');
  const project = { project: 'a', keep: () => Promise.resolve(undefined) };
  const evaluation = new EvaluationState(sessionWith({ addMetrics: call }), project, 'evaluation');
  const record = {
    ...{ items: [{ prompt: 'Who?', expected: 'me' }], subjects: [{}], evidence: [[{ text: 'me' }]] },
    ...{ scorers: [{ name: 'exact-match' }], scores: [[[1]]] },
  } as unknown as Result;
  evaluation.own = record;
  const specs = ['a', 'b'].map((as) => ({ name: 'regex', pattern: as, as }));
  const scored = (to: Result): object => ({
    ok: true,
    record: { ...to, scorers: [...to.scorers, ...specs.map((scorer) => ({ name: scorer.as, scorer }))] },
  });
  const both = [evaluation.addScorers(specs.slice(0, 1)), evaluation.addScorers(specs)];
  await rest();
  expect(calls).toHaveLength(2);
  await evaluation.keepJudged((own) => ({ ...own, judged: [] }));
  for (const { answer } of calls) answer(scored(record));
  await rest();
  calls[2].answer(scored(evaluation.own));
  await Promise.all(both);
  expect(evaluation.own.scorers.map(({ name }) => name)).toEqual(['exact-match', 'a', 'b']);
  expect(evaluation.own.judged).toEqual([]);
});
