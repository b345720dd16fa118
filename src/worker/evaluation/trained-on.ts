/** How many of the measured rows an adapter was trained on: another split turns training rows into test rows. */
import { GraftError } from '../../errors.ts';
import { countSeen, SeenRows } from '../../evaluate/seen.ts';
import { findAdapter } from '../../storage/adapters.ts';
import { readRun } from '../../storage/runs.ts';
import type { Trained } from '../../evaluate/record.ts';
import type { StoredAdapter } from '../../storage/records.ts';
import type { AdapterChoice, DataOptions, Seen } from '../api.ts';
import { hasExample, placesOf, type Entry, type RowSet } from '../../data/row-set.ts';
import { keptRows, type KeptRows } from '../edits/kept-rows.ts';
import type { OpenModel } from '../models/model.ts';
import { questionsOf } from '../../data/questions.ts';
import type { Session } from '../session.ts';
import type { Slices } from '../slices.ts';

/** The rows of an adapter or a run, as they are kept. */
export type TrainedOn = Pick<StoredAdapter, 'projectId' | 'runId' | 'data' | 'dataOptions'>;

/** Missing for the base model, which was not trained here. */
export async function trainedOn({ current }: Session, choice: AdapterChoice): Promise<TrainedOn | undefined> {
  if (choice === 'base') return undefined;
  const chosen = choice === 'current' ? current : choice;
  if (!chosen) return undefined;
  return 'live' in chosen ? chosen.trainedOn() : findAdapter(chosen.id);
}

/** The recipe and the seed of a run, which is equal for runs that differ in nothing but the seed; undefined if they are not kept. */
export async function recipeOfRun({ runId, data, dataOptions }: TrainedOn): Promise<Trained | undefined> {
  const kept = runId === undefined ? undefined : await readRun(runId);
  if (!kept || !data) return undefined;
  const { seed, ...settings } = kept.run.settings as { readonly seed?: unknown };
  if (typeof seed !== 'number') return undefined;
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  const same = JSON.stringify([sorted, kept.run.modelFingerprint, data.version, dataOptions]);
  return { recipe: hexOf(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(same))), seed };
}

const hexOf = (bytes: ArrayBuffer): string =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * @param asked indices of the questions that are asked
 * @param slices reports progress if the rows have to be read again
 * @param read gives the files of a data set that a project keeps
 * @throws GraftError `worker-aborted`
 */
export async function seenRows(
  { projectId, runId, data: ref, dataOptions }: TrainedOn,
  data: RowSet,
  asked: readonly number[],
  open: OpenModel,
  slices: Slices,
  read: (version: string, options: DataOptions) => Promise<KeptRows | undefined> = (version, how) =>
    keptRows(projectId, version, how),
): Promise<Seen> {
  if (runId === undefined) return 'imported';
  if (!ref || !dataOptions) return 'before';
  if (!data.options) return 'rows';
  const options = dataOptions as DataOptions;
  const sameFile = ref.version === data.ref?.version;
  const trained =
    sameFile && JSON.stringify(options) === JSON.stringify(data.options)
      ? data
      : await openAgain(() => read(ref.version, options), options, open, slices, data);
  if (!trained) return 'rows';
  const isWhole = (entry: Entry): boolean => !hasExample(entry);
  // Another cut gives a document other rows, which cannot be matched.
  if (options.maxLength !== data.options.maxLength && [...data.places, ...trained.places].some(isWhole))
    return 'rows';
  const train = placesOf(trained, 'train');
  const test = placesOf(data, 'test');
  const chat = open.tokenizer.chatTemplate !== undefined;
  // In the order of the questions: not every row has one. Where all rows are prompts alone, each is asked.
  const asking =
    data.questions.length === 0
      ? test
      : test.filter(
          (place) =>
            place.large?.hasQuestion ?? (place.example && questionsOf([place.example], chat).length > 0),
        );
  const seen = new SeenRows();
  for (const row of train) seen.add(row, sameFile);
  return countSeen(
    [seen],
    test,
    asked.map((at) => asking[at]),
  );
}

/** The rows as they were split for training; undefined if they are not kept, or cannot be read any more. */
async function openAgain(
  read: () => Promise<KeptRows | undefined>,
  options: DataOptions,
  open: OpenModel,
  slices: Slices,
  known: RowSet,
): Promise<RowSet | undefined> {
  const { openData } = await import('../../data/open-data.ts');
  try {
    const files = await read();
    if (!files) return undefined;
    return (await openData(open, files.file, options, files, slices, known)).data;
  } catch (error) {
    if (!(error instanceof GraftError) || error.code === 'worker-aborted') throw error;
    return undefined;
  }
}
