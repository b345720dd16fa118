/**
 * The text of a Word file (Office Open XML, ECMA-376 part 1, section 17): paragraphs apart by an empty line, rows of a table by a line break, cells by a
 * space. Deleted text, field codes, comments and the other version of a drawing are left out; headers, footers and footnotes are in other files.
 */
import { Parser } from 'htmlparser2';
import { GraftError } from '../errors.ts';
import type { Heading } from './headings.ts';

/** The file of the zip that has the text, and the one that names the styles. */
export const DOCX_TEXT = 'word/document.xml';
export const DOCX_STYLES = 'word/styles.xml';

/** Elements inside of each other. Real files have some tens. */
const MAX_DEPTH = 1024;
/** Text that was deleted or moved away, and drawings in the form for old programs. */
const SKIPPED = new Set(['w:del', 'w:moveFrom', 'mc:Fallback']);
const HEADING_NAME = /^(?:heading \d|title)$/i;

interface DocxText {
  readonly text: string;
  readonly headings: readonly Heading[];
}

/**
 * @param document the content of `word/document.xml`
 * @param styles the content of `word/styles.xml`, if there is one: it says which styles are headings, whatever the language of the file
 * @throws GraftError `document-depth`
 */
export function docxText(document: string, styles = ''): DocxText {
  const isHeading = headingStyles(styles);
  const headings: Heading[] = [];
  let text = '';
  let [line, headed, skipping, cells, depth] = ['', false, 0, 0, 0];
  let reads = false;
  const endLine = (border: string): void => {
    const words = line.trim();
    if (words !== '') {
      if (headed) headings.push({ start: text.length, end: text.length + words.length });
      text += words + border;
    }
    line = '';
  };
  read(document, {
    open(name, attributes) {
      if (++depth > MAX_DEPTH)
        throw new GraftError(
          'document-depth',
          `The file has more than ${MAX_DEPTH} elements inside of each other.`,
          'Save it again with the program that wrote it.',
        );
      if (SKIPPED.has(name)) skipping++;
      else if (name === 'w:tc') cells++;
      else if (name === 'w:pStyle' && cells === 0) headed = isHeading(attributes['w:val'] ?? '');
      else if (name === 'w:t') reads = skipping === 0;
      else if (skipping > 0) return;
      else if (name === 'w:tab') line += '\t';
      else if (name === 'w:br' || name === 'w:cr') line += '\n';
      else if (name === 'w:noBreakHyphen') line += '-';
    },
    text(words) {
      if (reads) line += words;
    },
    close(name) {
      depth--;
      if (name === 'w:t') reads = false;
      else if (SKIPPED.has(name)) skipping--;
      else if (name === 'w:tc') cells--;
      else if (name === 'w:tr' && cells === 0) endLine('\n');
      else if (name === 'w:tbl' && cells === 0) text += '\n';
      else if (name === 'w:p') {
        if (cells > 0) line += ' ';
        else endLine('\n\n');
        headed = false;
      }
    },
  });
  endLine('\n');
  return { text: text === '' ? '' : `${text.trimEnd()}\n`, headings };
}

/** The ids of styles whose name is that of a heading: names are English in every file, ids are not. */
function headingStyles(styles: string): (id: string) => boolean {
  const ids = new Set<string>();
  let id = '';
  read(styles, {
    open(name, attributes) {
      if (name === 'w:style') id = attributes['w:styleId'] ?? '';
      else if (name === 'w:name' && HEADING_NAME.test(attributes['w:val'] ?? '')) ids.add(id);
    },
  });
  return (style) => ids.has(style);
}

interface Handlers {
  readonly open: (name: string, attributes: Readonly<Record<string, string | undefined>>) => void;
  readonly text?: (text: string) => void;
  readonly close?: (name: string) => void;
}

/** XML, of which no entity but the five of its own and numbers is replaced. */
function read(xml: string, { open, text, close }: Handlers): void {
  const parser = new Parser(
    { onopentag: open, ...(text && { ontext: text }), ...(close && { onclosetag: close }) },
    { xmlMode: true },
  );
  parser.end(xml);
}
