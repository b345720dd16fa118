/**
 * The part of each row: training, validation, test, or left out. The page and the headless command split alike.
 *
 * Rows are split first and left out afterwards, so that leaving one out moves no other row to another part.
 */
import { GraftError } from '../errors.ts';
import { isHeld, itemOf, type List } from '../lists.ts';
import type { Task } from '../text/trainable.ts';
import { capped, taskOfFile, tasksOf, type Mixture } from './mixture.ts';
import { splitFairly, type SplitRow } from './fair-split.ts';
import { splitExamples, type SplitOptions } from './split.ts';

export type Part = 'train' | 'validation' | 'test';

/** Indices in a list of files: the rows, separate test rows, and from the third on more rows. */
export const ROWS_FILE = 0;
export const TEST_FILE = 1;

/** Lines that are left out of each file, by its index in the list; rows, if the file numbers those. */
export type Skipped = readonly (readonly number[])[];

/** What a split respects besides chance. */
export interface FairSplit {
  /** Each part has its share of each value of this column; `label` is the answer, unless there is such a column. */
  readonly stratify?: string;
  /** Rows with the same value of this column are in one part. */
  readonly group?: string;
  /** This column names the part of each row (`given-parts.ts`), and nothing is drawn. */
  readonly parts?: string;
}

interface DivideOptions extends SplitOptions {
  readonly fair?: FairSplit;
  readonly skip?: Skipped;
  /** Whether only one of several equal rows is kept: preferably in test, then in validation, then in training. */
  readonly dropCopies?: boolean;
  /** Each task is split as if it were alone. Separate test rows belong to the first task, which then has no other test rows. */
  readonly mixture?: Mixture;
}

/** A row that could be used. */
export interface Divisible {
  readonly file: number;
  readonly line: number;
  /** Equal for rows that teach the same (`identityOf`); missing for parts of a document, which are never copies. */
  readonly identity?: string | number;
  /** Equal for the rows of one document. */
  readonly document?: string;
  /** For a fair split. */
  readonly drawnAs?: SplitRow;
  /** The part that a person chose for it. */
  readonly part?: Part;
  /** Whether a person added it: it has a part, and the split of the others does not count it. */
  readonly added?: boolean;
  /** Whether a person deleted it, or made a row of it that cannot be used: the split still counts it. */
  readonly gone?: boolean;
}

/** From this number on, whole documents are held out. Fewer are split row by row, so that each part has some. */
const WHOLE_DOCUMENTS = 10;

const RANK: Readonly<Record<Part, number>> = { test: 0, validation: 1, train: 2 };

/** `capped`: its task trains on enough others. */
export type RowStatus = Part | LeftOut;
type LeftOut = 'skipped' | 'copy' | 'capped';

/** Whether a row is used. */
export const isUsed = (fate: RowStatus): fate is Part => fate in RANK;

/** The lines that a person left out, by file. */
export const skippedLines = ({ skip = [] }: Pick<DivideOptions, 'skip'>): readonly ReadonlySet<number>[] =>
  skip.map((lines) => new Set(lines));

/** The fate of a row by itself. @param split its part by the split @param skipped as `skippedLines` gives them */
export function fateOf(
  { file, line, part, gone }: Divisible,
  split: Part,
  skipped: readonly ReadonlySet<number>[],
): RowStatus {
  return gone || skipped.at(file)?.has(line) ? 'skipped' : (part ?? split);
}

/**
 * The part that the split gives each row, before anything is left out.
 *
 * @param rows the usable ones, in the order of the file list; the test file may be anywhere
 * @throws GraftError `split`, and `data-column` for a row whose part is not given
 */
export function splitRows(rows: List<Divisible>, options: DivideOptions): Part[] {
  const own = ownRows(rows);
  const parts = new Array<Part>(rows.length).fill('test');
  const drawn = own.filter((at) => itemOf(rows, at).added !== true);
  const { fair } = options;
  if (fair?.parts !== undefined) {
    const skipped = skippedLines(options);
    for (const at of drawn) parts[at] = givenPart(itemOf(rows, at), fair.parts, skipped);
    return parts;
  }
  const tasks = byTask(rows, drawn, options.mixture);
  const hasTest = options.mixture !== undefined && own.length < rows.length;
  tasks.forEach((places, task) => {
    const isWhole = options.mixture?.tasks[task].whole === true;
    const how = {
      ...options,
      ...((isWhole || (hasTest && task === 0)) && { test: 0 }),
      ...(isWhole && { validation: 0 }),
    };
    if (options.fair && places.length > 0) {
      fairParts(rows, places, how).forEach((part, index) => {
        parts[places[index]] = part;
      });
      return;
    }
    const units = unitsOf(rows, places);
    const split = splitExamples((units ?? places).length, how);
    for (const part of ['train', 'validation', 'test'] as const)
      for (const index of split[part])
        if (units) for (const place of units[index]) parts[place] = part;
        else parts[places[index]] = part;
  });
  return parts;
}

/** The part that a column gives a row. One without is left out by a person. @throws GraftError `data-column` */
function givenPart(
  { drawnAs, file, line }: Divisible,
  column: string,
  skipped: readonly ReadonlySet<number>[],
): Part {
  const part = drawnAs?.part;
  if (part === undefined && !skipped.at(file)?.has(line))
    throw new GraftError(
      'data-column',
      `The row at line ${line} names no part in the column ${column}, by which rows should be split.`,
      'Write train, validation or test there, leave the row out, or split without this column.',
    );
  return part ?? 'train';
}

/** Rows that are not of the test file. */
function ownRows(rows: List<Divisible>): number[] {
  const own: number[] = [];
  for (let at = 0; at < rows.length; at++) if (itemOf(rows, at).file !== TEST_FILE) own.push(at);
  return own;
}

/**
 * @param rows as for `splitRows`
 * @param split of each row; computed if left out
 * @returns the fate of each
 * @throws GraftError `split`, and `data-rows` if nothing is left to train on
 */
export function divideRows(
  rows: List<Divisible>,
  options: DivideOptions,
  split: readonly Part[] = splitRows(rows, options),
): RowStatus[] {
  const { dropCopies = false } = options;
  const own = ownRows(rows);
  const skipped = skippedLines(options);
  const fates = split.map((part, at) => fateOf(itemOf(rows, at), part, skipped));
  if (dropCopies) dropEqual(rows, fates);
  const { mixture } = options;
  if (mixture)
    for (const places of byTask(rows, own, mixture)) {
      const train = places.filter((at) => fates[at] === 'train');
      const taken = new Set(capped(train, mixture, options.seed));
      for (const at of train) if (!taken.has(at)) fates[at] = 'capped';
    }
  if (own.length > 0 && !fates.includes('train'))
    throw new GraftError(
      'data-rows',
      'No row is left to train on: every training row is left out, or is a copy of a test row.',
      'Bring rows back, or keep copies.',
    );
  return fates;
}

/** The part of each of some rows: in shares of what each is drawn as. @throws GraftError `split` */
function fairParts(
  rows: List<Divisible>,
  places: readonly number[],
  { validation, test, seed }: SplitOptions,
): Part[] {
  const parts = (
    [
      ['train', 1 - validation - test],
      ['validation', validation],
      ['test', test],
    ] as const
  ).filter(([, share]) => share > 0);
  const drawnAs = (at: number): SplitRow => {
    const row = itemOf(rows, at);
    return row.drawnAs ?? { identity: `${row.file}:${row.line}` };
  };
  // A million of these objects would take 100 MB.
  const split: List<SplitRow> = isHeld(rows)
    ? places.map(drawnAs)
    : {
        length: places.length,
        at: (index) => (index in places ? drawnAs(places[index]) : undefined),
      };
  const shares = parts.map(([, share]) => share);
  return splitFairly(split, shares, seed).map((part) => parts[part][0]);
}

/** The units that are split: documents with all of their rows, and other rows; undefined if each row is one. */
function unitsOf(
  rows: List<Divisible>,
  places: readonly number[],
): readonly (readonly number[])[] | undefined {
  // Rows that are made as they are taken are of no document.
  if (!isHeld(rows)) return undefined;
  // A list for each of a million rows would take 30 MB.
  if (places.every((place) => rows[place].document === undefined)) return undefined;
  const documents = new Map<string, number[]>();
  const units = places.map((place) => {
    const { document } = rows[place];
    const known = document === undefined ? undefined : documents.get(document);
    known?.push(place);
    const unit = known ?? [place];
    if (document !== undefined && !known) documents.set(document, unit);
    return known ? [] : unit;
  });
  return documents.size < WHOLE_DOCUMENTS ? undefined : units.filter(({ length }) => length > 0);
}

/** The indices of rows, task by task; all together without a mixture. */
function byTask(
  rows: List<Divisible>,
  places: readonly number[],
  mixture: Mixture | undefined,
): readonly (readonly number[])[] {
  if (!mixture) return [places];
  return mixture.tasks.map((_, task) =>
    places.filter((at) => taskOfFile(mixture, itemOf(rows, at).file) === task),
  );
}

/** Marks all equal rows as copies except one: the first in the part that measures. */
function dropEqual(rows: List<Divisible>, fates: RowStatus[]): void {
  const kept = new Map<string | number, number>();
  fates.forEach((fate, at) => {
    const { identity } = itemOf(rows, at);
    if (identity === undefined || !isUsed(fate)) return;
    const before = kept.get(identity);
    if (before === undefined) {
      kept.set(identity, at);
      return;
    }
    const isBetter = RANK[fate] < RANK[fates[before] as Part];
    fates[isBetter ? before : at] = 'copy';
    if (isBetter) kept.set(identity, at);
  });
}

/** The task of each row that is used, by the rows that are trained on; undefined for others, and without a mixture. @throws GraftError `data-rows` */
export function tasksOfRows(
  rows: readonly Pick<Divisible, 'file'>[],
  fates: readonly RowStatus[],
  mixture: Mixture | undefined,
): (Task | undefined)[] {
  if (!mixture) return rows.map(() => undefined);
  const { tasks, taskAt } = sharesOfTasks(
    { length: rows.length, at: (at) => rows.at(at)?.file },
    fates,
    mixture,
  );
  return rows.map((_, at) => (isUsed(fates[at]) ? tasks[taskAt(at)] : undefined));
}

/**
 * The tasks of a mixture with their shares, and the task of each row.
 *
 * @param files of the rows
 * @throws GraftError `data-rows`
 */
export function sharesOfTasks(
  files: List<number>,
  fates: readonly RowStatus[],
  mixture: Mixture,
): { readonly tasks: readonly Task[]; taskAt(row: number): number } {
  const taskAt = (row: number): number => taskOfFile(mixture, itemOf(files, row));
  const counts = mixture.tasks.map(() => 0);
  fates.forEach((fate, at) => {
    if (fate === 'train') counts[taskAt(at)]++;
  });
  return { tasks: tasksOf(mixture, counts), taskAt };
}

export interface Repeats {
  /** Rows that equal an earlier one, by index, with the first equal row. */
  readonly repeated: ReadonlyMap<number, number>;
  /** Rows for validation or test that are trained on as well, with a row that trains on them. */
  readonly leaked: ReadonlyMap<number, number>;
}

/**
 * Finds repeated rows: within training they are a waste, across the split a leak that flatters every measurement.
 *
 * @param parts of each row; undefined for an unused one
 */
export function findRepeats(
  identities: List<string | number | undefined>,
  parts: readonly (Part | undefined)[],
): Repeats {
  const firsts = new Map<string | number, number>();
  const repeated = new Map<number, number>();
  parts.forEach((part, at) => {
    const identity = part === undefined ? undefined : identities.at(at);
    if (identity === undefined) return;
    const first = firsts.get(identity);
    if (first === undefined) firsts.set(identity, at);
    else repeated.set(at, first);
  });
  // Only a row that comes up again can be in two parts.
  const again = [...new Set(repeated.values()), ...repeated.keys()].sort((a, b) => a - b);
  const firstOf = (at: number): number => repeated.get(at) ?? at;
  const trained = new Map<number, number>();
  for (const at of again)
    if (parts[at] === 'train' && !trained.has(firstOf(at))) trained.set(firstOf(at), at);
  const leaked = new Map<number, number>();
  for (const at of again) {
    const of = trained.get(firstOf(at));
    if (parts[at] !== 'train' && of !== undefined) leaked.set(at, of);
  }
  return { repeated, leaked };
}
