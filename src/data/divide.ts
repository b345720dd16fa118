/** Gives rows their parts: as files are opened, and when texts become other rows with new tokens. */
import { GraftError } from '../errors.ts';
import type { List } from '../lists.ts';
import type { Task } from '../text/trainable.ts';
import { valueIn, valuesOfRows, type ColumnValues } from './column-values.ts';
import type { Example } from './example.ts';
import type { SplitRow } from './fair-split.ts';
import { partNamed } from './given-parts.ts';
import { countsAsDesirable } from './mixture.ts';
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
import { hashesOf, identityOfHashes } from './row-hashes.ts';
import { entryWith, hasRow, isTextDocument, shapeOfRow, type Entry } from './row-set.ts';
import { identityOf } from './statistics.ts';

/** The places of a data set's files in the order of its rows. Test rows come last, so that other rows keep their places when test rows are added or removed. */
export function fileOrder(files: readonly unknown[]): number[] {
  const places = files.flatMap((file, at) => (file === undefined ? [] : [at]));
  return [...places.filter((at) => at !== TEST_FILE), ...places.filter((at) => at === TEST_FILE)];
}

/** Equal for rows that teach the same; undefined for a part of a text. */
export function rowIdentity(entry: Entry): string | undefined {
  if (entry.large) return entry.identity;
  const { row, example, identity } = entry;
  return row && example && !isTextDocument(example)
    ? (identity ?? identityOfHashes(hashesOf(example)))
    : undefined;
}

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
  { stratify, group, parts }: FairSplit,
  length: number,
  exampleAt: (row: number) => Example,
): (row: number) => SplitRow {
  const valuesOf = (name: string): ColumnValues => {
    const values = valuesOfRows(length, (row) => columnText({ example: exampleAt(row) }, name) || undefined);
    if (values.names.length > 0) return values;
    if (name !== LABEL) throw withoutColumn(name);
    return valuesOfRows(length, (row) => labelOf({ example: exampleAt(row) }));
  };
  const [strata, groups, given] = [stratify, group, parts].map((name) =>
    name === undefined ? undefined : valuesOf(name),
  );
  if (strata) checkStrata(stratify, strata.names.length + Number(strata.of.includes(0)), length);
  return (row) => {
    const [stratum, of] = [strata && valueIn(strata, row), groups?.of[row] ?? 0];
    const part = given && partNamed(valueIn(given, row) ?? '');
    return { ...(of > 0 && { group: of }), ...(stratum !== undefined && { stratum }), ...(part && { part }) };
  };
}

/** What a fair split knows of a row. @throws GraftError `data-column`, `split` */
export function drawingOf(
  { stratify, group, parts }: FairSplit,
  entries: readonly Entry[],
): (example: Example) => SplitRow {
  const own = entries.flatMap(({ drawn, example, change }) =>
    change === 'added' ? [] : (drawn ?? example ?? []),
  );
  const stratumOf = columnOf(stratify, own);
  const groupOf = columnOf(group, own);
  const givenOf = columnOf(parts, own);
  checkStrata(stratify, stratumOf ? new Set(own.map(stratumOf)).size : 1, own.length);
  return (example) => {
    const [stratum, of] = [stratumOf?.(example), groupOf?.(example)];
    const part = givenOf && partNamed(givenOf(example) ?? '');
    return {
      identity: identityOf(example),
      ...(of !== undefined && { group: of }),
      ...(stratum !== undefined && { stratum }),
      ...(part && { part }),
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
  const { file, line, held, change, drawn, deleted } = entry;
  const isMade = hasRow(entry);
  if (!isMade && !drawn) return undefined;
  // A literal without spreads: they take half a second for a hundred thousand rows.
  return {
    file,
    line,
    identity,
    part: held,
    added: change === 'added' || (change === 'edited' && !drawn),
    gone: deleted === true || !isMade,
  };
}

/** A row with its fate. */
export function withFate(entry: Entry, fate: RowStatus, task?: Task): Entry {
  if (!hasRow(entry)) return entry;
  if (!isUsed(fate)) return entryWith(entry, { state: fate });
  if (entry.large) return entry.large.with({ part: fate, task });
  return { ...entry, part: fate, ...(task && { row: { ...entry.row!, task } }) };
}

/** How rows of a mixture are learned together: next to judged answers, other single answers are judged as well. */
function judgedIn(entries: readonly Entry[]): (entry: Entry) => Entry {
  if (entries.every((entry) => shapeOfRow(entry)?.desirable === undefined)) return (entry) => entry;
  return (entry) => {
    const shape = shapeOfRow(entry);
    if (!shape || !countsAsDesirable(shape)) return entry;
    return entry.large
      ? entry.large.with({ desirable: true })
      : { ...entry, row: { ...entry.row!, desirable: true } };
  };
}

/** Rows with what a fair split knows of each, of which those of large files are read once for each column. @throws GraftError `data-column`, `split` */
function drawnOnce(
  fair: FairSplit,
  entries: readonly Entry[],
  places: readonly number[],
  usable: readonly Divisible[],
): List<Divisible> {
  const own = usable.flatMap(({ document }, index) => (document === undefined ? [index] : []));
  const drawn = drawingOfRows(fair, own.length, (row) => {
    const entry = entries[places[own[row]]];
    return (entry.drawn ?? entry.example)!;
  });
  const rowOf = new Int32Array(usable.length).fill(-1);
  own.forEach((index, row) => {
    rowOf[index] = row;
  });
  return {
    length: usable.length,
    at(index) {
      const [one, row] = [usable.at(index), rowOf[index]];
      return one && row >= 0 ? { ...one, drawnAs: { ...drawn(row), identity: one.identity } } : one;
    },
  };
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
  const isLarge = entries.some(({ large }) => large);
  const drawnAs = options.fair && !isLarge ? drawingOf(options.fair, entries) : undefined;
  const isPacked = options.text?.packed === true;
  const places: number[] = [];
  const usable: Divisible[] = [];
  entries.forEach((entry, at) => {
    const one = divisibleOf(entry, identities[at]);
    if (!one) return;
    places.push(at);
    if (entry.large) {
      usable.push(one);
      return;
    }
    const { file, line, example, drawn } = entry;
    if (!example && !isPacked) usable.push({ ...one, document: `${file}:${line}` });
    else if (example && drawnAs) usable.push({ ...one, drawnAs: drawnAs(drawn ?? example) });
    else usable.push(one);
  });
  const drawn = options.fair && isLarge ? drawnOnce(options.fair, entries, places, usable) : usable;
  const parts = splitRows(drawn, options);
  const fates = divideRows(usable, options, parts);
  const { mixture } = options;
  const tasks = mixture && tasksOfRows(usable, fates, mixture);
  const all = [...entries];
  const split = new Array<Part | undefined>(entries.length).fill(undefined);
  const judged = mixture && judgedIn(entries);
  places.forEach((at, index) => {
    if (!usable[index].added) split[at] = parts[index];
    const task = tasks?.[index];
    all[at] = withFate(task && judged ? judged(entries[at]) : entries[at], fates[index], task);
  });
  return { all, split };
}
