/**
 * The rows of a run that are made as they are taken: a file of a million rows is divided as if all were made, and only rows of which it is not certain
 * that they can be trained on are made to see.
 */
import { CertainRows } from '../data/certain-rows.ts';
import type { Example } from '../data/example.ts';
import { outlineOf, type Outline } from '../data/outline.ts';
import { divideRows, type Divisible, type Fate, type Part } from '../data/parts.ts';
import { RowMaker, type PreparedRow, type PrepareOptions } from '../data/prepare.ts';
import { equalRows, hashesOf, type Hashes } from '../data/row-index.ts';
import { itemOf, spread, type List } from '../lists.ts';
import { WordCache } from '../text/tokenizer-cache.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Output } from './output.ts';
import type { FileReport } from './report-data.ts';
import type { ReadRows } from './rows.ts';
import { missingLines, repeatsOf, type RowLimits, type RunFile, type RunRows } from './train-data.ts';
import type { DataOptions } from './train-flags.ts';

/** Made rows that are kept: those of the first steps are looked at before, and taken soon after. */
const KEPT_ROWS = 2048;
/** Rows whose tokens are counted for the report, spread evenly over a file. */
const COUNTED_ROWS = 128;
const ROWS_BETWEEN = 4096;

const number = (value: number): string => value.toLocaleString('en');

/** The rows of one file, before they are made. */
interface Source {
  readonly length: number;
  lineOf(row: number): number;
  outlineOf(row: number): Outline;
  hashesOf(row: number): Hashes;
  exampleOf(row: number): Example;
}

function sourceOf({ index, examples }: ReadRows): Source {
  return (
    index ?? {
      length: examples.length,
      lineOf: (row) => examples[row].line,
      outlineOf: (row) => outlineOf(examples[row], 3),
      hashesOf: (row) => hashesOf(examples[row]),
      exampleOf: (row) => examples[row],
    }
  );
}

/** Kinds of examples that need no other row: pairs and votes are compared with each other before a run. */
const ALONE: readonly Example['kind'][] = ['completion', 'messages', 'text', 'tokens'];

/** Whether the rows of these files can be made as they are taken, and some file is so large that they should. */
export function areTaken(files: readonly RunFile[], { mixture }: DataOptions): boolean {
  const isAlone = (example: Example): boolean =>
    ALONE.includes(example.kind) && !(example.kind === 'text' && example.document === true);
  return (
    !mixture &&
    files.some(({ read }) => read.index !== undefined) &&
    files.every(({ read: { index, examples } }) =>
      index ? index.kinds.every((kind) => ALONE.includes(kind)) : examples.every(isAlone),
    )
  );
}

/** The rows that can be trained on: of each the file, by its place in the list, and its place there. */
class Places {
  readonly #files: Uint8Array;
  readonly #rows: Uint32Array;
  length = 0;

  constructor(most: number) {
    this.#files = new Uint8Array(most);
    this.#rows = new Uint32Array(most);
  }

  add(file: number, row: number): void {
    this.#files[this.length] = file;
    this.#rows[this.length++] = row;
  }

  at(place: number): readonly [file: number, row: number] {
    return [this.#files[place], this.#rows[place]];
  }
}

/** @throws GraftError `split`, `prepare-length`, `chat-template-…`, `data-rows`, `data-changed` */
export function takeRunRows(
  files: readonly RunFile[],
  tokenizer: Tokenizer,
  { maxLength, vocabSize, now }: RowLimits,
  { overlong, validationFraction, testFraction, splitSeed, skip, dropDuplicates }: DataOptions,
  output: Output,
): RunRows {
  const options: PrepareOptions = { maxLength, overlong, vocabSize, now };
  const sources = files.map(({ read }) => sourceOf(read));
  const places = new Places(sources.reduce((sum, { length }) => sum + length, 0));
  const certain = new CertainRows(tokenizer, options);
  const reports = files.map(({ name, read }, file): FileReport => {
    const source = sources[file];
    const maker = new RowMaker(tokenizer, options);
    const first = places.length;
    for (let row = 0; row < source.length; row++) {
      if (certain.has(source.outlineOf(row))) places.add(file, row);
      else {
        maker.add(source.exampleOf(row));
        if (maker.rows.splice(0).length > 0) places.add(file, row);
      }
      if (row % ROWS_BETWEEN === 0)
        output.progress(`Looking at ${name}: ${number(row)} of ${number(source.length)} rows`);
    }
    const { report } = maker.result();
    const { examples: _, index: __, ...told } = read;
    const rows = places.length - first;
    const own: List<number> = { length: rows, at: (row) => places.at(first + row)[1] };
    const counted = new RowMaker(tokenizer, options);
    for (const row of spread(own, COUNTED_ROWS)) counted.add(source.exampleOf(row));
    return { ...told, name, report: { ...report, rows }, sample: counted.result().report };
  });
  output.clear();

  const exampleOf = (place: number): Example => {
    const [file, row] = places.at(place);
    return sources[file].exampleOf(row);
  };
  const lineOf = (place: number): number => {
    const [file, row] = places.at(place);
    return sources[file].lineOf(row);
  };
  const equal = equalRows(places.length, (place) => {
    const [file, row] = places.at(place);
    return sources[file].hashesOf(row);
  });
  const divisible: List<Divisible> = {
    length: places.length,
    at: (place) => ({
      file: files[places.at(place)[0]].file,
      line: lineOf(place),
      identity: equal.get(place),
    }),
  };
  const fates =
    places.length === 0
      ? []
      : divideRows(divisible, {
          ...{ validation: validationFraction, test: testFraction, seed: splitSeed },
          ...{ skip, dropCopies: dropDuplicates },
        });
  const make = (place: number): PreparedRow => madeRow(exampleOf(place), tokenizer, options);
  const [train, validation, test] = (['train', 'validation', 'test'] as const).map((part) =>
    partOf(fates, part, make),
  );
  const countOf = (fate: Fate): number => fates.reduce((sum, one) => sum + Number(one === fate), 0);
  return {
    ...{ train, validation, test },
    placed:
      places.length === 0
        ? []
        : [{ ...itemOf(divisible, 0), example: exampleOf(0), row: make(0), fate: fates[0], cut: false }],
    told: {
      files: reports,
      maxLength,
      rows: { train: train.length, validation: validation.length, test: test.length },
      ...{ skipped: countOf('skipped'), copies: countOf('copy'), capped: 0 },
      tasks: [],
      ...repeatsOf({ length: places.length, at: (place) => equal.get(place) }, fates, (place) => ({
        name: files[places.at(place)[0]].name,
        line: lineOf(place),
      })),
      missing: missingLines(files, skip),
    },
  };
}

/** @throws Error for an example that becomes no row: it was certain, or was made before */
function madeRow(example: Example, tokenizer: Tokenizer, options: PrepareOptions): PreparedRow {
  const maker = new RowMaker(tokenizer, options);
  maker.add(example);
  const row = maker.rows.at(0);
  if (!row) throw new Error(`The example on line ${example.line} became no row, and was taken for one`);
  return row;
}

/** The rows of a part in their order, each made when it is asked for. */
function partOf(fates: readonly Fate[], part: Part, make: (place: number) => PreparedRow): List<PreparedRow> {
  const own = new Uint32Array(fates.reduce((sum, fate) => sum + Number(fate === part), 0));
  let count = 0;
  fates.forEach((fate, place) => {
    if (fate === part) own[count++] = place;
  });
  const kept = new WordCache<PreparedRow, number>(KEPT_ROWS);
  return {
    length: own.length,
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
