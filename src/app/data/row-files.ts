/** Endings of files of rows: what the pickers take, and what a drop takes for rows. The manifest of the app names them, too. */
export const ROW_ENDINGS = [
  '.jsonl',
  '.ndjson',
  '.json',
  '.parquet',
  '.csv',
  '.tsv',
  '.tab',
  '.txt',
  '.md',
] as const;

/** For the `accept` of a picker. */
export const ROW_FILES = ROW_ENDINGS.join(',');

/** Whether a file's ending is one of {@link ROW_ENDINGS}, in any case. */
export const isRowFile = ({ name }: Pick<File, 'name'>): boolean =>
  ROW_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending));
