/** The history of the open rows: changes by hand and mends, each kept at once, and gone back and forth. */
import { beforeEach, expect, test, vi } from 'vitest';
import { openData } from '../../../src/data/open-data.ts';
import type { DataOptions } from '../../../src/data/options.ts';
import type { StoredResult, StoredStepOfData } from '../../../src/storage/records.ts';
import type { ChangedData, DataName, EditsApi, RowsEdit } from '../../../src/worker/api.ts';
import { unasked, type DataSet } from '../../../src/worker/data/data.ts';
import { editsApi } from '../../../src/worker/edits/edits-api.ts';
import { Histories, revisionToOpen, type StepStore } from '../../../src/worker/edits/history.ts';
import { Looks } from '../../../src/worker/edits/looks.ts';
import { tryPattern, type PatternThread } from '../../../src/worker/edits/tried-pattern.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { Readings } from '../../../src/worker/projects/readings.ts';
import { RowSearches } from '../../../src/worker/data/row-searches.ts';
import type { Session } from '../../../src/worker/session.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { graftError } from '../expect-graft-error.ts';
import { openSprig } from './open-sprig.ts';

const OPTIONS: DataOptions = { maxLength: 64, overlong: 'drop', validation: 0.2, test: 0.2, seed: 1 };
const bytes = new TextEncoder().encode(
  Array.from({ length: 10 }, (_, i) => `{"prompt": "Say ${i}", "completion": "yes ${i}"}`).join('\n'),
);
const file = { name: 'rows.jsonl', bytes };
const model: OpenModel = await openSprig();

/** What a browser keeps. */
let kept: StoredStepOfData[];
let options: object | undefined;
let session: Pick<Session, 'data'>;
let histories: Histories;
let api: EditsApi;
let looks: Looks;

const store: StepStore = {
  list: async (projectId, version) =>
    structuredClone(kept.filter((step) => step.projectId === projectId && step.version === version)),
  last: async () => Math.max(0, ...kept.map(({ number }) => number)),
  keep: async (steps, set) => {
    for (const step of steps) kept = [...kept.filter(({ number }) => number !== step.number), step];
    options = set?.options ?? options;
  },
};

/** As the worker starts, or starts again after a reload. */
function start(): void {
  session = { data: undefined };
  histories = new Histories(store);
  let results: StoredResult[] = [];
  looks = new Looks(
    { id: 'p' },
    {
      list: () => Promise.resolve(results),
      put: (_, added) => {
        results = [...added];
        return Promise.resolve(true);
      },
    },
  );
  api = editsApi({
    ...{ session: session as Session, histories, looks },
    projects: { id: 'p' },
    readings: new Readings(),
    inTurn: (work) => work(),
    openOrThrow: () => Promise.resolve(model),
    openDataOrThrow: () => session.data!,
    find: (data, query, watch) => new RowSearches().find(data, query, model.tokenizer, undefined, watch),
  });
}

/** As the worker opens rows. */
async function open(how: DataOptions, keep?: Omit<DataName, 'name'>, version = 'a'): Promise<DataOptions> {
  const slices = new Slices(() => undefined, new AbortController().signal);
  const asked = { version, options: how, keep: { name: 'rows', ...keep } };
  const read = await revisionToOpen(asked, session, { id: 'p' }, histories);
  const changes = read.changes && { changes: read.changes };
  const { data } = await openData(model, file, read.options, changes, slices, session.data);
  session.data = { ...unasked(data), ref: { name: 'rows', version, created: 0 } };
  await histories.keep({ projectId: 'p', version }, read.steps);
  return read.options;
}

async function edit(wanted: RowsEdit): Promise<ChangedData> {
  const outcome = await api.editRows(wanted);
  if (!outcome.ok) throw new Error(outcome.what);
  return outcome;
}
async function goTo(version: number): Promise<void> {
  const outcome = await api.optionsOfVersion(version);
  if (!outcome.ok) throw new Error(outcome.what);
  await open(outcome.options);
}
const answers = ({ entries }: Pick<DataSet, 'entries'> = session.data!): string =>
  entries.map(({ example }) => (example?.kind === 'completion' ? example.completion : '')).join();
const write = (at: number, completion: string, amends?: number): RowsEdit => ({
  ...{ kind: 'write', at, content: { kind: 'completion', prompt: `Say ${at}`, completion } },
  ...(amends !== undefined && { amends }),
});
const ORIGINAL = 'yes 0,yes 1,yes 2,yes 3,yes 4,yes 5,yes 6,yes 7,yes 8,yes 9';

beforeEach(async () => {
  kept = [];
  options = undefined;
  start();
  await open(OPTIONS);
});

test('keeps a change at once, and has it after a reload', async () => {
  const { history, data } = await edit(write(3, 'no'));
  expect(history).toMatchObject({
    version: 2,
    steps: [{ number: 2, done: 'Line 4 is edited.', diff: { edited: 1 }, mends: false }],
  });
  expect(data.rows).toEqual({ train: 6, validation: 2, test: 2 });
  expect(options).toEqual({ ...OPTIONS, revision: 2 });
  start();
  await open(options as DataOptions);
  expect(answers()).toBe(ORIGINAL.replace('yes 3', 'no'));
});

test('changes no row of a test part that was looked at, until it is unlocked', async () => {
  const data = session.data!;
  await looks.add(data);
  const placeOf = (part: string): number => data.entries.findIndex((entry) => entry.part === part);
  const [asked, trained] = [placeOf('test'), placeOf('train')];
  const changes: RowsEdit[] = [
    write(asked, 'no'),
    { kind: 'delete', rows: [asked] },
    { kind: 'move', rows: [asked], part: 'train' },
    { kind: 'move', rows: [trained], part: 'test' },
  ];
  for (const change of changes) {
    const outcome = await api.editRows(change);
    expect(outcome).toMatchObject({ ok: false, code: 'test-locked' });
    expect(session.data).toBe(data);
  }
  expect(kept).toEqual([]);
  await edit(write(trained, 'no'));
  await looks.unlock(session.data!);
  await edit(write(asked, 'no'));
  expect(answers().match(/no/g)).toHaveLength(2);
});

test('has the earlier version again if a choice is taken back by hand', async () => {
  await edit(write(0, 'no'));
  const seven = await open({ ...session.data!.options!, seed: 7 }, { done: 'The split has the seed 7.' });
  expect(seven.revision).toBe(3);
  const back = await open({ ...seven, seed: OPTIONS.seed }, { done: 'The split has the old seed.' });
  expect(back).toEqual({ ...OPTIONS, revision: 2 });
  expect(answers()).toBe(ORIGINAL.replace('yes 0', 'no'));
});

test('undoes and redoes every step, a mend between changes of rows among them', async () => {
  await edit(write(0, 'no'));
  const mended = await open({ ...session.data!.options!, skip: [[2]] }, { done: 'Line 2 is left out.' });
  expect(mended).toMatchObject({ revision: 3, skip: [[2]] });
  await edit({ kind: 'delete', rows: [5, 6] });
  expect(answers()).toBe('no,yes 1,yes 2,yes 3,yes 4,yes 7,yes 8,yes 9');
  const history = await api.dataHistory();
  expect(history).toMatchObject({
    history: {
      version: 4,
      steps: [
        { mends: false },
        { done: 'Line 2 is left out.', mends: true },
        { done: '2 rows are deleted.' },
      ],
    },
  });

  await goTo(3);
  expect(answers()).toBe(ORIGINAL.replace('yes 0', 'no'));
  expect(session.data!.entries[1].state).toBe('skipped');
  await goTo(2);
  expect(session.data!.options).toEqual({ ...OPTIONS, revision: 2 });
  expect(session.data!.entries[1].part).toBeDefined();
  await goTo(1);
  expect([answers(), session.data!.options]).toEqual([ORIGINAL, OPTIONS]);
  expect(await api.dataHistory()).toMatchObject({ history: { steps: [], redo: { number: 2 } } });
  await goTo(4);
  expect(answers()).toBe('no,yes 1,yes 2,yes 3,yes 4,yes 7,yes 8,yes 9');
  expect(session.data!.entries[1].state).toBe('skipped');
});

test('undoes a mend without what a person chose since', async () => {
  await open({ ...OPTIONS, dropCopies: true }, { done: 'Copies are left out.' });
  await open({ ...session.data!.options!, seed: 9 });
  await goTo(1);
  expect(session.data!.options).toEqual({ ...OPTIONS, seed: 9 });
});

test('gives a change after an undo a number of its own, and the other branch stays', async () => {
  await edit(write(0, 'no'));
  await goTo(1);
  expect((await edit(write(1, 'never'))).history.version).toBe(3);
  expect(answers()).toBe(ORIGINAL.replace('yes 1', 'never'));
  await goTo(2);
  expect(answers()).toBe(ORIGINAL.replace('yes 0', 'no'));
});

test('takes no number that another tab has given', async () => {
  await edit(write(0, 'no'));
  const [step] = kept;
  kept.push({ ...step, number: 7 });
  expect((await edit(write(1, 'never'))).history.version).toBe(8);
  expect(kept.map(({ number }) => number)).toEqual([2, 7, 8]);
});

test('makes one step of a text that is kept while it is written', async () => {
  const { history } = await edit(write(0, 'n'));
  await edit(write(0, 'no', history.version));
  const last = await edit(write(0, 'now', history.version));
  expect(last.history).toMatchObject({ version: 2, steps: [{ number: 2, diff: { edited: 1 } }] });
  expect(kept).toHaveLength(1);
  await goTo(1);
  expect(answers()).toBe(ORIGINAL);
});

test('adds, duplicates and moves rows, and says where the row is', async () => {
  const added = await edit({ kind: 'add', after: 2 });
  expect(added.at).toBe(3);
  expect(added.history.steps.at(-1)?.done).toBe('Line 3 is duplicated.');
  expect(answers().startsWith('yes 0,yes 1,yes 2,yes 2,yes 3')).toBe(true);
  const moved = await edit({ kind: 'move', rows: [3], part: 'test' });
  expect(moved.history.steps.at(-1)).toMatchObject({ diff: { moved: 1, added: 0 } });
  expect(session.data!.entries[3].part).toBe('test');
  await edit({ kind: 'delete', rows: [3] });
  expect(answers()).toBe(ORIGINAL);
  await edit(write(3, 'no'));
  await edit({ kind: 'restore', at: 3 });
  expect(answers()).toBe(ORIGINAL);
});

test('replaces a text in the rows that the list shows, after saying in how many', async () => {
  const replacement = {
    ...{ find: 'yes', replace: 'no', matchCase: true, pattern: false, where: 'answers' as const },
  };
  const among = { text: 'Say 7' };
  expect(await api.findToReplace(replacement, among)).toMatchObject({
    found: { rows: 1, places: 1, refused: 0, examples: [{ line: 8, before: 'yes 7', after: 'no 7' }] },
  });
  expect(answers()).toBe(ORIGINAL);
  expect(await api.findToReplace({ ...replacement, find: 'yes 7', replace: '' }, {})).toMatchObject({
    found: { rows: 0, refused: 1 },
  });
  const { history } = await edit({ kind: 'replace', replacement, among: {} });
  expect(history.steps.at(-1)).toMatchObject({ diff: { edited: 10 } });
  expect(answers()).toBe(ORIGINAL.replaceAll('yes', 'no'));
});

test('tries a pattern that may take forever in a thread that can be ended, and refuses one that does not end', async () => {
  const tried: string[] = [];
  let ended = 0;
  const search = (find: string, ask: PatternThread['ask']): Promise<void> => {
    const replacement = { find, replace: '', matchCase: true, pattern: true, where: 'everywhere' as const };
    const start = async (): Promise<PatternThread> => {
      // To be fetched may take long, and is no time of the pattern.
      if (vi.isFakeTimers()) await new Promise((resolve) => setTimeout(resolve, 60_000));
      return { ask, end: () => ended++ };
    };
    return tryPattern(session.data!, replacement, [0, 1], new AbortController().signal, start);
  };
  const answering: PatternThread['ask'] = async ({ source, texts }) => {
    tried.push(source, ...texts);
  };
  await search('yes \\d', answering);
  expect(tried).toEqual([]);
  await search('(y|e|s)+', answering);
  expect(tried).toEqual(['(y|e|s)+', 'Say 0', 'yes 0', 'Say 1', 'yes 1']);
  vi.useFakeTimers();
  const late = search('(s+)+$', answering);
  await vi.runAllTimersAsync();
  await late;
  const refused = graftError(() => search('(s+)+$', () => new Promise(() => undefined)), 'replace-pattern');
  await vi.runAllTimersAsync();
  vi.useRealTimers();
  expect((await refused).what).toContain('takes too long on these rows');
  expect(ended).toBe(3);
});

test('changes nothing for a row that cannot be, and says why', async () => {
  const before = session.data;
  expect(await api.editRows(write(0, ' '))).toMatchObject({ ok: false, code: 'edit-row' });
  expect(await api.editRows({ kind: 'delete', rows: [...Array(10).keys()] })).toMatchObject({
    ...{ ok: false, code: 'data-rows' },
  });
  expect([session.data, kept]).toEqual([before, []]);
});

test('carries changes along when another file comes beside the rows, and drops those of a file that goes', async () => {
  await edit(write(0, 'no'));
  await edit({ kind: 'delete', rows: [1] });
  const changed = session.data!.options!;
  await open(changed, { earlier: { version: 'a' } }, 'b');
  expect(answers()).toBe(ORIGINAL.replace('yes 0', 'no').replace('yes 1,', ''));
  expect(await api.dataHistory()).toMatchObject({
    history: { version: 3, steps: [{ number: 3, diff: { edited: 1, deleted: 1 } }] },
  });
  // The file of these rows is the one that goes.
  await open(changed, { earlier: { version: 'b', gone: 0 } }, 'c');
  expect([answers(), session.data!.options]).toEqual([ORIGINAL, OPTIONS]);
});

test('refuses a version whose steps are not kept any more', async () => {
  await graftError(() => open({ ...OPTIONS, revision: 5 }), 'data-version');
});

test('keeps changes in memory and says so when the browser cannot keep them', async () => {
  const { GraftError } = await import('../../../src/errors.ts');
  const keep = store.keep;
  Object.assign(store, {
    keep: () => Promise.reject(new GraftError('storage-full', 'No room.', 'Free some.')),
  });
  const changed = await edit(write(0, 'no'));
  Object.assign(store, { keep });
  expect(changed.notKept?.code).toBe('storage-full');
  expect(answers()).toBe(ORIGINAL.replace('yes 0', 'no'));
  await goTo(1);
  expect(answers()).toBe(ORIGINAL);
});
