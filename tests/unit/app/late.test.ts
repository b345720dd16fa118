/** The worker answers late: what a person did meanwhile stays, and nothing is shown in another project. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Adapters } from '../../../src/app/use/adapters.svelte.ts';
import type { PreferencesState } from '../../../src/app/state/preferences.svelte.ts';
import type { ResultsState } from '../../../src/app/evaluate/results.svelte.ts';
import type { SessionState } from '../../../src/app/state/session.svelte.ts';
import type { Source } from '../../../src/app/data/source.ts';
import type { AdapterInfo, ChatSettings, DataOptions } from '../../../src/worker/api.ts';
import { held, withoutSvelte, type Held } from './runes.ts';
import { NO_PROJECT, rest, sessionWith, type Call } from './session-with.ts';

beforeAll(withoutSvelte);
afterAll(() => vi.unstubAllGlobals());

/** The chat that an export takes its settings from. */
const CHAT = { settings: {} as ChatSettings, givenSystem: '', asking: 'alone' } as const;

const ABORTED = { ok: false, code: 'worker-aborted', what: 'Stopped.', remedy: '' };
const OPTIONS: DataOptions = { maxLength: 96, overlong: 'truncate-end', validation: 0.1, test: 0, seed: 42 };

describe('rows', () => {
  const opened = (rows: number) => ({
    ok: true,
    version: `of ${rows} rows`,
    data: { rows: { train: rows, validation: 0, test: 0 }, listed: rows },
  });
  const fileOf = (name: string): File => new File([name], name);

  test('are open before a row is shown: the settings follow at once', async () => {
    const never = (): Promise<never> => new Promise(() => undefined);
    const { Data } = await import('../../../src/app/data/data.svelte.ts');
    const data = new Data(
      sessionWith({ openData: () => Promise.resolve(opened(3)), previewRow: never, listData: never }),
      NO_PROJECT,
    );
    expect(await data.openFile(fileOf('a.jsonl'))).toBe(true);
    expect(data.rows).toBe(3);
  });

  test('replace those that were asked for first, however late the first ones come', async () => {
    const kept = held<unknown>();
    const files: string[] = [];
    const { Data } = await import('../../../src/app/data/data.svelte.ts');
    const data = new Data(
      sessionWith({
        readData: () => kept.promise,
        openData: (file) => {
          files.push((file as { name: string }).name);
          return Promise.resolve(opened(files.length));
        },
      }),
      NO_PROJECT,
    );
    const first = data.openKept('old', []);
    const second = data.openFile(fileOf('new.jsonl'));
    expect(await second).toBe(true);
    kept.answer({ ok: true, set: { name: 'old', options: OPTIONS }, file: { name: 'old.jsonl' } });
    expect(await first).toBe(false);
    expect(files).toEqual(['new.jsonl']);
    expect([data.source?.name, data.reading]).toEqual(['new.jsonl', '']);
  });

  /** The list of these rows of a data set of ten, and the rows that were asked to be shown. */
  async function listOf(found: (query: { readonly state?: string }) => readonly number[], show?: Call) {
    const asked: unknown[] = [];
    const { Data } = await import('../../../src/app/data/data.svelte.ts');
    const { RowList } = await import('../../../src/app/data/rows.svelte.ts');
    const session = sessionWith({
      openData: () => Promise.resolve(opened(10)),
      listRows: (query) => {
        const rows = found(query as object).map((at) => ({ at }));
        return Promise.resolve({ ok: true, rows, total: rows.length });
      },
      previewRow: (at) => {
        asked.push(at);
        return show?.(at) ?? Promise.resolve({ ok: true, row: { at } });
      },
    });
    const data = new Data(session, NO_PROJECT);
    await data.openFile(fileOf('a.jsonl'));
    const list = new RowList(session, data);
    await list.settle(0);
    return { data, list, asked };
  }
  const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

  test('two steps lead two rows on, before the first is shown', async () => {
    const { list, asked } = await listOf(
      () => ALL,
      () => new Promise(() => undefined),
    );
    void list.go(list.place + 1);
    void list.go(list.place + 1);
    void list.go(list.place - 1);
    expect(asked).toEqual([0, 1, 2, 1]);
  });

  test('bring one into view that a filter leaves, and a step leads to the next of them', async () => {
    const { data, list } = await listOf(({ state }) => (state === 'ok' ? [3, 5, 8] : ALL));
    list.state = 'ok';
    await list.settle(0);
    expect([data.rowAt, list.place]).toEqual([3, 0]);
    await list.go(list.place + 1);
    expect([data.rowAt, list.place]).toEqual([5, 1]);
    list.clear();
    await list.settle(0);
    expect([data.rowAt, list.place]).toEqual([5, 5]);
  });

  test('keep the row in view if the filter finds it', async () => {
    const { data, list } = await listOf(({ state }) => (state === 'ok' ? [3, 5, 8] : ALL));
    await list.go(5);
    list.state = 'ok';
    await list.settle(0);
    expect([data.rowAt, list.place]).toEqual([5, 1]);
  });

  test('show the next of the filter once the one in view is left out, and the last one after the end', async () => {
    let left = [3, 5, 8];
    const { data, list } = await listOf(({ state }) => (state === 'ok' ? left : ALL));
    list.state = 'ok';
    await list.settle(0);
    await list.go(1);
    left = [3, 8];
    await list.settle(list.place);
    expect([data.rowAt, list.place]).toEqual([8, 1]);
    left = [3];
    await list.settle(list.place);
    expect([data.rowAt, list.place]).toEqual([3, 0]);
    left = [];
    await list.settle(list.place);
    expect(list.empty).toBe(true);
  });

  test('show a finding in the list of all, if the filter leaves its rows out', async () => {
    const { data, list } = await listOf(({ state }) => (state === 'ok' ? [3, 5, 8] : ALL));
    list.state = 'ok';
    await list.settle(0);
    await list.find(5);
    expect([data.rowAt, list.state]).toEqual([5, 'ok']);
    await list.find(4);
    expect([data.rowAt, list.state]).toEqual([4, undefined]);
  });

  test('the columns of the last look at a file are shown', async () => {
    const looks: Held<unknown>[] = [];
    const { Columns } = await import('../../../src/app/data/columns.svelte.ts');
    const session = sessionWith({
      inspectData: () => {
        looks.push(held());
        return looks.at(-1)!.promise;
      },
    });
    const source = { name: 'a.csv', file: { name: 'a.csv', bytes: new Uint8Array() } } as Source;
    const columns = new Columns(session, source, OPTIONS);
    const first = columns.change({ delimiter: ';' });
    const second = columns.change({ delimiter: '|' });
    looks[1].answer({ ok: true, sheet: { columns: ['by bars'], texts: [], rows: [] } });
    looks[0].answer({ ok: true, sheet: { columns: ['by semicolons'], texts: [], rows: [] } });
    await Promise.all([first, second]);
    expect(columns.sheet?.columns).toEqual(['by bars']);
  });
});

describe('chat', () => {
  const preferences = { count: 0 } as PreferencesState;
  const results = { keep: () => Promise.resolve() } as unknown as ResultsState;
  async function chatWith(session: SessionState) {
    const { Chat } = await import('../../../src/app/use/chat.svelte.ts');
    return new Chat(session, results, preferences);
  }

  test('is asked as the rows of the sides that were chosen last', async () => {
    const asked: Held<unknown>[] = [];
    const chat = await chatWith(
      sessionWith({
        taughtTurns: () => {
          asked.push(held());
          return asked.at(-1)!.promise;
        },
      }),
    );
    const first = chat.learnTurns(['base', 'a']);
    const second = chat.learnTurns(['base', 'b']);
    asked[1].answer({ ok: true, turns: 'of b' });
    asked[0].answer({ ok: true, turns: 'of a' });
    await Promise.all([first, second]);
    expect(chat.taught).toBe('of b');
  });

  test('takes the next question while the answers before it are being kept', async () => {
    const kept = held<undefined>();
    const waiting = { keep: () => kept.promise } as unknown as ResultsState;
    const { Chat } = await import('../../../src/app/use/chat.svelte.ts');
    const chat = new Chat(
      sessionWith({ chat: () => Promise.resolve({ ok: true, text: 'Me.', tokens: [], seconds: 1 }) }),
      waiting,
      preferences,
    );
    const first = chat.ask('Who is there?');
    kept.answer(undefined);
    await first;
    const again = held<undefined>();
    waiting.keep = () => again.promise;
    chat.turns = [];
    const second = chat.ask('And who else?');
    await rest();
    // The question itself is kept, and then its answers: the next one comes in between.
    waiting.keep = () => last.promise;
    const last = held<undefined>();
    again.answer(undefined);
    await rest();
    const third = chat.ask('And then?');
    last.answer(undefined);
    await Promise.all([second, third]);
    expect(chat.turns.map(({ prompt }) => prompt)).toEqual(['And who else?', 'And then?']);
  });

  test('shows nothing in the next project from one that was left', async () => {
    const model = held<boolean>();
    const begun: string[] = [];
    const chat = await chatWith(
      sessionWith({}, { ensureModel: () => model.promise, modelFailure: { code: 'model-missing' } }),
    );
    const answer = {
      adapter: 'base',
      text: 'Me.',
      state: 'done',
      tokens: [],
      tokenCount: 1,
      seconds: 1,
    } as const;
    chat.show({ turns: [{ prompt: 'Who?', answers: [answer, answer] }] });
    chat.begin = async (prompt) => void begun.push(prompt);
    const asked = chat.ask('Who is there?');
    chat.forget();
    model.answer(false);
    await asked;
    expect([chat.turns, chat.failure, chat.busy]).toEqual([[], undefined, false]);
    expect(begun).toEqual([]);
  });
});

describe('measurements', () => {
  test('say nothing in the next project after they were stopped by leaving one', async () => {
    const answer = held<unknown>();
    const results = { project: 'a', keep: () => Promise.resolve() };
    const { EvaluationState } = await import('../../../src/app/evaluate/evaluation.svelte.ts');
    const { FewShotState } = await import('../../../src/app/evaluate/few-shot.svelte.ts');
    const session = sessionWith({ evaluate: () => answer.promise, measureFewShot: () => answer.promise });
    const evaluation = new EvaluationState(session, results as unknown as ResultsState, 'evaluation');
    const fewShot = new FewShotState(session, results as unknown as ResultsState);
    const measured = evaluation.measure(['base'], { rows: 3 });
    const shown = fewShot.measure({ rows: 3 });
    results.project = 'b';
    for (const part of [evaluation, fewShot]) part.forget();
    answer.answer(ABORTED);
    expect(await measured).toBe(false);
    await shown;
    expect([evaluation.stopped, evaluation.progress, fewShot.stopped, fewShot.progress]).toEqual([
      '',
      undefined,
      '',
      undefined,
    ]);
  });
});

describe('adapters', () => {
  test('a name that was changed is there at once, and a late answer takes no later one back', async () => {
    const answers: Held<unknown>[] = [];
    const { Adapters: Library } = await import('../../../src/app/use/adapters.svelte.ts');
    const adapters: Adapters = new Library(
      sessionWith({
        listAdapters: () => new Promise(() => undefined),
        updateAdapter: () => {
          answers.push(held());
          return answers.at(-1)!.promise;
        },
      }),
      NO_PROJECT,
    );
    adapters.list = [{ id: 'a', name: 'voice 1', note: '' } as AdapterInfo];
    const first = adapters.change('a', { name: 'captain' });
    expect(adapters.nameOf('a')).toBe('captain');
    const second = adapters.change('a', { name: 'the captain' });
    answers[0].answer({ ok: true, adapter: { id: 'a', name: 'captain', note: '' } });
    await first;
    expect(adapters.nameOf('a')).toBe('the captain');
    answers[1].answer({ ok: true, adapter: { id: 'a', name: 'the captain', note: '' } });
    await second;
    expect(adapters.nameOf('a')).toBe('the captain');
  });

  test('the plan of a number format that is no longer chosen is dropped', async () => {
    const plans: Record<string, Held<unknown>> = { f16: held(), int8: held() };
    const { Exporting } = await import('../../../src/app/use/exporting.svelte.ts');
    const formats = [{ name: 'onnx', types: ['f16', 'int8'], type: 'f16' }];
    const exporting = new Exporting(
      sessionWith({
        exportFormats: () => Promise.resolve({ ok: true, formats }),
        planExport: (_, choice) => plans[(choice as { type: string }).type].promise,
      }),
      CHAT,
    );
    const first = exporting.ask({ id: 'a' } as AdapterInfo);
    await vi.waitFor(() => expect(exporting.type).toBe('f16'));
    const second = exporting.chooseType('int8');
    plans['int8'].answer({ ok: true, plan: { folder: 'small' } });
    await second;
    plans['f16'].answer({ ok: true, plan: { folder: 'large' } });
    await first;
    expect(exporting.plan?.folder).toBe('small');
  });

  test('an export that was closed stays closed when its base is open', async () => {
    const model = held<boolean>();
    const { Exporting } = await import('../../../src/app/use/exporting.svelte.ts');
    const exporting = new Exporting(
      sessionWith(
        {
          exportFormats: () => Promise.resolve({ ok: true, formats: [{ name: 'gguf' }] }),
          planExport: () =>
            Promise.resolve({
              ok: true,
              otherBase: { baseModel: 'm', model: { name: 'm', bundled: false } },
            }),
        },
        { openKept: () => model.promise },
      ),
      CHAT,
    );
    await exporting.ask({ id: 'a' } as AdapterInfo);
    const opening = exporting.openBase();
    exporting.close();
    model.answer(true);
    await opening;
    expect(exporting.adapter).toBeUndefined();
  });
});

test('a model that comes when another project is open is not taken for that one', async () => {
  const models: Record<string, Held<unknown>> = { a: held(), b: held() };
  const call = (name: string) => models[name].promise;
  vi.doMock('../../../src/app/worker.ts', () => ({
    startWorker: () => sessionWith({ openKeptModel: (name) => call(name as string) }).worker,
  }));
  vi.resetModules();
  const { SessionState: Open } = await import('../../../src/app/state/session.svelte.ts');
  const session = new Open();
  const told: string[] = [];
  session.whenOpened = ({ name }) => told.push(name);
  session.want({ name: 'a', bundled: false });
  const first = session.ensureModel();
  session.want({ name: 'b', bundled: false });
  const second = session.ensureModel();
  const opened = (name: string) => ({
    ok: true,
    model: { name, bundled: false, content: name, fingerprint: name, baseWeights: { matrices: 'f16' } },
  });
  models['a'].answer(opened('a'));
  expect(await first).toBe(false);
  expect([session.model, session.wanted.name, told]).toEqual([undefined, 'b', []]);
  models['b'].answer(opened('b'));
  expect(await second).toBe(true);
  expect([session.model?.name, told]).toEqual(['b', ['b']]);
  vi.doUnmock('../../../src/app/worker.ts');
  vi.resetModules();
});

test('an ended run does not replace the one that is on the screen by then', async () => {
  const ended = held<unknown>();
  const runOf = (id: string) => ({
    id,
    status: 'paused',
    options: { name: id },
    steps: [],
    evals: [],
    samples: [],
  });
  const { Run } = await import('../../../src/app/train/run.svelte.ts');
  const run = new Run(
    sessionWith(
      {
        readRun: (id) => Promise.resolve({ ok: true, run: runOf(id as string) }),
        endRun: () => ended.promise,
      },
      { want: () => undefined },
    ),
    () => undefined,
  );
  await run.show({ id: 'a' } as never);
  const stopped = run.stop();
  await rest();
  await run.show({ id: 'b' } as never);
  ended.answer({ ok: true, run: { ...runOf('a'), status: 'stopped' } });
  await stopped;
  expect([run.record?.id, run.status]).toEqual(['b', 'paused']);
});

test('two things that are worth keeping make one project', async () => {
  const made = held<unknown>();
  let asked = 0;
  vi.stubGlobal('addEventListener', () => undefined);
  const { ProjectsState: List } = await import('../../../src/app/state/projects.svelte.ts');
  const projects = new List(
    sessionWith(
      {
        createProject: () => {
          asked++;
          return made.promise;
        },
      },
      { wanted: { name: 'sprig', bundled: true } },
    ),
  );
  const both = [projects.create('a'), projects.create('b')];
  made.answer({ ok: true, project: { id: '1', name: 'a', page: {}, place: 'task', changed: 1 } });
  expect((await Promise.all(both)).map((project) => project?.id)).toEqual(['1', '1']);
  expect(asked).toBe(1);
});
