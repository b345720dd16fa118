/**
 * CSV and TSV by Papa Parse, a row at a time, each with the line it starts on. Papa reads the text in chunks; the rest of a chunk is put before the
 * next. A badly quoted row is reported as a problem, and reading continues at the line after its first: a quote that is never closed costs one line,
 * not the rest of the file.
 */
import Papa from 'papaparse';
import type { Content } from './lines.ts';
import { newLineOf, piecesOf, type NewLine } from './text-pieces.ts';

export interface CsvRow {
  /** Where it starts, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** Why it cannot be read; cells are then empty. */
  readonly problem?: string;
  /** As it stands in the file, its line end included; missing with a problem. */
  readonly text?: string;
  /** Its first byte, or character, and how many are read with it. */
  readonly start: number;
  readonly end: number;
}

const PIECE_CHARS = 2 ** 18;
/** The size after a bad row, which grows again: otherwise each of many bad rows would cost a whole chunk. */
const SMALL_PIECE_CHARS = 2 ** 13;
/** A longer row is no example. */
export const MAX_ROW_CHARS = 2 ** 22;
/** Characters that may be read again after bad rows, as a multiple of the text: so an attack by quotes takes linear time. */
const REREAD = 4;

/** A delimiter that gives all rows the same number of cells; otherwise a comma. */
export function delimiterOf(text: string): string {
  const head = text.slice(0, 2 ** 16);
  const end = Math.max(head.lastIndexOf('\n'), head.lastIndexOf('\r'));
  const whole = head.length === text.length || end < 0 ? head : head.slice(0, end);
  const { meta } = Papa.parse(whole, {
    preview: 20,
    skipEmptyLines: true,
    delimitersToGuess: [',', '\t', ';', '|'],
  });
  return meta.delimiter;
}

interface Piece {
  readonly cells: readonly string[];
  /** The end of the row in the chunk, its line end included. */
  readonly end: number;
  readonly fault?: string;
}

const FAULTS: Readonly<Record<string, string>> = {
  MissingQuotes: 'a quote opens here and is never closed',
  InvalidQuotes: 'a quote inside a quoted field is not doubled',
};

/** The rows of a chunk. The last is left out unless the text ends there: it may continue in the next chunk. */
function parsePiece(text: string, delimiter: string, newline: NewLine, isLast: boolean): Piece[] {
  const rows: Piece[] = [];
  const parser = new Papa.Parser({
    delimiter,
    newline,
    step({ data, errors, meta }: Papa.ParseStepResult<unknown>) {
      const [cells] = data as string[][];
      const fault =
        errors.length > 0 ? (FAULTS[errors[errors.length - 1].code] ?? errors[0].message) : undefined;
      rows.push({ cells, end: meta.cursor, fault });
    },
  });
  parser.parse(text, 0, !isLast);
  return rows;
}

function countLines(text: string, newline: string): number {
  let lines = 0;
  for (let at = text.indexOf(newline); at >= 0; at = text.indexOf(newline, at + 1)) lines++;
  return lines;
}

/** Line ends inside of fields are LF; the CR before a row's own LF is not part of its last field. */
function cleaned(cells: readonly string[], raw: string): string[] {
  const trailing = raw.endsWith('\r\n') && !raw.endsWith('"\r\n');
  return cells.map((cell, i) => {
    const bare = trailing && i === cells.length - 1 && cell.endsWith('\r') ? cell.slice(0, -1) : cell;
    return bare.includes('\r') ? bare.replace(/\r\n?/g, '\n') : bare;
  });
}

/** All rows, the header among them. Rows whose cells are all blank are left out. @param newline the one of the file, if this is a part of it */
export function* csvRows(
  content: Content,
  delimiter: string,
  fileName = 'The table',
  newline?: NewLine,
): Generator<CsvRow> {
  const pieces = piecesOf(content, fileName);
  const lineEnd = newline ?? newLineOf(pieces);
  const { length } = pieces;
  let budget = REREAD * length + PIECE_CHARS;
  let size = PIECE_CHARS;
  let start = 0;
  let line = 1;
  while (start < length) {
    const piece = pieces.read(start, size);
    const end = start + pieces.lengthOf(piece);
    /** The place in the file after the line that starts at a place of the piece. */
    const nextLine = (from: number): number => {
      const at = piece.indexOf(lineEnd, from);
      return at < 0
        ? (pieces.lineAfter(end, lineEnd) ?? length)
        : start + pieces.lengthOf(piece.slice(0, at + 1));
    };
    const rows = parsePiece(piece, delimiter, lineEnd, end === length);
    if (rows.length === 0) {
      if (size < MAX_ROW_CHARS) {
        size *= 2;
        continue;
      }
      const reason = `the row has more than ${MAX_ROW_CHARS} characters, or a quote opens here and is never closed`;
      const after = nextLine(0);
      yield { line, cells: [], problem: reason, start, end: after };
      start = after;
      line++;
      size = SMALL_PIECE_CHARS;
      continue;
    }
    size = Math.min(PIECE_CHARS, size * 2);
    let from = 0;
    let rowStart = start;
    let again = -1;
    for (const { cells, end: to, fault } of rows) {
      const raw = piece.slice(from, to);
      const rowEnd = rowStart + pieces.lengthOf(raw);
      const at = line;
      if (fault !== undefined) {
        const after = nextLine(from);
        const rereads = after < rowEnd && budget > 0;
        yield { line: at, cells: [], problem: fault, start: rowStart, end: rereads ? after : rowEnd };
        if (rereads) {
          again = after;
          line++;
          break;
        }
      } else if (cells.some((cell) => cell.trim() !== '')) {
        yield { line: at, cells: cleaned(cells, raw), text: raw, start: rowStart, end: rowEnd };
      }
      line += countLines(raw, lineEnd);
      from = to;
      rowStart = rowEnd;
    }
    if (again < 0) start = rowStart;
    else {
      budget -= end - again;
      start = again;
      size = SMALL_PIECE_CHARS;
    }
  }
}
