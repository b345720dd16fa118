/**
 * The numbers of rows that are parts of their file, one row after another: where each is, and the little that is asked of all of them before a run starts. A row
 * takes 26 bytes here, a pair 34, whatever its length, and no object.
 */
import type { CertainRows } from './certain-rows.ts';
import type { SourceRow } from './collector.ts';
import type { Example } from './example.ts';
import type { Content } from './lines.ts';
import type { Mapping } from './mapping.ts';
import { BYTES_OF_ASCII, MOST_BYTES } from './outline.ts';
import { floats, smallNumbers, wholeNumbers, type NumberColumn } from './number-column.ts';
import { marksOf, markNumber, markOfNumber, type PreferenceMarks } from './preference-marks.ts';
import { hashesOf, type Hashes } from './row-hashes.ts';

type Numbers = Float64Array | Uint32Array | Uint8Array;

/** The numbers of rows of a section: plain values, which another thread can send. Lines are counted from its first. */
export interface SentNumbers {
  readonly kinds: readonly Example['kind'][];
  readonly columns: readonly Numbers[];
  readonly flipped: readonly Numbers[];
}

export class RowNumbers {
  readonly #lines = wholeNumbers();
  readonly #starts = floats();
  readonly #lengths = wholeNumbers();
  readonly #hashes = [wholeNumbers(), wholeNumbers()] as const;
  /** Whether each certainly becomes a row; empty without `certain`. */
  readonly #certain = smallNumbers();
  readonly #marks = smallNumbers();
  /** The hashes of the opposites of pairs. Shorter than the others until the first pair. */
  readonly #flipped = [wholeNumbers(), wholeNumbers()] as const;
  /** As they are sent, but for lines. */
  readonly #columns: readonly NumberColumn<Numbers>[] = [
    ...[this.#starts, this.#lengths, ...this.#hashes, this.#certain, this.#marks],
  ];
  readonly #kinds = new Set<Example['kind']>();
  #kindList: readonly Example['kind'][] | undefined;
  /** Whether a row with as many bytes as characters may have texts that are not ASCII: by the mapping, or since characters are counted. */
  readonly #isWide: boolean;

  /**
   * @param content that the rows are parts of
   * @param mapping that they are read with
   * @param certain says of which rows it is certain that they can be trained on; left out if that is not asked
   */
  constructor(
    content: Content,
    mapping: Mapping | undefined,
    private readonly certain?: CertainRows,
  ) {
    this.#isWide =
      typeof content === 'string' || (mapping !== undefined && /[^\0-\x7f]/.test(JSON.stringify(mapping)));
  }

  get length(): number {
    return this.#lines.length;
  }

  add(example: Example, { text, start, length }: SourceRow): void {
    if (text === undefined || start === undefined || length === undefined)
      throw new Error('The row has no bytes of its own');
    if (this.certain) {
      // A line of ASCII has texts of ASCII, unless it escapes other characters.
      const isPlain = length === text.length && !this.#isWide && !text.includes('\\u');
      this.#certain.push(Number(this.certain.has(example, isPlain ? BYTES_OF_ASCII : MOST_BYTES)));
    }
    const [one, other] = hashesOf(example);
    this.#kinds.add(example.kind);
    this.#kindList = undefined;
    this.#lines.push(example.line);
    this.#starts.push(start);
    this.#lengths.push(length);
    this.#hashes[0].push(one);
    this.#hashes[1].push(other);
    this.#mark(marksOf(example));
  }

  #mark({ mark, flipped }: PreferenceMarks): void {
    this.#marks.push(markNumber(mark));
    if (!flipped) return;
    this.#flipped.forEach((column, at) => {
      while (column.length < this.length - 1) column.push(0);
      column.push(flipped[at]);
    });
  }

  get sent(): SentNumbers {
    return {
      kinds: this.kinds,
      columns: [this.#lines, ...this.#columns].map(({ all }) => all.slice()),
      flipped: this.#flipped.map(({ all }) => all.slice()),
    };
  }

  /** Makes room for the rows of sections: lists that outgrow their memory leave as much behind. */
  reserve(sections: readonly SentNumbers[]): void {
    const rows = sections.reduce((sum, { columns: [lines] }) => sum + lines.length, this.length);
    for (const column of [this.#lines, ...this.#columns]) column.reserve(rows);
  }

  /** Adds the rows of a section behind those that are here. @param before lines before the section */
  append({ kinds, columns: [lines, ...others], flipped }: SentNumbers, before: number): void {
    if (flipped[0].length > 0)
      this.#flipped.forEach((column, at) => {
        column.append(new Uint32Array(this.length - column.length));
        column.append(flipped[at]);
      });
    this.#lines.append(Uint32Array.from(lines, (line) => before + line));
    this.#columns.forEach((column, at) => column.append(others[at]));
    for (const kind of kinds) this.#kinds.add(kind);
    this.#kindList = undefined;
  }

  /** The kinds of its examples. */
  get kinds(): readonly Example['kind'][] {
    return (this.#kindList ??= [...this.#kinds]);
  }

  lineOf(row: number): number {
    return this.#lines.at(row);
  }

  /** Where it starts, and how long it is, in bytes or characters. */
  placeOf(row: number): { readonly start: number; readonly length: number } {
    return { start: this.#starts.at(row), length: this.#lengths.at(row) };
  }

  hashesOf(row: number): Hashes {
    return [this.#hashes[0].at(row), this.#hashes[1].at(row)];
  }

  marksOf(row: number): PreferenceMarks {
    const mark = markOfNumber(this.#marks.at(row));
    if (mark !== 'pair' && mark !== 'alike') return { mark };
    return { mark, flipped: [this.#flipped[0].at(row), this.#flipped[1].at(row)] };
  }

  /** Whether it certainly becomes a row that can be trained on. */
  isCertain(row: number): boolean {
    return this.#certain.at(row) === 1;
  }
}
