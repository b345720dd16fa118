/** The documents of a folder, or of a zip of one. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GraftError, messageOf } from '../errors.ts';
import { ZipReader } from '../export/zip/reader.ts';
import {
  byCodeUnits,
  documentsAmong,
  endingOf,
  isDocument,
  MAX_DOCUMENT_BYTES,
  type FoundFiles,
} from '../retrieval/read-document.ts';
import { readWhole } from './files.ts';

/** Documents in one place. */
export interface DocumentFiles extends FoundFiles {
  /** @throws GraftError `file-missing`, `zip-damaged`, `file-too-large` */
  read(file: string): Promise<Uint8Array>;
}

/** The documents of a folder, or of a zip of one. @throws GraftError `file-missing`, `zip-damaged`, `document-size` */
export async function openDocuments(path: string): Promise<DocumentFiles> {
  if (endingOf(path) === 'zip' && statSync(path, { throwIfNoEntry: false })?.isFile()) return openZip(path);
  return { ...findDocuments(path), read: (file) => readWhole(join(path, file)) };
}

/** The largest zip that is read: it is held while its files are. */
const MAX_ZIP = 512 * 2 ** 20;

async function openZip(path: string): Promise<DocumentFiles> {
  const { size } = statSync(path);
  if (size > MAX_ZIP)
    throw new GraftError(
      'document-size',
      `${path} has ${size} bytes; at most ${MAX_ZIP} of a zip are read.`,
      'Unpack it, and give the folder.',
    );
  const file = new Blob([new Uint8Array(await readWhole(path))]);
  const zip = await ZipReader.open(path, file, 'Pack it again, or give the folder.');
  return { ...documentsAmong(zip.names), read: (name) => zip.read(name, MAX_DOCUMENT_BYTES) };
}

/**
 * The files of a folder and of all folders in it. Names that start with a dot are passed over. A folder that several links lead to is read once.
 *
 * @throws GraftError `file-missing`
 */
function findDocuments(folder: string): FoundFiles {
  const documents: string[] = [];
  const others: string[] = [];
  const seen = new Set<string>();
  const walk = (path: string, inside: string): void => {
    const real = realpathSync(path);
    if (seen.has(real)) return;
    seen.add(real);
    for (const name of readdirSync(path)) {
      if (name.startsWith('.')) continue;
      const [full, file] = [join(path, name), inside + name];
      const stats = statSync(full, { throwIfNoEntry: false });
      if (stats?.isDirectory()) walk(full, `${file}/`);
      // A link that leads nowhere is named when it is read.
      else if ((stats?.isFile() ?? true) && isDocument(name)) documents.push(file);
      else others.push(file);
    }
  };
  try {
    walk(folder, '');
  } catch (cause) {
    throw new GraftError(
      'file-missing',
      `The documents in ${folder} could not be listed: ${messageOf(cause)}.`,
      'Give a folder that can be read.',
      { cause },
    );
  }
  return { documents: documents.sort(byCodeUnits), others: others.sort(byCodeUnits) };
}
