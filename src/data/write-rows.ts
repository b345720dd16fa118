/** Rows as a file: JSONL or Parquet, as they are or in another form, with the columns that they do not use. Read again they are the same rows. */
import { GraftError } from '../errors.ts';
import { PART_COLUMNS } from './columns.ts';
import { changed, itemOf, itemsOf, type List } from '../lists.ts';
import type { JsonObject } from '../json.ts';
import type { ExampleContent } from '../text/trainable.ts';
import type { Example } from './example.ts';
import { partNamed } from './given-parts.ts';
import type { Part } from './parts.ts';
import { rawContentAs, type RowForm } from './raw-content.ts';
import { writeParquet } from './write-parquet.ts';

export type { RowForm } from './raw-content.ts';

export const ROW_FORMS = ['own', 'messages', 'completion'] as const satisfies readonly RowForm[];
export const FILE_FORMATS = ['jsonl', 'parquet'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** A column that says which part each row is in. */
export interface PartColumn {
  readonly name: string;
  /** The part of a row; undefined for one that is left out, whose field is empty. */
  partOf(row: number): Part | undefined;
}

/**
 * The column of parts for rows: the one that gave them, or the first that none of them has.
 *
 * @param by the column that gave the parts, if one did
 * @param columns of the rows
 * @returns undefined if the rows have both columns already
 */
export const partColumnFor = (by: string | undefined, columns: readonly string[]): string | undefined =>
  by ?? PART_COLUMNS.find((name) => !columns.includes(name));

/** What the row says of its part, and the name of the part if it says another one. */
function withPart(fields: JsonObject, name: string, part: Part | undefined): JsonObject {
  const own = fields[name];
  const isSame = typeof own === 'string' && partNamed(own) === part;
  return isSame ? fields : { ...fields, [name]: part ?? '' };
}

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
 * @param parts adds a column
 * @returns the file in pieces, each made as it is asked for
 * @throws GraftError `export-mixed` for rows of several kinds as Parquet, whose rows all have the same columns; `data-rows` for none
 */
export function writeRows(
  examples: List<Example>,
  format: FileFormat,
  form: RowForm,
  parts?: PartColumn,
): Iterable<string | Uint8Array<ArrayBuffer>> {
  if (examples.length === 0)
    throw new GraftError('data-rows', 'There are no rows to write.', 'Choose other rows.');
  const written = changed(examples, (example, row) => {
    const fields = fieldsOf(example, form);
    return parts ? withPart(fields, parts.name, parts.partOf(row)) : fields;
  });
  if (format === 'jsonl') return jsonlOf(written);
  const rows = [...itemsOf(written)];
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
function* jsonlOf(rows: List<JsonObject>): Generator<string> {
  for (let from = 0; from < rows.length; from += PIECE_ROWS) {
    let piece = '';
    for (let at = from; at < Math.min(rows.length, from + PIECE_ROWS); at++)
      piece += `${JSON.stringify(itemOf(rows, at))}\n`;
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
