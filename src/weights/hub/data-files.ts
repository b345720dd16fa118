/** Chooses the files of a data set in a repository: the rows, without what describes them. */
import { GraftError } from '../../errors.ts';
import type { ListedFile } from './listing.ts';
import { PATH } from './place.ts';

/** Files of rows, the kind that most data sets offer first. A repository often has the same rows in several. */
const KINDS = [/\.parquet$/i, /\.(?:jsonl|ndjson)$/i, /\.json$/i, /\.(?:csv|tsv)$/i];
/** Files of JSON that describe rows. */
const ABOUT = /(?:^|\/)(?:dataset_infos?|dataset_dict|state|config|metadata)\.json$/i;

/**
 * @param file one that was asked for: its path, or the end of it
 * @returns files of the first kind that the repository has
 * @throws GraftError `hub-file-missing`, `hub-no-data`
 */
export function chooseDataFiles(
  dataSet: string,
  files: readonly ListedFile[],
  file?: string,
): readonly ListedFile[] {
  const readable = files.filter(
    ({ path }) => PATH.test(path) && !ABOUT.test(path) && KINDS.some((kind) => kind.test(path)),
  );
  if (file !== undefined) {
    const found =
      files.find(({ path }) => path === file && PATH.test(path)) ??
      readable.find(({ path }) => path.endsWith(`/${file}`));
    if (found) return [found];
    throw new GraftError(
      'hub-file-missing',
      `${dataSet} has no file ${file}.`,
      readable.length > 0 ? `It has ${listed(readable)}.` : 'It has no file of rows that Graft reads.',
    );
  }
  for (const kind of KINDS) {
    const found = readable.filter(({ path }) => kind.test(path));
    if (found.length > 0) return found;
  }
  throw new GraftError(
    'hub-no-data',
    `${dataSet} has no Parquet, JSONL, JSON, CSV or TSV file.`,
    'The hub may have converted it: ask for the revision refs/convert/parquet.',
  );
}

/** Names for a folder without folders in it: the end of each path if these differ, or else the paths with dashes. */
export function dataFileNames(paths: readonly string[]): readonly string[] {
  const ends = paths.map((path) => path.slice(path.lastIndexOf('/') + 1));
  return new Set(ends).size === ends.length ? ends : paths.map((path) => path.replaceAll('/', '-'));
}

function listed(files: readonly ListedFile[]): string {
  const names = files.slice(0, 12).map(({ path }) => path);
  return names.join(', ') + (files.length > names.length ? ` and ${files.length - names.length} more` : '');
}
