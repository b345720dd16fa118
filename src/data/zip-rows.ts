/** The files of rows in a zip. A file that is broken, or would unpack to far more than rows do, is refused by its name, and the others are kept. */
import { GraftError } from '../errors.ts';
import { ZipReader } from '../export/zip/reader.ts';
import { blobOf, HELD_BYTES, type FileContent } from './file-content.ts';
import { listed } from './file-names.ts';
import { isRowFile } from './row-endings.ts';

/** The most that a file is unpacked to: the page holds it whole. */
const MAX_FILE_BYTES = 2 ** 30;
/** The most that all of a zip's files are unpacked to. */
const MAX_ALL_BYTES = 2 * 2 ** 30;
/** Text packs to a tenth, lists of labels to a fiftieth. A file of this size or more that packs to less than {@link MAX_PACKED} is a bomb. */
const BOMB_BYTES = 64 * 2 ** 20;
const MAX_PACKED = 200;

const PACK_AGAIN = 'Pack it again, or unpack it and open the files that are inside.';
/** What systems hide, and what macOS adds. */
const HIDDEN = /(?:^|\/)(?:\.|__MACOSX\/)|\/$/;

interface ZippedFile {
  /** With its folders. */
  readonly path: string;
  readonly bytes: number;
}

/** A file of a zip that is not read, and why. */
export interface RefusedFile {
  readonly path: string;
  readonly why: string;
}

export interface ZippedRows {
  /** In the order of their names. */
  readonly files: readonly ZippedFile[];
  readonly refused: readonly RefusedFile[];
  /** Files of other kinds. */
  readonly others: readonly string[];
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A zip that is open. */
export class RowsZip implements ZippedRows {
  readonly files: readonly ZippedFile[];
  readonly others: readonly string[];

  private constructor(
    private readonly zip: ZipReader,
    private readonly where: string,
    readonly refused: readonly RefusedFile[],
  ) {
    const names = zip.names.filter((name) => !HIDDEN.test(name)).sort(byCodeUnits);
    const isRefused = new Set(refused.map(({ path }) => path));
    this.files = names
      .filter((name) => isRowFile({ name }) && !isRefused.has(name))
      .map((path) => ({ path, bytes: zip.size(path) ?? 0 }));
    this.others = names.filter((name) => !isRowFile({ name }));
  }

  /**
   * Reads the directory of a zip.
   *
   * @throws GraftError `zip-damaged` for a zip without a directory, `data-zip` for one without a file of rows
   */
  static async open(where: string, zip: Blob): Promise<RowsZip> {
    const refused: RefusedFile[] = [];
    const reader = await ZipReader.open(where, zip, PACK_AGAIN, ({ name, error }) =>
      refused.push({ path: name, why: error.what.replace(`${where} cannot be read: `, '') }),
    );
    let all = 0;
    for (const path of reader.names
      .filter((name) => isRowFile({ name }) && !HIDDEN.test(name))
      .sort(byCodeUnits)) {
      const size = reader.size(path) ?? 0;
      const why = tooMuch(path, size, reader.packed(path) ?? 0, all);
      if (why === undefined) all += size;
      else refused.push({ path, why });
    }
    const rows = new RowsZip(reader, where, refused);
    if (rows.files.length === 0) throw noRows(where, rows);
    return rows;
  }

  /** The content of one of its files; a large one is not held in memory. @throws GraftError `zip-damaged`, `zip-missing`, `file-too-large` */
  async content(path: string): Promise<FileContent> {
    const size = this.files.find((file) => file.path === path)?.bytes ?? 0;
    if (size <= HELD_BYTES || size > MAX_FILE_BYTES) return this.read(path);
    return blobOf(this.zip.chunks(path));
  }

  /** The bytes of one of its files. @throws GraftError `zip-damaged`, `zip-missing`, `file-too-large` */
  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const refused = this.refused.find((file) => file.path === path);
    if (refused) throw new GraftError('zip-damaged', `${this.where}: ${refused.why}`, PACK_AGAIN);
    return this.zip.read(path, MAX_FILE_BYTES);
  }
}

/** Why a file is not unpacked. */
function tooMuch(path: string, size: number, packed: number, before: number): string | undefined {
  if (size >= BOMB_BYTES && size > packed * MAX_PACKED)
    return `${path} would unpack from ${packed} to ${size} bytes, which rows do not.`;
  if (size > MAX_FILE_BYTES) return `${path} has ${size} bytes; at most ${MAX_FILE_BYTES} are read.`;
  if (before + size > MAX_ALL_BYTES)
    return `${path} is more than the ${MAX_ALL_BYTES} bytes that are read of a zip.`;
  return undefined;
}

function noRows(where: string, { refused, others }: ZippedRows): GraftError {
  const [bad] = refused;
  const has = others.length > 0 ? ` It has ${listed(others)}.` : '';
  return bad
    ? new GraftError('data-zip', `${where} has no file that can be read: ${bad.why}`, PACK_AGAIN)
    : new GraftError(
        'data-zip',
        `${where} has no file of rows.${has}`,
        'Choose a zip with JSONL, JSON, Parquet, CSV, TSV, HTML or text files.',
      );
}
