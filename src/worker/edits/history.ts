/** The history of a data set: versions of its rows, each made by a step. Held in memory, and every step is kept in the project at once. */
import type { DataOptions } from '../../data/options.ts';
import { TEST_FILE } from '../../data/parts.ts';
import {
  changesAfter,
  diffOf,
  FIRST_VERSION,
  stepsTo,
  type RowChoices,
  type DataStep,
  type RowChanges,
} from '../../data/row-changes.ts';
import { keepDataSteps, lastDataStep, listDataSteps } from '../../storage/data-steps.ts';
import type { StoredStepOfData } from '../../storage/records.ts';
import type { DataHistory, DataName, StepInfo } from '../api.ts';
import type { Projects } from '../projects/projects.ts';
import type { Session } from '../session.ts';

/** Where steps are kept; tests have their own. */
export interface StepStore {
  readonly list: typeof listDataSteps;
  readonly last: typeof lastDataStep;
  readonly keep: typeof keepDataSteps;
}
const STORE: StepStore = { list: listDataSteps, last: lastDataStep, keep: keepDataSteps };

/** Names a data set. */
export interface SetKey {
  readonly projectId: string | undefined;
  /** Of its files. */
  readonly version: string;
}

export type NewStep = Pick<DataStep, 'done' | 'diff' | 'rows' | 'options'>;

const nameOf = ({ projectId, version }: SetKey): string => `${projectId ?? ''} ${version}`;

/** The version of the rows that options name. */
export const revisionOf = ({ revision = FIRST_VERSION }: Pick<DataOptions, 'revision'>): number => revision;

/** Options at a version: the first one is not named, as in data sets of earlier versions of Graft. */
export function withRevision({ revision: _, ...options }: DataOptions, number: number): DataOptions {
  return number === FIRST_VERSION ? options : { ...options, revision: number };
}

/** Sets what a step changed in the options. */
export function withRowChoices(options: DataOptions, choices: RowChoices): DataOptions {
  const entries = Object.entries({ ...options, ...choices }).filter(([, value]) => value !== null);
  return Object.fromEntries(entries) as unknown as DataOptions;
}

/** What differs between two ways to read rows, each way; undefined if nothing does. */
export function choicesBetween(from: DataOptions, to: DataOptions): DataStep['options'] {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])] as (keyof DataOptions)[];
  const changed = keys.filter(
    (key) => key !== 'revision' && JSON.stringify(from[key]) !== JSON.stringify(to[key]),
  );
  if (changed.length === 0) return undefined;
  const only = (options: DataOptions): RowChoices =>
    Object.fromEntries(changed.map((key) => [key, options[key] ?? null]));
  return { before: only(from), after: only(to) };
}

export class Histories {
  readonly #known = new Map<string, Promise<Map<number, DataStep>>>();

  constructor(private readonly store: StepStore = STORE) {}

  /** The steps of a data set, by the versions that they made. @throws as `database` does */
  stepsOf(key: SetKey): Promise<Map<number, DataStep>> {
    const name = nameOf(key);
    const known = this.#known.get(name);
    if (known) return known;
    const read = this.#read(key);
    this.#known.set(name, read);
    read.catch(() => this.#known.delete(name));
    return read;
  }

  async #read({ projectId, version }: SetKey): Promise<Map<number, DataStep>> {
    const kept = projectId === undefined ? [] : await this.store.list(projectId, version);
    return new Map(kept.map((step) => [step.number, step as unknown as DataStep]));
  }

  /** Forgets what is held: another tab may have changed it, or it was deleted. */
  forget(): void {
    this.#known.clear();
  }

  /** What was changed in the rows of a version. @throws GraftError `data-version` */
  async changesOf(key: SetKey, version: number): Promise<RowChanges | undefined> {
    if (version === FIRST_VERSION) return undefined;
    return changesAfter(new Map(), stepsTo(await this.stepsOf(key), version));
  }

  /** A step to a new version. It is not known until it is kept. */
  async next(key: SetKey, parent: number, step: NewStep): Promise<DataStep> {
    const steps = await this.stepsOf(key);
    const { projectId, version } = key;
    // Another tab may have added steps since these were read.
    const last = projectId === undefined ? 0 : await this.store.last(projectId, version);
    const number = Math.max(FIRST_VERSION, last, ...steps.keys()) + 1;
    return { number, parent, created: Date.now(), ...step };
  }

  /**
   * Adds steps and keeps them, and the options of the data set after them.
   *
   * @param after how the rows are read now, and how many there are; left out if that is kept elsewhere
   * @throws as `database` does; the steps are known nevertheless, until the page is closed
   */
  async keep(
    key: SetKey,
    added: readonly DataStep[],
    after?: { readonly options: DataOptions; readonly rows: number },
  ): Promise<void> {
    const steps = await this.stepsOf(key);
    for (const step of added) steps.set(step.number, step);
    const { projectId, version } = key;
    if (projectId === undefined) return;
    await this.store.keep(
      added.map((step) => ({ projectId, version, ...step }) satisfies StoredStepOfData),
      after && { projectId, version, ...after },
    );
  }

  /** The history as the page shows it. @throws GraftError `data-version` */
  async infoOf(key: SetKey, version: number): Promise<DataHistory> {
    const steps = await this.stepsOf(key);
    const later = [...steps.values()].filter(({ parent }) => parent === version);
    const redo = later.sort((a, b) => b.number - a.number).at(0);
    return {
      version,
      steps: stepsTo(steps, version).map(stepInfo),
      ...(redo && { redo: stepInfo(redo) }),
    };
  }
}

function stepInfo({ number, created, done, diff, options }: DataStep): StepInfo {
  return { number, created, done, ...(diff && { diff }), mends: options !== undefined };
}

/** What a data set is opened with. */
interface Reopening {
  readonly options: DataOptions;
  readonly changes?: RowChanges;
  /** New steps, to be kept when it is open. */
  readonly steps: readonly DataStep[];
}

/**
 * The changes of the rows that are about to be opened. Reading the open rows in another way, for a reason with words, is a step; rows with other files
 * next to them have the changes that they had before, as one step.
 *
 * @throws GraftError `data-version`
 */
export async function revisionToOpen(
  {
    version,
    options,
    keep,
  }: { readonly version: string; readonly options: DataOptions; readonly keep?: DataName },
  { data }: Pick<Session, 'data'>,
  { id: projectId }: Pick<Projects, 'id'>,
  histories: Histories,
): Promise<Reopening> {
  const key = { projectId, version };
  const parent = revisionOf(options);
  const earlier = keep?.earlier;
  if (parent !== FIRST_VERSION && earlier && earlier.version !== version) {
    const steps = await histories.stepsOf(key);
    if (!steps.has(parent))
      return carried(
        await histories.changesOf({ projectId, version: earlier.version }, parent),
        options,
        earlier,
      );
  }
  const changes = await histories.changesOf(key, parent);
  const isOpen = data?.ref?.version === version && data.options !== undefined;
  const choices = isOpen ? choicesBetween(data.options, options) : undefined;
  if (keep?.done === undefined || !choices) return { options, steps: [], ...(changes && { changes }) };
  const before = await sameBefore(key, parent, { from: data!.options!, to: options }, histories);
  if (before !== undefined)
    return { options: withRevision(options, before), steps: [], ...(changes && { changes }) };
  const step = await histories.next(key, parent, { done: keep.done, options: choices });
  return { options: withRevision(options, step.number), steps: [step], ...(changes && { changes }) };
}

/** The earlier version whose rows are read as asked, if only ways to read them changed since: who takes a choice back by hand has that version again. */
async function sameBefore(
  key: SetKey,
  version: number,
  { from, to }: { readonly from: DataOptions; readonly to: DataOptions },
  histories: Histories,
): Promise<number | undefined> {
  const steps = await histories.stepsOf(key);
  let options = from;
  for (let step = steps.get(version); step?.options && !step.rows; step = steps.get(step.parent)) {
    options = withRowChoices(options, step.options.before);
    if (!choicesBetween(options, to)) return step.parent;
  }
  return undefined;
}

/** Changes of rows that now have other files next to them. A file that is gone takes its changes along, and later files move up. */
function carried(
  changes: RowChanges | undefined,
  options: DataOptions,
  { gone }: NonNullable<DataName['earlier']>,
): Reopening {
  const rows = [...(changes?.values() ?? [])]
    .filter(({ file }) => file !== gone)
    .map((row) =>
      gone !== undefined && gone > TEST_FILE && row.file > gone ? { ...row, file: row.file - 1 } : row,
    );
  if (rows.length === 0) return { options: withRevision(options, FIRST_VERSION), steps: [] };
  const step: DataStep = {
    ...{ number: revisionOf(options), parent: FIRST_VERSION, created: Date.now() },
    done: 'The changes from before another file was added or taken away.',
    ...{ rows, diff: diffOf(rows, new Map()) },
  };
  return { options, steps: [step], changes: changesAfter(new Map(), [step]) };
}
