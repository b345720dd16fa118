/** Reads and tokenizes with a report of progress: a million rows take a minute or two, which should not pass in silence. */
import { ExampleReader, type ReadOptions, type ReadResult } from '../data/formats.ts';
import { sureMapping } from '../data/columns.ts';
import type { Example } from '../data/example.ts';
import type { Bytes, Content } from '../data/lines.ts';
import { RowMaker, type Prepared, type PreparedRow, type PrepareOptions } from '../data/prepare.ts';
import { RowIndex } from '../data/row-index.ts';
import { inspectHead } from '../data/sheet.ts';
import { HEAD_BYTES } from '../data/sheet-types.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { shellWord } from '../text/shell.ts';
import type { Output } from './output.ts';

/** Rows between two checks of the clock. */
const ROWS_BETWEEN = 64;

/** The first bytes of a file. */
export const headOf = (content: Bytes): Uint8Array =>
  content.subarray(0, Math.min(HEAD_BYTES, content.length));

const number = (value: number): string => value.toLocaleString('en');

/** The rows of a file: their examples, or an index of a file that is too large to hold them. */
export interface ReadRows extends ReadResult {
  readonly index?: RowIndex;
}

/** The most rows and bytes of a file whose examples are held. */
export interface HeldRows {
  readonly rows: number;
  readonly bytes: number;
}

export const HELD: HeldRows = { rows: 20_000, bytes: 64 * 2 ** 20 };

/** As `readExamples`, and reports progress. @throws GraftError as `readExamples` */
export function readRows(content: Content, options: ReadOptions, output: Output): ReadResult {
  const reader = new ExampleReader(content, options);
  readAll(reader, options.fileName, output);
  return reader.result();
}

/** Reads a file, and keeps where its rows are if it is too large to hold them. @throws GraftError as `readExamples` */
export function indexRows(
  content: Content,
  options: ReadOptions,
  output: Output,
  held: HeldRows = HELD,
): ReadRows {
  const { kind, content: bytes } = new ExampleReader(content, options);
  // JSON and tables are decoded as a whole. Rewards may read every column.
  if (kind !== 'jsonl' || typeof bytes === 'string' || options.keepsColumns)
    return readRows(content, options, output);
  const index = new RowIndex(bytes, options.fileName, options.mapping);
  let examples: Example[] | undefined = [];
  const reader = new ExampleReader(content, {
    ...options,
    onExample(example, source) {
      if (!source) return;
      index.add(example, source);
      examples?.push(example);
      if (examples && (examples.length > held.rows || (source.start ?? 0) > held.bytes)) examples = undefined;
    },
  });
  readAll(reader, options.fileName, output);
  const { unmapped } = reader;
  const result = reader.result();
  // Prompts without answers are learned from by sampling, which needs all of them; and whoever has nothing reads why.
  if (index.length === 0 || unmapped) return readRows(content, options, output);
  return examples ? { ...result, examples } : { ...result, index };
}

function readAll(reader: ExampleReader, fileName: string, output: Output): void {
  let rows = 0;
  for (const share of reader.read())
    if (++rows % ROWS_BETWEEN === 0)
      output.progress(
        `Reading ${fileName}: ${number(rows)} rows, ${Math.min(100, Math.floor(100 * share))} %`,
      );
  output.clear();
}

/**
 * The options with a mapping, where the file has none and its columns are of no known format, but prompt and answer are clear from their names. Says so.
 */
export function withGuess(content: Bytes, options: ReadOptions, output: Output): ReadOptions {
  const { fileName, mapping, header, delimiter } = options;
  if (mapping) return options;
  const sheet = inspectHead(headOf(content), fileName, { header, delimiter });
  if (!sheet || sheet.format !== undefined) return options;
  const guess = sureMapping(sheet.columns);
  if (!guess || 'text' in guess) return options;
  const { system, prompt, input, answer } = guess;
  const named = Object.entries({ system, prompt, input, answer }).flatMap(([part, template]) =>
    template === undefined ? [] : [`--${part}-template ${shellWord(template)}`],
  );
  output.line(`Columns by their names: ${named.join(' ')}`);
  return { ...options, mapping: guess };
}

/**
 * As `prepareRows`, and reports progress.
 *
 * @param onRows called with the rows of each example
 * @throws GraftError as `prepareRows`
 */
export function tokenizeRows(
  examples: readonly Example[],
  tokenizer: Tokenizer | undefined,
  options: PrepareOptions,
  output: Output,
  onRows?: (example: Example, rows: readonly PreparedRow[]) => void,
): Prepared {
  const maker = new RowMaker(tokenizer, options);
  examples.forEach((example, index) => {
    const before = maker.rows.length;
    maker.add(example);
    // The rest of documents that are packed end to end comes with the last document.
    if (index === examples.length - 1) maker.finish();
    onRows?.(example, maker.rows.slice(before));
    const done = index + 1;
    if (done % ROWS_BETWEEN === 0)
      output.progress(`Tokenizing: ${number(done)} of ${number(examples.length)} rows`);
  });
  output.clear();
  return maker.result();
}
