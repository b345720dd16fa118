/**
 * The rows of a file whose rows are parts of it, without the rows: their numbers, and the file, from which an example is read again when it is needed.
 */
import { GraftError } from '../errors.ts';
import type { CertainRows } from './certain-rows.ts';
import { Collector } from './collector.ts';
import type { Example } from './example.ts';
import type { ExampleReader, ReadOptions } from './formats.ts';
import { utf8, type Content } from './lines.ts';
import { rawRow, type RawRow } from './raw-rows.ts';
import { hashesOf } from './row-hashes.ts';
import { RowNumbers } from './row-numbers.ts';

export class RowIndex extends RowNumbers {
  readonly #collector: Collector;
  readonly #decoder = utf8();
  readonly #content: Content;
  readonly #fileName: string;

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
    certain?: CertainRows,
  ) {
    super(content, mapping, certain);
    this.#fileName = fileName;
    this.#content = content;
    this.#collector = new Collector(mapping, keepsColumns, undefined, 1, unanswered);
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
    const [knownOne, knownOther] = this.hashesOf(row);
    if (one !== knownOne || other !== knownOther) throw this.#changed(line);
    return example;
  }

  #textOf(row: number): string {
    const content = this.#content;
    const { start, length } = this.placeOf(row);
    const end = start + length;
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
