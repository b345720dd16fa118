/**
 * The rows of a file whose rows are parts of it, without the rows: where each is, and the little that is asked of all of them before a run starts. A row takes
 * 26 bytes here, a pair 34, whatever its length, and no object; its example is read again when it is needed.
 */
import { GraftError } from '../errors.ts';
import type { CertainRows } from './certain-rows.ts';
import { Collector, type SourceRow } from './collector.ts';
import type { Example } from './example.ts';
import type { ExampleReader, ReadOptions } from './formats.ts';
import { utf8, type Content } from './lines.ts';
import { BYTES_OF_ASCII, MOST_BYTES } from './outline.ts';
import { rawRow, type RawRow } from './raw-rows.ts';
import { floats, smallNumbers, wholeNumbers } from './number-column.ts';
import { marksOf, markNumber, markOfNumber, type PreferenceMarks } from './preference-marks.ts';
import { hashesOf, type Hashes } from './row-hashes.ts';

export class RowIndex {
  readonly #lines = wholeNumbers();
  readonly #starts = floats();
  readonly #lengths = wholeNumbers();
  readonly #hashes = [wholeNumbers(), wholeNumbers()] as const;
  /** Whether each certainly becomes a row; empty without `certain`. */
  readonly #certain = smallNumbers();
  readonly #marks = smallNumbers();
  /** The hashes of the opposites of pairs. Shorter than the others until the first pair. */
  readonly #flipped = [wholeNumbers(), wholeNumbers()] as const;
  readonly #kinds = new Set<Example['kind']>();
  #kindList: readonly Example['kind'][] | undefined;
  readonly #collector: Collector;
  readonly #decoder = utf8();
  readonly #content: Content;
  readonly #fileName: string;
  /** Whether a row with as many bytes as characters may have texts that are not ASCII: by the mapping, or since characters are counted. */
  readonly #isWide: boolean;

  /**
   * @param content of the file, after its byte order mark: bytes of UTF-8, or characters
   * @param reader reads the text of a row
   * @param options that its rows are read with
   * @param certain says of which rows it is certain that they can be trained on; left out if that is not asked
   */
  constructor(
    content: Content,
    private readonly reader: Pick<ExampleReader, 'kind' | 'rowOf' | 'fieldsOf'>,
    { fileName, mapping, keepsColumns, unanswered }: Omit<ReadOptions, 'onExample'>,
    private readonly certain?: CertainRows,
  ) {
    this.#fileName = fileName;
    this.#content = content;
    this.#collector = new Collector(mapping, keepsColumns, undefined, 1, unanswered);
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

  /** The kinds of its examples. */
  get kinds(): readonly Example['kind'][] {
    return (this.#kindList ??= [...this.#kinds]);
  }

  lineOf(row: number): number {
    return this.#lines.at(row);
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

  /** The row as it stands in the file. @throws GraftError `data-changed` if it cannot be read there now */
  rawOf(row: number): RawRow {
    try {
      const text = this.#textOf(row);
      return rawRow(this.reader.fieldsOf(text), this.reader.kind === 'table' ? undefined : text);
    } catch (cause) {
      throw this.#changed(this.lineOf(row), cause);
    }
  }

  /** @throws GraftError `data-changed` if the file has another row there now */
  exampleOf(row: number): Example {
    const line = this.lineOf(row);
    const examples = this.#collector.examples;
    try {
      const text = this.#textOf(row);
      this.#collector.row(line, () => this.reader.rowOf(text));
    } catch (cause) {
      throw this.#changed(line, cause);
    }
    const example = examples.pop();
    if (!example) throw this.#changed(line, this.#collector.problems.at(-1)?.reason);
    const [one, other] = hashesOf(example);
    if (one !== this.#hashes[0].at(row) || other !== this.#hashes[1].at(row)) throw this.#changed(line);
    return example;
  }

  #textOf(row: number): string {
    const content = this.#content;
    const start = this.#starts.at(row);
    const end = start + this.#lengths.at(row);
    return typeof content === 'string'
      ? content.slice(start, end).trim()
      : this.#decoder.decode(content.subarray(start, end));
  }

  #changed(line: number, cause?: unknown): GraftError {
    return new GraftError(
      'data-changed',
      `Line ${line} of ${this.#fileName} has changed since the run started.`,
      'Start the run again, and do not change the file while a run reads it.',
      { cause },
    );
  }
}
