/** Files → documents: their text, where pages start and headings stand. What a file is shows its ending. */
import { decodeDocument, decodePageDocument, refuseBinary, type DecodedDocument } from '../data/encoding.ts';
import { GraftError } from '../errors.ts';
import { ZipReader } from '../export/zip/reader.ts';
import type { ChunkBorders } from './chunks.ts';
import { DOCX_STYLES, DOCX_TEXT, docxText } from './docx-text.ts';
import { markdownHeadings, sectionStarts, type Heading } from './headings.ts';
import { htmlText } from './html-text.ts';
import type { ReadPdf } from './watched-pdfs.ts';

/** A document as text. */
export interface DocumentText extends DecodedDocument {
  /** Where each page starts, for a document that has pages. */
  readonly pages?: readonly number[];
  /** Where its headings stand, for a document that has any. */
  readonly headings?: readonly Heading[];
}

/** The largest file that is read: far more than any book. */
export const MAX_DOCUMENT_BYTES = 64 * 2 ** 20;

type Reader = (bytes: Uint8Array, name: string, readPdf: ReadPdf) => DocumentText | Promise<DocumentText>;

const SAVE_AS_TEXT = 'Save it as plain text, HTML or PDF in the program that made it, and add that file.';

const readText = (bytes: Uint8Array, name: string): DocumentText => {
  refuseBinary(bytes, name, SAVE_AS_TEXT);
  return decodeDocument(bytes, name);
};

const readMarkdown: Reader = (bytes, name) => {
  const read = readText(bytes, name);
  return { ...read, headings: markdownHeadings(read.text) };
};

const readHtml: Reader = (bytes, name) => {
  refuseBinary(bytes, name, SAVE_AS_TEXT);
  const { text, ...encoding } = decodePageDocument(bytes, name);
  return { ...htmlText(text), ...encoding };
};

const SAVE_AGAIN = 'Save it again with the program that wrote it.';

async function readDocx(bytes: Uint8Array, name: string): Promise<DocumentText> {
  const zip = await ZipReader.open(name, new Blob([new Uint8Array(bytes)]), SAVE_AGAIN);
  const partOf = async (part: string): Promise<string> =>
    new TextDecoder().decode(await zip.read(part, MAX_DOCUMENT_BYTES));
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
  pdf: (bytes, name, readPdf) => readPdf(bytes, name),
  docx: readDocx,
};

export const DOCUMENT_ENDINGS: readonly string[] = Object.keys(READERS);

/** The ending of a file's name in lower case, without its dot; empty if it has none. */
export const endingOf = (name: string): string => /\.([^./]+)$/.exec(name)?.[1].toLowerCase() ?? '';

/** Whether the name is that of a file that is read. */
export const isDocument = (name: string): boolean => Object.hasOwn(READERS, endingOf(name));

/** What a folder hides, what macOS adds to a zip, and the folders of a zip. */
const HIDDEN = /(?:^|\/)(?:\.|__MACOSX\/)|\/$/;

export interface FoundFiles {
  /** Paths of documents from the folder on, with /, in order. */
  readonly documents: readonly string[];
  /** Files of other kinds, which are not read. */
  readonly others: readonly string[];
}

/** Which of the paths are documents. Hidden ones are left out. */
export function documentsAmong(paths: readonly string[]): FoundFiles {
  const names = paths.filter((name) => !HIDDEN.test(name)).sort(byCodeUnits);
  return { documents: names.filter(isDocument), others: names.filter((name) => !isDocument(name)) };
}

/** The order of files in an index. */
export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The text of a document.
 *
 * @param name from the folder on, which decides how it is read
 * @throws GraftError `document-size`, `document-depth`, `zip-damaged`, `zip-missing`, `data-binary`, `data-encoding`, and as `ReadPdf`
 */
export async function readDocumentText(
  name: string,
  bytes: Uint8Array,
  readPdf: ReadPdf,
): Promise<DocumentText> {
  checkDocumentSize(name, bytes.length);
  return READERS[endingOf(name)](bytes, name, readPdf);
}

/** Refuses a file that is too large, also before it is in memory. @throws GraftError `document-size` */
export function checkDocumentSize(name: string, bytes: number): void {
  if (bytes > MAX_DOCUMENT_BYTES)
    throw new GraftError(
      'document-size',
      `${name} has ${bytes} bytes; at most ${MAX_DOCUMENT_BYTES} of a document are read.`,
      'Divide it into several files.',
    );
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
