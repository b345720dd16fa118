/** The text of a PDF, page by page, by pdf.js. */
import { GraftError, messageOf } from '../errors.ts';
import type { CharacterMaps } from './character-maps.ts';

/** More than any book; a small file can claim any number. */
const MAX_PAGES = 10_000;
/** UTF-16 code units of a document. */
const MAX_TEXT = 32 * 2 ** 20;
/** Pieces of text of a page. A full page of a newspaper has some thousand. */
const MAX_PIECES = 500_000;
/** The distance of two lines, in heights of a line, that parts paragraphs. */
const PARAGRAPH_GAP = 1.6;
/** Lines at both ends of a page that may be a running head or a page number. */
const EDGE_LINES = 2;

export interface PdfText {
  readonly text: string;
  /** Where each page starts in the text. */
  readonly pages: readonly number[];
}

interface Line {
  text: string;
  /** Points from the bottom of the page. */
  readonly y: number;
  height: number;
}

/** A piece of a line as pdf.js has it; other kinds of items mark content and have no text. */
interface Item {
  readonly str?: string;
  readonly hasEOL?: boolean;
  readonly height?: number;
  readonly transform?: readonly number[];
}

/**
 * The text of a PDF. Lines stay lines, paragraphs are apart by an empty line. Lines at the top and bottom that are the same on most pages but for their
 * numbers, and bare page numbers, are left out.
 *
 * @param name for messages
 * @param maps for fonts that the PDF only names
 * @param onPage called after each page
 * @throws GraftError `pdf-password`, `pdf-damaged`, `document-size`, and those of `maps`
 */
export async function pdfText(
  bytes: Uint8Array,
  name: string,
  maps: CharacterMaps,
  onPage: () => void = () => undefined,
): Promise<PdfText> {
  const { getDocument, VerbosityLevel } = await import('unpdf/pdfjs');
  const files = filesOf(maps);
  const loading = getDocument({
    // pdf.js takes the memory over.
    data: new Uint8Array(bytes),
    useSystemFonts: false,
    disableFontFace: true,
    useWorkerFetch: false,
    cMapPacked: true,
    BinaryDataFactory: files.Factory,
    // Nothing is drawn.
    isEvalSupported: false,
    maxImageSize: 1,
    verbosity: VerbosityLevel.ERRORS,
  });
  try {
    const document = await loading.promise;
    if (document.numPages > MAX_PAGES)
      throw tooLarge(name, `has ${document.numPages} pages`, `${MAX_PAGES} pages`);
    const pages: Line[][] = [];
    let length = 0;
    for (let number = 1; number <= document.numPages; number++) {
      const page = await document.getPage(number);
      const lines = linesOf(await itemsOf(page.streamTextContent(), `Page ${number} of ${name}`));
      page.cleanup();
      if (files.failure) throw files.failure;
      length += lines.reduce((sum, { text }) => sum + text.length + 1, 0);
      if (length > MAX_TEXT) throw tooLarge(name, 'has more text', `${MAX_TEXT} characters`);
      pages.push(lines);
      onPage();
    }
    return joined(withoutRunning(pages));
  } catch (cause) {
    if (cause instanceof GraftError) throw cause;
    if (cause instanceof Error && cause.name === 'PasswordException')
      throw new GraftError('pdf-password', `${name} is locked by a password.`, 'Save it without one.', {
        cause,
      });
    throw new GraftError(
      'pdf-damaged',
      `${name} cannot be read as a PDF: ${messageOf(cause).replace(/\.$/, '')}.`,
      'Open it in a PDF viewer and save it again.',
      { cause },
    );
  } finally {
    await loading.destroy();
  }
}

/** The pieces of a page as they come, so that a page of more than a document may have ends early. @throws GraftError `document-size` */
async function itemsOf(
  pieces: ReadableStream<{ readonly items: readonly Item[] }>,
  page: string,
): Promise<Item[]> {
  const items: Item[] = [];
  let length = 0;
  // Not by `for await`, which Safari lacks.
  const reader = pieces.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return items;
    items.push(...value.items);
    length += value.items.reduce((sum, { str = '' }) => sum + str.length, 0);
    if (items.length <= MAX_PIECES && length <= MAX_TEXT) continue;
    const what = items.length > MAX_PIECES ? `${MAX_PIECES} pieces of text` : `${MAX_TEXT} characters`;
    const error = tooLarge(page, 'has more text', what);
    await reader.cancel(error).catch(() => undefined);
    throw error;
  }
}

interface Wanted {
  readonly kind: string;
  readonly filename: string;
}

/**
 * What pdf.js asks for while it reads. It leaves the text of a font out whose map it does not get, so that a failure is kept for the caller. Standard
 * fonts are not given: their shapes are for drawing, and pdf.js knows their characters and widths.
 */
function filesOf(maps: CharacterMaps): {
  readonly failure: GraftError | undefined;
  readonly Factory: new () => { fetch(wanted: Wanted): Promise<Uint8Array> };
} {
  let failure: GraftError | undefined;
  return {
    get failure() {
      return failure;
    },
    Factory: class {
      async fetch({ kind, filename }: Wanted): Promise<Uint8Array> {
        if (kind !== 'cMapUrl') throw new Error(`${filename} is for drawing, and nothing is drawn.`);
        try {
          return await maps(filename);
        } catch (error) {
          if (error instanceof GraftError) failure ??= error;
          throw error;
        }
      }
    },
  };
}

const tooLarge = (name: string, what: string, max: string): GraftError =>
  new GraftError(
    'document-size',
    `${name} ${what}; at most ${max} are read.`,
    'Divide it into several files.',
  );

function linesOf(items: readonly Item[]): Line[] {
  const lines: Line[] = [];
  let line: Line | undefined;
  for (const { str, hasEOL = false, height = 0, transform } of items) {
    if (str === undefined) continue;
    if (str !== '') {
      line ??= { text: '', y: transform?.[5] ?? 0, height: 0 };
      line.text += str;
      line.height = Math.max(line.height, height);
    }
    if (hasEOL && line) {
      lines.push(line);
      line = undefined;
    }
  }
  if (line) lines.push(line);
  return lines.filter(({ text }) => text.trim() !== '');
}

/** The pages without running heads, running feet and page numbers. */
function withoutRunning(pages: readonly (readonly Line[])[]): (readonly Line[])[] {
  const masked = ({ text }: Line): string => text.trim().replaceAll(/\d+/g, '#');
  const edgesOf = (lines: readonly Line[]): readonly Line[] => [
    ...new Set([...lines.slice(0, EDGE_LINES), ...lines.slice(-EDGE_LINES)]),
  ];
  const counts = new Map<string, number>();
  for (const lines of pages)
    for (const edge of new Set(edgesOf(lines).map(masked))) counts.set(edge, (counts.get(edge) ?? 0) + 1);
  const isRunning = (line: Line): boolean =>
    /^(?:page )?#(?:(?: of |\/)#)?$/i.test(masked(line)) ||
    (pages.length > 1 && 2 * (counts.get(masked(line)) ?? 0) > pages.length);
  return pages.map((lines) => {
    const running = new Set(edgesOf(lines).filter(isRunning));
    return lines.filter((line) => !running.has(line));
  });
}

function joined(pages: readonly (readonly Line[])[]): PdfText {
  let text = '';
  const starts: number[] = [];
  for (const lines of pages) {
    starts.push(text.length);
    lines.forEach((line, at) => {
      const before = lines.at(at - 1);
      // A line above the one before it starts a column, in the middle of a paragraph.
      const isApart =
        at > 0 &&
        before !== undefined &&
        before.y - line.y > PARAGRAPH_GAP * Math.max(before.height, line.height);
      text += `${isApart ? '\n' : ''}${line.text}\n`;
    });
  }
  return { text, pages: starts };
}
