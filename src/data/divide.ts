/** Gives rows their parts: as files are opened, and when texts become other rows with new tokens. */
import { GraftError } from '../errors.ts';
import type { Task } from '../text/trainable.ts';
import { valueIn, valuesOfRows, type ColumnValues } from './column-values.ts';
import type { Example } from './example.ts';
import type { SplitRow } from './fair-split.ts';
import { judgedTogether } from './mixture.ts';
import type { DataOptions } from './options.ts';
import {
  divideRows,
  isUsed,
  splitRows,
  tasksOfRows,
  TEST_FILE,
  type Divisible,
  type FairSplit,
  type Part,
  type RowStatus,
} from './parts.ts';
import { columnText, labelOf } from './row-columns.ts';
import type { Entry } from './row-set.ts';
import { identityOf } from './statistics.ts';
import { isTextDocument } from './row-set.ts';

/** The places of a data set's files in the order of its rows. Test rows come last, so that other rows keep their places when test rows are added or removed. */
export function fileOrder(files: readonly unknown[]): number[] {
  const places = files.flatMap((file, at) => (file === undefined ? [] : [at]));
  return [...places.filter((at) => at !== TEST_FILE), ...places.filter((at) => at === TEST_FILE)];
}

/** Equal for rows that teach the same; undefined for a part of a text. */
export const rowIdentity = ({ row, example, identity }: Entry): string | undefined =>
  row && example && !isTextDocument(example) ? (identity ?? identityOf(example)) : undefined;

/** Rows of one value or label of each that a part gets its share of: fewer have no share. */
const MIN_OF_STRATUM = 2;

/** @param strata how many values the column has @throws GraftError `split` if they are too many */
function checkStrata(stratify: string | undefined, strata: number, rows: number): void {
  if (strata > 1 && MIN_OF_STRATUM * strata > rows)
    throw new GraftError(
      'split',
      `${stratify} has ${strata} values in ${rows} rows, so that no part can have its share of each.`,
      'Choose a column whose values come up again, or split without one.',
    );
}

/**
 * What a fair split knows of the rows of files that are not held, apart from their copies. They are read once for each column.
 *
 * @param exampleAt the example of a row, with its columns
 * @throws GraftError `data-column`, `split`
 */
export function drawingOfRows(
  { stratify, group }: FairSplit,
  length: number,
  exampleAt: (row: number) => Example,
): (row: number) => SplitRow {
  const valuesOf = (name: string): ColumnValues => {
    const values = valuesOfRows(length, (row) => columnText({ example: exampleAt(row) }, name) || undefined);
    if (values.names.length > 0) return values;
    if (name !== LABEL) throw withoutColumn(name);
    return valuesOfRows(length, (row) => labelOf({ example: exampleAt(row) }));
  };
  const strata = stratify === undefined ? undefined : valuesOf(stratify);
  const groups = group === undefined ? undefined : valuesOf(group);
  if (strata) checkStrata(stratify, strata.names.length + Number(strata.of.includes(0)), length);
  return (row) => {
    const [stratum, of] = [strata && valueIn(strata, row), groups?.of[row] ?? 0];
    return { ...(of > 0 && { group: of }), ...(stratum !== undefined && { stratum }) };
  };
}

/** What a fair split knows of a row. @throws GraftError `data-column`, `split` */
export function drawingOf(
  { stratify, group }: FairSplit,
  entries: readonly Entry[],
): (example: Example) => SplitRow {
  const own = entries.flatMap(({ drawn, example, change }) =>
    change === 'added' ? [] : (drawn ?? example ?? []),
  );
  const stratumOf = columnOf(stratify, own);
  const groupOf = columnOf(group, own);
  checkStrata(stratify, stratumOf ? new Set(own.map(stratumOf)).size : 1, own.length);
  return (example) => {
    const [stratum, of] = [stratumOf?.(example), groupOf?.(example)];
    return {
      identity: identityOf(example),
      ...(of !== undefined && { group: of }),
      ...(stratum !== undefined && { stratum }),
    };
  };
}

const LABEL = 'label';

/** @throws GraftError `data-column` if no row has a value in the column */
function columnOf(
  name: string | undefined,
  examples: readonly Example[],
): ((example: Example) => string | undefined) | undefined {
  if (name === undefined) return undefined;
  const valueOf = (example: Example): string | undefined => columnText({ example }, name) || undefined;
  if (examples.some((example) => valueOf(example) !== undefined)) return valueOf;
  if (name === LABEL) return (example) => labelOf({ example });
  throw withoutColumn(name);
}

const withoutColumn = (name: string): GraftError =>
  new GraftError(
    'data-column',
    `No row has a value in the column ${name}, by which rows should be split.`,
    'Choose another column, or split without one.',
  );

/** A row that can be used, as it is divided; undefined for any other. */
export function divisibleOf(entry: Entry, identity: string | undefined): Divisible | undefined {
  const { file, line, row, held, change, drawn, deleted } = entry;
  if (!row && !drawn) return undefined;
  // A literal without spreads: they take half a second for a hundred thousand rows.
  return {
    file,
    line,
    identity,
    part: held,
    added: change === 'added' || (change === 'edited' && !drawn),
    gone: deleted === true || !row,
  };
}

/** A row with its fate. */
export function withFate(entry: Entry, fate: RowStatus, task?: Task): Entry {
  const { row } = entry;
  if (!row) return entry;
  if (!isUsed(fate)) return { ...entry, state: fate };
  return { ...entry, part: fate, ...(task && { row: { ...row, task } }) };
}

/**
 * Gives every row that can be used its part, or says why it is left out: as the headless command does.
 *
 * @returns the rows, and the part of each by the split; undefined for one that the split does not know
 * @throws GraftError `split`, `data-rows`, `data-column`
 */
export function divideEntries(
  entries: readonly Entry[],
  identities: readonly (string | undefined)[],
  options: DataOptions,
): { readonly all: Entry[]; readonly split: (Part | undefined)[] } {
  const drawnAs = options.fair && drawingOf(options.fair, entries);
  const isPacked = options.text?.packed === true;
  const places: number[] = [];
  const usable: Divisible[] = [];
  entries.forEach((entry, at) => {
    const one = divisibleOf(entry, identities[at]);
    if (!one) return;
    const { file, line, example, drawn } = entry;
    if (!example && !isPacked) usable.push({ ...one, document: `${file}:${line}` });
    else if (example && drawnAs) usable.push({ ...one, drawnAs: drawnAs(drawn ?? example) });
    else usable.push(one);
    places.push(at);
  });
  const parts = splitRows(usable, options);
  const fates = divideRows(usable, options, parts);
  const { mixture } = options;
  const tasks = mixture && tasksOfRows(usable, fates, mixture);
  const all = [...entries];
  const split = new Array<Part | undefined>(entries.length).fill(undefined);
  const together = mixture && judgedTogether(entries.flatMap(({ row }) => row ?? []));
  let made = 0;
  places.forEach((at, index) => {
    const { row } = entries[at];
    const entry = together && row ? { ...entries[at], row: together[made++] } : entries[at];
    if (!usable[index].added) split[at] = parts[index];
    const task = tasks?.[index];
    all[at] = withFate(task ? entry : entries[at], fates[index], task);
  });
  return { all, split };
}
