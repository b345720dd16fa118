/** Plain text as documents: where each of them ends, and how they become rows. */

/** How text files are read. A missing field means the behaviour before there was that choice. */
export interface TextOptions {
  /** Where a document ends: at the end of its file if left out, at blank lines (`blank`), or at lines that are exactly this. */
  readonly documents?: string;
  /** Whether documents are laid end to end, so that every row is full. Default: a row has one document, or a part of one. */
  readonly packed?: boolean;
  /** Tokens at the end of a row that the next row of the same document starts with, and does not learn again; 1 if left out. */
  readonly overlap?: number;
}

/** The rule by which a blank line ends a document. */
export const BLANK = 'blank';

/** The rule of every file that is one document. */
export const WHOLE_FILE = 'file';

interface DocumentText {
  /** Where it starts in its file, from 1. */
  readonly line: number;
  readonly text: string;
}

const isBorder = (line: string, rule: string): boolean => line.trim() === (rule === BLANK ? '' : rule.trim());

/** Whether a text has a line that ends a document. @param text with `\n` as its line breaks */
export function hasBorder(text: string, rule: string | undefined): boolean {
  if (rule === undefined || rule === WHOLE_FILE) return true;
  return text
    .trim()
    .split('\n')
    .some((line) => isBorder(line, rule));
}

/** The documents of a text, without the lines between them; none is empty. @param text with `\n` as its line breaks */
export function documentsOf(text: string, rule: string | undefined): DocumentText[] {
  if (rule === undefined || rule === WHOLE_FILE) return text.trim() === '' ? [] : [{ line: 1, text }];
  const documents: DocumentText[] = [];
  let lines: string[] = [];
  let first = 1;
  const close = (next: number): void => {
    const whole = lines.join('\n');
    if (whole.trim() !== '') documents.push({ line: first, text: whole });
    lines = [];
    first = next;
  };
  text.split('\n').forEach((line, at) => {
    if (isBorder(line, rule)) close(at + 2);
    else lines.push(line);
  });
  close(0);
  return documents;
}
