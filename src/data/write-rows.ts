/** Rows as a file: JSONL or Parquet, as they are or in another form, with the columns that they do not use. Read again they are the same rows. */
import { GraftError } from '../errors.ts';
import { changed, itemOf, itemsOf, type List } from '../lists.ts';
import type { JsonObject } from '../json.ts';
import type { ExampleContent } from '../text/trainable.ts';
import type { Example } from './example.ts';
import { rawContentAs, type RowForm } from './raw-content.ts';
import { writeParquet } from './write-parquet.ts';

export type { RowForm } from './raw-content.ts';

export const ROW_FORMS = ['own', 'messages', 'completion'] as const satisfies readonly RowForm[];
export const FILE_FORMATS = ['jsonl', 'parquet'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** Rows of a piece of text. */
const PIECE_ROWS = 1000;

function fieldsOf(example: Example, form: RowForm): JsonObject {
  const { line: _, columns, notes: __, ...content } = example;
  const own = rawContentAs(content as ExampleContent, form);
  // A column may have the name of a field of the form that it is written in.
  return {
    ...own,
    ...Object.fromEntries(Object.entries(columns ?? {}).filter(([name]) => !Object.hasOwn(own, name))),
  };
}

/**
 * @returns the file in pieces, each made as it is asked for
 * @throws GraftError `export-mixed` for rows of several kinds as Parquet, whose rows all have the same columns; `data-rows` for none
 */
export function writeRows(
  examples: List<Example>,
  format: FileFormat,
  form: RowForm,
): Iterable<string | Uint8Array<ArrayBuffer>> {
  if (examples.length === 0)
    throw new GraftError('data-rows', 'There are no rows to write.', 'Choose other rows.');
  if (format === 'jsonl') return jsonlOf(examples, form);
  const rows = [...itemsOf(changed(examples, (example) => fieldsOf(example, form)))];
  const kinds = [...new Set(rows.map(shapeOf))];
  if (kinds.length > 1)
    throw new GraftError(
      'export-mixed',
      `The rows have several kinds (${kinds.join('; ')}), and a Parquet file has one.`,
      'Write them as JSONL, or choose one form for all.',
    );
  return writeParquet(rows);
}

/** Lines of JSON, piece by piece. */
function* jsonlOf(examples: List<Example>, form: RowForm): Generator<string> {
  for (let from = 0; from < examples.length; from += PIECE_ROWS) {
    let piece = '';
    for (let at = from; at < Math.min(examples.length, from + PIECE_ROWS); at++)
      piece += `${JSON.stringify(fieldsOf(itemOf(examples, at), form))}\n`;
    yield piece;
  }
}

/** The fields that say what a row is, and whether they hold texts or turns. */
function shapeOf(row: JsonObject): string {
  const known = ['messages', 'prompt', 'completion', 'chosen', 'rejected', 'text', 'query', 'ids', 'label'];
  return known
    .filter((name) => Object.hasOwn(row, name))
    .map((name) => (Array.isArray(row[name]) ? `${name} as a list` : name))
    .join(', ');
}
