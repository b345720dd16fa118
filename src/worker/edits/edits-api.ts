/** The worker's API for changes of the open rows. */
import { changesAfter, diffOf, stepsTo, type RowChanges } from '../../data/row-changes.ts';
import { GraftError } from '../../errors.ts';
import { replacer } from '../../data/replace.ts';
import { changesFileOf } from '../../runs/headless-command.ts';
import { unasked, type DataSet } from '../data/data.ts';
import type { ChangedData, EditQuery, EditsApi, Failure, OnProgress, Replacement, RowsEdit } from '../api.ts';
import type { OpenModel } from '../models/model.ts';
import { failureOf, listener, outcome } from '../outcome.ts';
import type { Projects } from '../projects/projects.ts';
import type { Readings } from '../projects/readings.ts';
import type { Session } from '../session.ts';
import { Slices, type SliceWatch } from '../slices.ts';
import { unstopped } from '../stopping.ts';
import type { FoundToReplace } from './edit-rows.ts';
import type { Looks } from './looks.ts';
import { revisionOf, withRowChoices, withRevision, type Histories, type SetKey } from './history.ts';

interface Rooms {
  readonly session: Session;
  readonly projects: Pick<Projects, 'id'>;
  readonly histories: Histories;
  readonly looks: Pick<Looks, 'guard'>;
  readonly readings: Readings;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly openOrThrow: () => Promise<OpenModel>;
  readonly openDataOrThrow: () => DataSet;
  /** Places of the rows that a query finds. */
  readonly find: (data: DataSet, query: EditQuery, watch: SliceWatch) => Promise<readonly number[]>;
}

/** The calls of the page that change rows, undo and redo. Each catches what it throws and returns it as a failure. */
export function editsApi(rooms: Rooms): EditsApi {
  const { session, projects, histories, looks, readings, inTurn, openOrThrow, openDataOrThrow, find } = rooms;

  /** @throws GraftError `edit-run-rows` */
  const keyOf = ({ ref, files, options }: DataSet): SetKey => {
    if (ref && files && options) return { projectId: projects.id, version: ref.version };
    throw new GraftError(
      'edit-run-rows',
      'These rows came back with a run, and cannot be edited.',
      'Open their file again.',
    );
  };

  /** What a replacement would change. @throws GraftError `replace-pattern`, `worker-aborted` */
  const toReplace = async (
    data: DataSet,
    replacement: Replacement,
    among: EditQuery,
    watch: SliceWatch,
  ): Promise<FoundToReplace> => {
    const [{ findingToReplace }, { tryPattern }] = await Promise.all([
      import('./edit-rows.ts'),
      import('./tried-pattern.ts'),
    ]);
    replacer(replacement);
    const rows = await find(data, among, watch);
    await tryPattern(data, replacement, rows, watch.signal);
    const slices = new Slices(watch.onProgress, watch.signal);
    return slices.through('searching', rows.length, findingToReplace(data, replacement, rows));
  };

  const edit = async (wanted: RowsEdit, watch: SliceWatch): Promise<ChangedData> => {
    const slices = new Slices(watch.onProgress, watch.signal);
    const [open, data] = [await openOrThrow(), openDataOrThrow()];
    const key = keyOf(data);
    const [{ editedRows }, { divideOpen }] = await Promise.all([
      import('./edit-rows.ts'),
      import('../../data/open-data.ts'),
    ]);
    const found =
      wanted.kind === 'replace' ? await toReplace(data, wanted.replacement, wanted.among, watch) : undefined;
    const steps = await histories.stepsOf(key);
    const { rows, done, shows } = editedRows(data, wanted, steps.values(), found?.changed);
    const options = data.options!;
    const at = revisionOf(options);
    // A text that is still being written is one step, however often it is kept.
    const same = 'amends' in wanted && wanted.amends === at ? steps.get(at) : undefined;
    const before: RowChanges =
      (same ? await histories.changesOf(key, same.parent) : data.changes) ?? new Map();
    const diff = diffOf(rows, before);
    const step = same ? { ...same, rows, diff } : await histories.next(key, at, { done, rows, diff });
    const now = withRevision(options, step.number);
    const { name, path, heldOut, more, files = [] } = data;
    const { data: changed, summary } = await divideOpen(
      open,
      {
        ...{ name, files, options: now },
        ...(path !== undefined && { path }),
        ...(heldOut && { heldOut }),
        ...(more && { more }),
      },
      slices,
      changesAfter(before, [step]),
      data,
    );
    await looks.guard(data, changed);
    if (session.data !== data)
      throw new GraftError('edit-other', 'Other rows were opened meanwhile.', 'Edit the row again.');
    // The base is asked again: its answers are kept by their places.
    session.data = { ...unasked(changed), ref: data.ref && { ...data.ref, revision: step.number } };
    const { train, validation, test } = summary.rows;
    let notKept: Failure | undefined;
    try {
      await histories.keep(key, [step], { options: now, rows: train + validation + test });
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      notKept = failureOf(error);
    }
    const place = shows
      ? changed.entries.findIndex(({ file, line }) => file === shows.file && line === shows.line)
      : -1;
    return {
      ...{ data: summary, options: now },
      history: await histories.infoOf(key, step.number),
      ...(place >= 0 && { at: place }),
      ...(notKept && { notKept }),
    };
  };

  return {
    dataHistory: () =>
      outcome(async () => {
        const data = openDataOrThrow();
        return { history: await histories.infoOf(keyOf(data), revisionOf(data.options!)) };
      }),
    writableRow: (at) =>
      outcome(async () => {
        const { writableRow } = await import('./edit-rows.ts');
        return { row: writableRow(openDataOrThrow(), at) };
      }),
    editRows: (wanted, onProgress?: OnProgress) =>
      outcome(() =>
        readings.run(inTurn, (signal) => edit(wanted, { onProgress: listener(onProgress), signal })),
      ),
    optionsOfVersion: (version) =>
      outcome(async () => {
        const data = openDataOrThrow();
        const steps = await histories.stepsOf(keyOf(data));
        const from = stepsTo(steps, revisionOf(data.options!));
        const to = stepsTo(steps, version);
        let shared = 0;
        while (shared < Math.min(from.length, to.length) && from[shared].number === to[shared].number)
          shared++;
        const choices = [
          ...from
            .slice(shared)
            .reverse()
            .map((step) => step.options?.before),
          ...to.slice(shared).map((step) => step.options?.after),
        ];
        const options = choices.reduce<NonNullable<DataSet['options']>>(
          (given, choice) => withRowChoices(given, choice ?? {}),
          data.options!,
        );
        return { options: withRevision(options, version) };
      }),
    exportChanges: () =>
      outcome(async () => {
        const data = openDataOrThrow();
        const { writeRowChanges } = await import('../../data/row-changes-file.ts');
        const text = writeRowChanges(data.changes ?? new Map());
        return { fileName: changesFileOf(data), file: new Blob([text], { type: 'application/json' }) };
      }),
    findToReplace: (replacement, among, onProgress, signal = unstopped()) =>
      outcome(async () => {
        const watch = { onProgress: listener(onProgress), signal };
        const { changed: _, ...found } = await toReplace(openDataOrThrow(), replacement, among, watch);
        return { found };
      }),
  };
}
