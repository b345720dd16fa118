/**
 * The rows of a run that are made as they are taken: a file of a million rows is divided as if all were made, and only rows of which it is not certain
 * that they can be trained on are made to see.
 */
import { spread, type List, type PlacesOfTask } from '../lists.ts';
import { WordCache } from '../text/tokenizer-cache.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Task } from '../text/trainable.ts';
import type { CertainRows } from './certain-rows.ts';
import { drawingOfRows } from './divide.ts';
import type { Example } from './example.ts';
import type { SplitRow } from './fair-split.ts';
import { wholeNumbers, type NumberColumn } from './number-column.ts';
import type { ReadRows, Slicer } from './open-rows.ts';
import type { DataOptions } from './options.ts';
import {
  divideRows,
  findRepeats,
  isUsed,
  sharesOfTasks,
  type Divisible,
  type FairSplit,
  type RowStatus,
  type Part,
  type Repeats,
} from './parts.ts';
import { RowMaker, type PreparedRow, type PrepareOptions, type PrepareReport } from './prepare.ts';
import { lintMarked, marksOf, type PreferenceMarks } from './preference-marks.ts';
import type { PreferenceLint } from './preference-lint.ts';
import { equalRows, hashesOf, type Hashes } from './row-hashes.ts';
import { isTextDocument } from './row-set.ts';

/** Made rows that are kept: those of the first steps are looked at before, and taken soon after. */
const KEPT_ROWS = 2048;
/** Rows whose tokens are counted for the report, spread evenly over a file. */
const COUNTED_ROWS = 128;

/** The rows of one file, before they are made. */
interface Source {
  readonly length: number;
  lineOf(row: number): number;
  isCertain(row: number): boolean;
  hashesOf(row: number): Hashes;
  marksOf(row: number): PreferenceMarks;
  exampleOf(row: number): Example;
}

function sourceOf({ index, examples }: ReadRows, certain: CertainRows): Source {
  return (
    index ?? {
      length: examples.length,
      lineOf: (row) => examples[row].line,
      isCertain: (row) => certain.has(examples[row]),
      hashesOf: (row) => hashesOf(examples[row]),
      marksOf: (row) => marksOf(examples[row]),
      exampleOf: (row) => examples[row],
    }
  );
}

/** Kinds of examples that make rows of one kind, of which only the first is checked. Queries are compared with each other. */
const ALIKE: readonly (readonly Example['kind'][])[] = [
  ['completion', 'messages', 'text', 'tokens'],
  ['pair'],
  ['unpaired'],
];

/**
 * Whether the rows of these files can be made as they are taken, and some file is so large that they should.
 *
 * @param samples whether answers are sampled to the rows: then they may be prompts without answers
 */
export function areTaken(
  files: readonly ReadRows[],
  { mixture }: Pick<DataOptions, 'mixture'>,
  samples = false,
): boolean {
  if (!files.some(({ index }) => index !== undefined)) return false;
  if (files.some(({ examples }) => examples.some(isTextDocument))) return false;
  const kinds = new Set(
    files.flatMap(({ index, examples }) => index?.kinds ?? examples.map(({ kind }) => kind)),
  );
  // In a mixture, other answers are judged together with votes.
  if (mixture && kinds.has('unpaired')) return false;
  const alike = samples ? [...ALIKE, ['prompt']] : ALIKE;
  return alike.some((own) => [...kinds].every((kind) => own.includes(kind)));
}

/** The rows that can be trained on: of each the file, by its place in the list, and its place there. */
class Places {
  readonly #files: Uint8Array;
  readonly #rows: Uint32Array;
  length = 0;

  constructor(max: number) {
    this.#files = new Uint8Array(max);
    this.#rows = new Uint32Array(max);
  }

  add(file: number, row: number): void {
    this.#files[this.length] = file;
    this.#rows[this.length++] = row;
  }

  fileAt(place: number): number {
    return this.#files[place];
  }

  rowAt(place: number): number {
    return this.#rows[place];
  }
}

/** A file whose rows are made as they are taken: in its place (`data/parts.ts`). */
interface TakenFile {
  readonly file: number;
  readonly read: ReadRows;
}

export interface TakenRows extends Readonly<Record<Part, List<PreparedRow>>>, Repeats {
  /** The fate of each row that can be trained on. */
  readonly fates: readonly RowStatus[];
  /** The file and the line of each of them. */
  readonly placeOf: (place: number) => { readonly file: number; readonly line: number };
  readonly exampleOf: (place: number) => Example;
  readonly hashesOf: (place: number) => Hashes;
  /** The task of a row, in a mixture. */
  readonly taskOf?: (place: number) => Task;
  /** The row, and whether the limit cut it. */
  readonly madeAt: (place: number) => { readonly row: PreparedRow; readonly cut: boolean };
  /** For each file the number of its rows, and a report on those that had to be made in advance. */
  readonly reports: readonly PrepareReport[];
  /** Some rows of each file, spread evenly. */
  readonly samples: readonly PrepareReport[];
  /** Findings in pairs and judged answers that are trained on. */
  readonly preferences?: PreferenceLint;
}

/**
 * @param certain as their indices have it
 * @param finish adds to a row what its objective needs of the example
 * @throws GraftError `split`, `prepare-length`, `chat-template-…`, `data-rows`, `data-changed`
 */
export async function takeRows(
  files: readonly TakenFile[],
  certain: CertainRows,
  { validation, test, seed, skip, dropCopies, mixture, fair }: DataOptions,
  slicer: Slicer,
  finish: (row: PreparedRow, example: Example) => PreparedRow = (row) => row,
): Promise<TakenRows> {
  const { tokenizer, options } = certain;
  const sources = files.map(({ read }) => sourceOf(read, certain));
  const total = sources.reduce((sum, { length }) => sum + length, 0);
  const places = new Places(total);
  const reports: PrepareReport[] = [];
  const samples: PrepareReport[] = [];
  let done = 0;
  for (const [file, source] of sources.entries()) {
    const maker = new RowMaker(tokenizer, options);
    const first = places.length;
    for (let row = 0; row < source.length; row++) {
      if (source.isCertain(row)) places.add(file, row);
      else {
        maker.add(source.exampleOf(row));
        if (maker.rows.splice(0).length > 0) places.add(file, row);
      }
      done++;
      if (slicer.due) await slicer.pause({ what: 'comparing', done, total });
    }
    const rows = places.length - first;
    reports.push({ ...maker.result().report, rows });
    const own: List<number> = { length: rows, at: (row) => places.rowAt(first + row) };
    const counted = new RowMaker(tokenizer, options);
    for (const row of spread(own, COUNTED_ROWS)) counted.add(source.exampleOf(row));
    samples.push(counted.result().report);
  }

  const sourceAt = (place: number): Source => sources[places.fileAt(place)];
  const fileOf = (place: number): number => files[places.fileAt(place)].file;
  const lineOf = (place: number): number => sourceAt(place).lineOf(places.rowAt(place));
  const exampleOf = (place: number): Example => sourceAt(place).exampleOf(places.rowAt(place));
  const placeOf: TakenRows['placeOf'] = (place) => ({ file: fileOf(place), line: lineOf(place) });
  const hashesAt = (place: number): Hashes => sourceAt(place).hashesOf(places.rowAt(place));
  const equal = equalRows(places.length, hashesAt);
  const drawnAs = fair && drawingIn(sources, fair);
  const divisible: List<Divisible> = {
    length: places.length,
    at(place) {
      const row = { file: fileOf(place), line: lineOf(place), identity: equal.get(place) };
      if (!drawnAs) return row;
      const drawn = drawnAs(places.fileAt(place), places.rowAt(place));
      return { ...row, drawnAs: { ...drawn, ...(row.identity !== undefined && { identity: row.identity }) } };
    },
  };
  const fates =
    places.length === 0
      ? []
      : divideRows(divisible, { validation, test, seed, skip, dropCopies, mixture, fair });
  const mixed = mixture && sharesOfTasks({ length: places.length, at: fileOf }, fates, mixture);
  const taskOf = mixed && ((place: number): Task => mixed.tasks[mixed.taskAt(place)]);
  const madeAt: TakenRows['madeAt'] = (place) => {
    const example = exampleOf(place);
    const { row, cut } = madeRow(example, tokenizer, options);
    const made = { row: finish(row, example), cut };
    return taskOf ? { ...made, row: { ...made.row, task: taskOf(place) } } : made;
  };
  const make = (place: number): PreparedRow => madeAt(place).row;
  const repeats = findRepeats(
    { length: places.length, at: (place) => equal.get(place) },
    fates.map((fate) => (isUsed(fate) ? fate : undefined)),
  );
  const train = partOf(fates, 'train', make, mixed);
  const preferences = lintMarked(
    {
      length: places.length,
      isTrained: (place) => fates[place] === 'train',
      marksOf: (place) => sourceAt(place).marksOf(places.rowAt(place)),
      hashesOf: hashesAt,
    },
    () => spread(train, COUNTED_ROWS).map((row) => ({ row })),
  );
  return {
    train,
    ...(preferences && { preferences }),
    validation: partOf(fates, 'validation', make, mixed),
    test: partOf(fates, 'test', make, mixed),
    ...{ fates, placeOf, exampleOf, hashesOf: hashesAt, ...(taskOf && { taskOf }), madeAt, reports, samples },
    ...repeats,
  };
}

/** @throws Error for an example that becomes no row: it was certain, or was made before */
function madeRow(
  example: Example,
  tokenizer: Tokenizer,
  options: PrepareOptions,
): { readonly row: PreparedRow; readonly cut: boolean } {
  const maker = new RowMaker(tokenizer, options);
  maker.add(example);
  const row = maker.rows.at(0);
  if (!row) throw new Error(`The example on line ${example.line} became no row, and was taken for one`);
  return { row, cut: maker.result().report.cut.length > 0 };
}

/** The rows of a part in their order, each made when it is asked for. */
function partOf(
  fates: readonly RowStatus[],
  part: Part,
  make: (place: number) => PreparedRow,
  mixed: ReturnType<typeof sharesOfTasks> | undefined,
): List<PreparedRow> {
  const own = new Uint32Array(fates.reduce((sum, fate) => sum + Number(fate === part), 0));
  let count = 0;
  fates.forEach((fate, place) => {
    if (fate === part) own[count++] = place;
  });
  const kept = new WordCache<PreparedRow, number>(KEPT_ROWS);
  return {
    length: own.length,
    ...(mixed && { tasks: placesOfTasks(own, mixed) }),
    at(index) {
      if (index < 0 || index >= own.length) return undefined;
      const known = kept.get(index);
      if (known) return known;
      const row = make(own[index]);
      kept.put(index, row);
      return row;
    },
  };
}

/** The places of each task's rows in a part, in the order of each task's first row. @param own the places of the part's rows */
function placesOfTasks(
  own: Uint32Array,
  { tasks, taskAt }: ReturnType<typeof sharesOfTasks>,
): PlacesOfTask[] {
  const places = new Map<number, NumberColumn>();
  own.forEach((place, index) => {
    const task = taskAt(place);
    const known = places.get(task) ?? wholeNumbers();
    known.push(index);
    places.set(task, known);
  });
  return [...places].map(([task, { all }]) => ({ ...tasks[task], places: all }));
}

/** What a fair split knows of the rows of all files. @throws GraftError `data-column`, `split` */
function drawingIn(sources: readonly Source[], fair: FairSplit): (file: number, row: number) => SplitRow {
  const firsts = sources.map((_, file) =>
    sources.slice(0, file).reduce((sum, { length }) => sum + length, 0),
  );
  const length = sources.reduce((sum, source) => sum + source.length, 0);
  const drawn = drawingOfRows(fair, length, (at) => {
    const file = firsts.findLastIndex((first) => first <= at);
    return sources[file].exampleOf(at - firsts[file]);
  });
  return (file, row) => drawn(firsts[file] + row);
}
