/** Added files → documents to read: those of zips with them, without the folder that all of them lie in. */
import { GraftError } from '../../errors.ts';
import { ZipReader } from '../../export/zip/reader.ts';
import { printable } from '../../printable.ts';
import {
  checkDocumentSize,
  documentsAmong,
  endingOf,
  MAX_DOCUMENT_BYTES,
} from '../../retrieval/read-document.ts';
import type { BadDocument, FileAt } from '../api/documents.ts';
import { failureOf } from '../outcome.ts';

/** A document that can be read. */
export interface GivenDocument {
  readonly file: string;
  /** @throws GraftError `document-size`, `zip-damaged`, `file-too-large`, `document-unreadable` */
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

interface Collected {
  readonly documents: readonly GivenDocument[];
  readonly others: readonly string[];
  readonly bad: readonly BadDocument[];
}

/** What files hold. A zip that cannot be read is named, and so is a file whose name an earlier one has; the rest stays. */
export async function collectDocuments(files: readonly FileAt[]): Promise<Collected> {
  const prefix = commonFolder(files.map(({ path }) => path));
  const given = files.map(({ path, file }) => ({ path: shownName(path.slice(prefix.length)), file }));
  const zips = given.filter(({ path }) => endingOf(path) === 'zip' && !/(?:^|\/)\./.test(path));
  const byPath = new Map<string, File>();
  const again: string[] = [];
  for (const { path, file } of given.filter((each) => !zips.includes(each)))
    if (byPath.has(path)) again.push(path);
    else byPath.set(path, file);
  const loose = documentsAmong([...byPath.keys()]);
  const documents = loose.documents.map((file) => ({ file, read: () => readFile(file, byPath.get(file)!) }));
  const others = [...loose.others];
  const bad: BadDocument[] = again
    .filter((file) => loose.documents.includes(file))
    .map((file) => ({ file, ...failureOf(takenName(file)) }));
  const taken = new Set(loose.documents);
  for (const { path, file } of zips) {
    try {
      const zip = await ZipReader.open(path, file, 'Pack it again, or add its folder.');
      const found = documentsAmong(zip.names);
      for (const inside of found.documents) {
        const name = shownName(inside);
        if (taken.has(name))
          bad.push({ file: `${path}/${name}`, ...failureOf(takenName(`${path}/${name}`)) });
        else documents.push({ file: name, read: () => zip.read(inside, MAX_DOCUMENT_BYTES) });
        taken.add(name);
      }
      others.push(...found.others.map(shownName));
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      bad.push({ file: path, ...failureOf(error) });
    }
  }
  return { documents, others, bad };
}

/** A path as it is shown: one line, which no character of it reorders, so that nobody reads another ending than it has. */
const shownName = (path: string): string => printable(path).replaceAll(/\s/g, ' ');

const takenName = (file: string): GraftError =>
  new GraftError(
    'document-name',
    `${file} has the name of another file that was added with it.`,
    'Give one of the two another name, or put it into a folder.',
  );

async function readFile(name: string, file: File): Promise<Uint8Array<ArrayBuffer>> {
  checkDocumentSize(name, file.size);
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (cause) {
    throw new GraftError(
      'document-unreadable',
      `${name} cannot be read any more.`,
      'It was moved or changed since it was chosen: add it again.',
      { cause },
    );
  }
}

/** The folder that all paths start with, with its slash; empty if there is none. */
function commonFolder(paths: readonly string[]): string {
  const [first = ''] = paths;
  const folder = first.slice(0, first.indexOf('/') + 1);
  return folder !== '' && paths.every((path) => path.startsWith(folder)) ? folder : '';
}
