/** The rows of a run, and what of them is stored: those of a large file are read again from their project. */
import { onlyTask, placesOf, rowsOf, rowsOfPlaces, type RowSet } from '../../data/row-set.ts';
import type { Part } from '../../data/parts.ts';
import type { PreparedRow } from '../../data/prepare.ts';
import type { Question } from '../../data/questions.ts';
import { GraftError } from '../../errors.ts';
import { itemsOf, type List } from '../../lists.ts';
import { objectiveOf } from '../../objectives/registry.ts';
import { askedRow } from '../../runs/asked-rows.ts';
import type { FormSpec } from '../../settings/spec.ts';
import type { StoredRows, StoredRun } from '../../storage/records.ts';
import type { DataOptions } from '../api.ts';
import { unasked, type DataSet } from '../data/data.ts';
import { keptRows } from '../edits/kept-rows.ts';
import type { OpenModel } from '../models/model.ts';
import type { Slices } from '../slices.ts';

/** The rows of a run by their parts; those of a large file are made as they are taken. */
export interface RowsOfRun extends Readonly<Record<Part, List<PreparedRow>>> {
  readonly questions: List<Question>;
}

const PARTS = ['train', 'validation', 'test'] as const;

/** The data of a run: with the texts of their prompts, if answers are sampled to them. */
export function askedRows(data: RowSet, { objective }: Pick<FormSpec, 'objective'>): RowsOfRun {
  const { samples } = objectiveOf(objective);
  const rowsIn = (part: Part): List<PreparedRow> =>
    samples
      ? rowsOfPlaces(placesOf(data, part), ({ row, example }) => askedRow(row, example))
      : rowsOf(data, part);
  return {
    train: rowsIn('train'),
    validation: rowsIn('validation'),
    test: rowsOf(data, 'test'),
    questions: data.questions,
  };
}

/** What a run keeps of its rows, so that it can be resumed after a reload. @param isLarge whether they are those of a large file */
export function rowsToKeep({ questions, ...parts }: RowsOfRun, isLarge: boolean): StoredRows {
  const { train, validation, test } = parts;
  if (isLarge)
    return {
      ...{ train: [], validation: [], test: [], questions: [] },
      large: { train: train.length, validation: validation.length, test: test.length },
    };
  const held = <Item>(list: List<Item>): Item[] => [...itemsOf(list)];
  return {
    ...{ train: held(train), validation: held(validation), test: held(test) },
    questions: held(questions),
  };
}

/** Whether some rows are of a large file. */
export const hasLarge = ({ places }: Pick<RowSet, 'places'>): boolean => places.some(({ large }) => large);

/**
 * The data set of a run whose rows are those of a large file: the open one if it is the same, or else read again from the project.
 *
 * @param open the model of the run, without tokens that it adds
 * @throws GraftError `run-rows` if it is not kept any more, or reads otherwise now; as `openData`
 */
export async function largeDataOf(
  { projectId, data: ref, dataOptions, dataName }: StoredRun,
  open: OpenModel,
  known: DataSet | undefined,
  slices: Slices,
): Promise<DataSet> {
  const options = dataOptions as DataOptions | undefined;
  const isOpen =
    known?.modelContent === open.content &&
    known.ref?.version === ref?.version &&
    JSON.stringify(known.options) === JSON.stringify(options);
  if (isOpen) return known;
  const kept = ref && options && (await keptRows(projectId, ref.version, options));
  if (!kept) throw lost(dataName);
  const { openData } = await import('../../data/open-data.ts');
  const { data } = await openData(open, kept.file, options, kept, slices, known);
  return { ...unasked(data), ref };
}

/** The rows of a run as it had them. @param counts how many of each part it had @throws GraftError `run-rows` for others */
export function sameRows(
  data: DataSet,
  { settings, dataName }: StoredRun,
  counts: NonNullable<StoredRows['large']>,
): RowsOfRun {
  const options = settings as FormSpec;
  const rows = askedRows(onlyTask(data, options.task), options);
  if (PARTS.some((part) => rows[part].length !== counts[part])) throw lost(dataName);
  return rows;
}

const lost = (name: string): GraftError =>
  new GraftError(
    'run-rows',
    `The rows of ${name}, which this run learns from, are not kept any more as they were.`,
    'Open their file under Data and start a run with the same settings, or end this run and keep its adapter.',
  );
