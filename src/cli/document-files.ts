/** The documents of a folder: which files they are, and the text of each. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeFile, encodingOf, refuseBinary } from '../data/encoding.ts';
import { GraftError, messageOf } from '../errors.ts';
import { ZipReader } from '../export/zip/reader.ts';
import type { ChunkBorders } from '../retrieval/chunks.ts';
import { markdownHeadings, sectionStarts, type Heading } from '../retrieval/headings.ts';
import { DOCX_STYLES, DOCX_TEXT, docxText } from '../retrieval/docx-text.ts';
import { htmlText } from '../retrieval/html-text.ts';
import { pdfText } from '../retrieval/pdf-text.ts';
import { readWhole } from './files.ts';

/** A document as text. */
interface DocumentText {
  readonly text: string;
  /** Where each page begins, for a document that has pages. */
  readonly pages?: readonly number[];
  /** Where its headings stand, for a document that has any. */
  readonly headings?: readonly Heading[];
}

/** The largest file that is read: far more than any book. */
const MAX_BYTES = 64 * 2 ** 20;

type Reader = (bytes: Uint8Array, name: string) => DocumentText | Promise<DocumentText>;

const readText = (bytes: Uint8Array, name: string): DocumentText => {
  refuseBinary(bytes, name);
  return { text: decodeFile(bytes, name) };
};

const readMarkdown: Reader = (bytes, name) => {
  const { text } = readText(bytes, name);
  return { text, headings: markdownHeadings(text) };
};

/** As the page says that it is encoded, which old ones do; else as other text. */
const readHtml: Reader = (bytes, name) => {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, HEAD_BYTES));
  const label = /<meta[^>]+charset\s*=\s*["']?([\w-]+)/i.exec(head)?.[1].toLowerCase();
  if (label === undefined || label === 'utf-8' || encodingOf(bytes) !== 'utf-8')
    return htmlText(readText(bytes, name).text);
  try {
    return htmlText(new TextDecoder(label, { fatal: true }).decode(bytes));
  } catch (cause) {
    if (cause instanceof GraftError) throw cause;
    throw new GraftError(
      'data-encoding',
      `${name} is not valid ${label}, which it says that it is.`,
      'Save it as UTF-8.',
      { cause },
    );
  }
};

/** Bytes in which a page says how it is encoded. */
const HEAD_BYTES = 1024;

const SAVE_AGAIN = 'Save it again with the program that wrote it.';

async function readDocx(bytes: Uint8Array, name: string): Promise<DocumentText> {
  const zip = await ZipReader.open(name, new Blob([new Uint8Array(bytes)]), SAVE_AGAIN);
  const partOf = async (part: string): Promise<string> =>
    new TextDecoder().decode(await zip.read(part, MAX_BYTES));
  const styles = zip.names.includes(DOCX_STYLES) ? await partOf(DOCX_STYLES) : undefined;
  return docxText(await partOf(DOCX_TEXT), styles);
}

/** Readers by the endings of files. */
const READERS: Readonly<Record<string, Reader>> = {
  txt: readText,
  text: readText,
  md: readMarkdown,
  markdown: readMarkdown,
  rst: readText,
  html: readHtml,
  htm: readHtml,
  xhtml: readHtml,
  pdf: pdfText,
  docx: readDocx,
};

export const DOCUMENT_ENDINGS: readonly string[] = Object.keys(READERS);

const endingOf = (name: string): string => /\.([^./]+)$/.exec(name)?.[1].toLowerCase() ?? '';

/** Documents in one place. */
export interface Documents extends FoundFiles {
  /** @throws GraftError `file-missing`, `zip-damaged`, `file-too-large` */
  read(file: string): Promise<Uint8Array>;
}

/** The documents of a folder, or of a zip of one. @throws GraftError `file-missing`, `zip-damaged`, `document-size` */
export async function openDocuments(path: string): Promise<Documents> {
  if (endingOf(path) === 'zip' && statSync(path, { throwIfNoEntry: false })?.isFile()) return openZip(path);
  return { ...findDocuments(path), read: (file) => readWhole(join(path, file)) };
}

/** The largest zip that is read: it is held while its files are. */
const MAX_ZIP = 512 * 2 ** 20;

async function openZip(path: string): Promise<Documents> {
  const { size } = statSync(path);
  if (size > MAX_ZIP)
    throw new GraftError(
      'document-size',
      `${path} has ${size} bytes; at most ${MAX_ZIP} of a zip are read.`,
      'Unpack it, and give the folder.',
    );
  const file = new Blob([new Uint8Array(await readWhole(path))]);
  const zip = await ZipReader.open(path, file, 'Pack it again, or give the folder.');
  // What a folder hides, and what macOS adds.
  const names = zip.names.filter((name) => !/(?:^|\/)(?:\.|__MACOSX\/)|\/$/.test(name)).sort(byCodeUnits);
  const isDocument = (name: string): boolean => Object.hasOwn(READERS, endingOf(name));
  return {
    documents: names.filter(isDocument),
    others: names.filter((name) => !isDocument(name)),
    read: (name) => zip.read(name, MAX_BYTES),
  };
}

interface FoundFiles {
  /** Paths of documents from the folder on, with /, in order. */
  readonly documents: readonly string[];
  /** Files of other kinds, which are not read. */
  readonly others: readonly string[];
}

/**
 * The files of a folder and of all folders in it. Names that begin with a dot are passed over. A folder that several links lead to is read once.
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
      else if (stats?.isFile() && Object.hasOwn(READERS, endingOf(name))) documents.push(file);
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

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The text of a document.
 *
 * @param name from the folder on, which decides how it is read
 * @throws GraftError `document-size`, `document-depth`, `pdf-password`, `pdf-damaged`, `zip-damaged`, `zip-missing`, `data-binary`, `data-encoding`
 */
export async function readDocument(name: string, bytes: Uint8Array): Promise<DocumentText> {
  if (bytes.length > MAX_BYTES)
    throw new GraftError(
      'document-size',
      `${name} has ${bytes.length} bytes; at most ${MAX_BYTES} of a document are read.`,
      'Divide it into several files.',
    );
  return READERS[endingOf(name)](bytes, name);
}

/** The places that no chunk spans. A document without headings or pages has none. */
export function bordersOf(
  { text, pages = [], headings = [] }: DocumentText,
  by: ChunkBorders,
): readonly number[] {
  return by === 'headings' ? sectionStarts(text, headings) : by === 'pages' ? pages : [];
}

/** The page of a place, from 1; null for a document without pages. */
export function pageOf({ pages }: DocumentText, at: number): number | null {
  if (!pages) return null;
  const next = pages.findIndex((start) => start > at);
  return next < 0 ? pages.length : Math.max(1, next);
}
