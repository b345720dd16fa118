/** Reads and tokenizes with a report of progress: a million rows take a minute or two, which should not pass in silence. */
import { ExampleReader, type ReadOptions, type ReadResult } from '../data/formats.ts';
import { sureMapping } from '../data/columns.ts';
import type { Example } from '../data/example.ts';
import { RowMaker, type Prepared, type PreparedRow, type PrepareOptions } from '../data/prepare.ts';
import { inspectHead } from '../data/sheet.ts';
import { HEAD_BYTES } from '../data/sheet-types.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { shellWord } from '../text/shell.ts';
import type { Output } from './output.ts';

/** Rows between two checks of the clock. */
const ROWS_BETWEEN = 64;

const number = (value: number): string => value.toLocaleString('en');

/** As `readExamples`, and reports progress. @throws GraftError as `readExamples` */
export function readRows(content: Uint8Array, options: ReadOptions, output: Output): ReadResult {
  const reader = new ExampleReader(content, options);
  let rows = 0;
  for (const share of reader.read())
    if (++rows % ROWS_BETWEEN === 0)
      output.progress(
        `Reading ${options.fileName}: ${number(rows)} rows, ${Math.min(100, Math.floor(100 * share))} %`,
      );
  output.clear();
  return reader.result();
}

/**
 * The options with a mapping, where the file has none and its columns are of no known format, but prompt and answer are clear from their names. Says so.
 */
export function withGuess(content: Uint8Array, options: ReadOptions, output: Output): ReadOptions {
  const { fileName, mapping, header, delimiter } = options;
  if (mapping) return options;
  const sheet = inspectHead(content.subarray(0, HEAD_BYTES), fileName, { header, delimiter });
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
