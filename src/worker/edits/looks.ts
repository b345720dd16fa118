/** How often the test part was looked at: each evaluation of something tuned is a look, and a choice by many looks fits the test rows. */
import { ROWS_FILE } from '../../data/parts.ts';
import { isTextDocument } from '../../data/row-set.ts';
import { identityOf } from '../../data/statistics.ts';
import { GraftError } from '../../errors.ts';
import { times } from '../../numbers.ts';
import { listResults, putResults } from '../../storage/results.ts';
import type { GraftWorker, TestLooks } from '../api.ts';
import type { DataSet } from '../data/data.ts';
import { outcome } from '../outcome.ts';
import type { Projects } from '../projects/projects.ts';
import type { Session } from '../session.ts';

/** The looks at one test part. */
interface Looked {
  readonly test: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly last: number;
}

/** Where looks are kept; tests have their own. */
export interface LookStore {
  readonly list: typeof listResults;
  readonly put: typeof putResults;
}

/** Names the test part by its rows, however the other rows are divided: SHA-256 in hex. Rows of a large file are not read for it: their hashes name them. Undefined without test rows. */
export async function testPartOf({ places }: Pick<DataSet, 'places'>): Promise<string | undefined> {
  const rows = places
    .filter(({ part }) => part === 'test')
    .map((place) => {
      if (place.large) return place.identity!;
      const { example } = place;
      return example && !isTextDocument(example) ? identityOf(example) : place.row.ids.join(' ');
    });
  if (rows.length === 0) return undefined;
  const bytes = new TextEncoder().encode(JSON.stringify(rows.sort()));
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** Whether two sets of rows have the same file of rows, whatever files are next to it: then another test part is another choice of test rows. */
export function haveSameRows(before: Pick<DataSet, 'files'>, after: Pick<DataSet, 'files'>): boolean {
  const [had, has] = [before, after].map(({ files }) => files?.[ROWS_FILE]?.version);
  return had !== undefined && had === has;
}

export class Looks {
  /** The test part that a person lets change. */
  #unlocked: string | undefined;

  constructor(
    private readonly projects: Pick<Projects, 'id'>,
    private readonly store: LookStore = { list: listResults, put: putResults },
  ) {}

  async #all(projectId = this.projects.id): Promise<readonly Looked[]> {
    const results = projectId === undefined ? [] : await this.store.list(projectId);
    const kept = results.find(({ kind }) => kind === 'looks')?.value as
      { tests?: readonly Looked[] } | undefined;
    return kept?.tests ?? [];
  }

  /** The looks at the test part of these rows. */
  async at(data: Pick<DataSet, 'places'>): Promise<TestLooks> {
    const all = await this.#all();
    // To name the rows of a large file takes a while.
    const test = all.length > 0 ? await testPartOf(data) : undefined;
    const found = all.find((one) => one.test === test);
    return {
      ...{ count: found?.count ?? 0, locked: found !== undefined && test !== this.#unlocked },
      ...(found && { last: found.last }),
    };
  }

  /** Lets the test part of these rows be changed, until the page is closed. */
  async unlock(data: Pick<DataSet, 'places'>): Promise<void> {
    this.#unlocked = await testPartOf(data);
  }

  /** @throws GraftError `test-locked` if a change would give a locked test part other rows */
  async guard(before: Pick<DataSet, 'places'>, after: Pick<DataSet, 'places'>): Promise<void> {
    const { count, locked } = await this.at(before);
    if (!locked || (await testPartOf(before)) === (await testPartOf(after))) return;
    throw new GraftError(
      'test-locked',
      `This would change the rows of the test part, which was looked at ${times(count)}.`,
      'Unlock the test part to do so. Compare no result with those of before then.',
    );
  }

  /** Counts a look. Nothing is counted without a project to keep it in. @param projectId of the rows; that of the open project if left out */
  async add(data: Pick<DataSet, 'places'>, projectId = this.projects.id): Promise<void> {
    const test = await testPartOf(data);
    if (test === undefined || projectId === undefined) return;
    const all = await this.#all(projectId);
    const count = (all.find((one) => one.test === test)?.count ?? 0) + 1;
    const changed = Date.now();
    const tests = [...all.filter((one) => one.test !== test), { test, count, last: changed }];
    await this.store.put(projectId, [{ projectId, kind: 'looks', changed, value: { tests } }]);
  }
}

/** The calls about looks. */
export type LooksApi = 'testLooks' | 'unlockTest';

/** The API with every evaluation of something tuned counted as a look at the test part. */
export function countingLooks(
  api: Omit<GraftWorker, LooksApi>,
  session: Pick<Session, 'data'>,
  looks: Looks,
): GraftWorker {
  const counted = async <Result extends { readonly ok: boolean }>(
    isLook: boolean,
    work: () => Promise<Result>,
  ): Promise<Result> => {
    const { data } = session;
    const result = await work();
    // An evaluation counts even if the count cannot be kept: the storage says so elsewhere.
    if (isLook && result.ok && data) await outcome(() => looks.add(data).then(() => ({})));
    return result;
  };
  return {
    ...api,
    evaluate: (adapters, ...others) => counted(adapters.length > 0, () => api.evaluate(adapters, ...others)),
    measureFewShot: (shots, sample, onProgress, adapter, signal) =>
      counted(adapter !== undefined && adapter !== 'base', () =>
        api.measureFewShot(shots, sample, onProgress, adapter, signal),
      ),
    measureTuned: (...asked) => counted(true, () => api.measureTuned(...asked)),
    lossOfMixture: (...asked) => counted(true, () => api.lossOfMixture(...asked)),
    testLooks: () =>
      outcome(async () => ({
        looks: session.data ? await looks.at(session.data) : { count: 0, locked: false },
      })),
    unlockTest: () =>
      outcome(async () => {
        if (session.data) await looks.unlock(session.data);
        return {};
      }),
  };
}
