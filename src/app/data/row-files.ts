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
  '.html',
  '.htm',
] as const;

/** For the `accept` of a picker of one file. */
export const ROW_FILES = ROW_ENDINGS.join(',');
/** For the `accept` of a picker of one file, or of a zip of several. */
export const ROW_FILES_OR_ZIP = `${ROW_FILES},.zip`;

/** Whether a file's ending is one of {@link ROW_ENDINGS}, in any case. */
export const isRowFile = ({ name }: Pick<File, 'name'>): boolean =>
  ROW_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending));
