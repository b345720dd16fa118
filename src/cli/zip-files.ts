/** Files of rows inside of a zip: `rows.zip` stands for all of them, `rows.zip/train.jsonl` for one. */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isTestFile, listed } from '../data/file-names.ts';
import { RowsZip } from '../data/zip-rows.ts';
import { GraftError } from '../errors.ts';
import type { Output } from './output.ts';

/** The largest zip that is read: it is held while its files are. */
const MAX_ZIP_BYTES = 512 * 2 ** 20;
const ZIP = /\.zip$/i;
const INSIDE = /^(.+?\.zip)[\\/](.+)$/i;

/** Zips that are open: each is read once. */
const zips = new Map<string, Promise<RowsZip>>();

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

/** @throws GraftError `zip-damaged`, `data-zip`, `data-too-large` */
function openZip(path: string): Promise<RowsZip> {
  const { size, mtimeMs } = statSync(path);
  if (size > MAX_ZIP_BYTES)
    throw new GraftError(
      'data-too-large',
      `${path} has ${size} bytes; at most ${MAX_ZIP_BYTES} of a zip are read.`,
      'Unpack it, and give the files that are inside.',
    );
  const key = `${path}\0${size}\0${mtimeMs}`;
  const known = zips.get(key);
  if (known) return known;
  const opened = readFile(path).then((bytes) => RowsZip.open(path, new Blob([new Uint8Array(bytes)])));
  zips.set(key, opened);
  return opened;
}

/** The bytes of a file in a zip, for a path that leads into one; undefined for other paths. @throws GraftError as {@link openZip}, `zip-missing` */
export async function readZipped(path: string): Promise<Uint8Array | undefined> {
  const [, zip, file] = INSIDE.exec(path) ?? [];
  return zip !== undefined && isFile(zip) ? (await openZip(zip)).read(file.replaceAll('\\', '/')) : undefined;
}

/** The files of rows that a path stands for: those of a zip, or the path itself. Says which files of the zip are refused. */
async function filesOf(path: string, output: Output): Promise<readonly string[]> {
  if (!ZIP.test(path) || !isFile(path)) return [path];
  const { files, refused } = await openZip(path);
  for (const { why } of refused) output.line(`Not read: ${why}`);
  return files.map((file) => `${path}/${file.path}`);
}

/** The one file that a path stands for. @throws GraftError `data-zip-files` for a zip with several */
export async function oneFile(path: string, output: Output): Promise<string> {
  const files = await filesOf(path, output);
  if (files.length === 1) return files[0];
  throw new GraftError(
    'data-zip-files',
    `${path} has ${files.length} files of rows: ${listed(files)}.`,
    `Name one of them, as ${files[0]}.`,
  );
}

/** The files of a call. */
interface CallFiles {
  readonly file: string;
  readonly test?: string;
  readonly more: readonly string[];
}

/**
 * The files of a call with those of zips in place of the zips.
 *
 * @param isMixture whether each file is a task
 * @throws GraftError `data-zip-files` for a zip with several files if one is needed, and for one with test rows among them, which nobody has named
 */
export async function withZippedFiles<Asked extends CallFiles>(
  asked: Asked,
  isMixture: boolean,
  output: Output,
): Promise<Asked> {
  const { test } = asked;
  const all = async (path: string): Promise<readonly string[]> => {
    if (isMixture) return [await oneFile(path, output)];
    const files = await filesOf(path, output);
    const testFile = files.find((file) => file !== path && isTestFile(file.slice(path.length)));
    if (files.length > 1 && testFile !== undefined)
      throw new GraftError(
        'data-zip-files',
        `${path} has test rows among its files: ${listed(files)}.`,
        `Name the rows and the test rows: --data ${files.find((file) => file !== testFile) ?? ''} --test-data ${testFile}.`,
      );
    return files;
  };
  const [file, ...others] = await all(asked.file);
  const more: string[] = [...others];
  for (const path of asked.more) more.push(...(await all(path)));
  return { ...asked, file, more, ...(test !== undefined && { test: await oneFile(test, output) }) };
}
