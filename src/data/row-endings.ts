/** Files of rows by their endings: what `file-kind.ts` reads, pickers take, and a zip is searched for. The manifest of the app (vite.config.ts) names them, too. */

export type FileKind = 'jsonl' | 'json' | 'parquet' | 'table' | 'text';

/** What a file with this ending is. The first row of a `.json` file decides between a list and a row a line. */
export const KIND_OF_ENDING = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'json',
  parquet: 'parquet',
  csv: 'table',
  tsv: 'table',
  tab: 'table',
  txt: 'text',
  md: 'text',
  html: 'table',
  htm: 'table',
} as const satisfies Readonly<Record<string, FileKind>>;

/** With their dots. */
export const ROW_ENDINGS: readonly string[] = Object.keys(KIND_OF_ENDING).map((ending) => `.${ending}`);

/** Whether a file's ending is one of {@link ROW_ENDINGS}, in any case. */
export const isRowFile = ({ name }: { readonly name: string }): boolean =>
  ROW_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending));
