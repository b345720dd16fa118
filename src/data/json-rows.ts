/**
 * The rows of a JSON file: the elements of its list, each with the line it starts on; if they share a line, with its number in the list.
 * The file is walked once and only one row at a time is parsed, so that a damaged row costs that row and not the file, and no second copy
 * of everything is made.
 */
import { GraftError } from '../errors.ts';
import type { LeftList, Numbering } from './example.ts';

/** Where the list may be in a file that is an object. */
export const LIST_FIELDS = ['data', 'rows', 'train', 'examples'];

interface RawRow {
  line: number;
  numbering: Numbering;
  text: string;
  /** Its first character, and how many there are up to its end. */
  start: number;
  length: number;
  /** Characters of the file up to its end. */
  end: number;
}

/** Characters of a name that a message quotes. */
const MAX_KEY_CHARS = 40;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEW_LINE = 0x0a;

class Walker {
  at = 0;
  #counted = 0;
  #line = 1;

  constructor(
    readonly text: string,
    readonly where: string,
  ) {}

  /** The line of a position, which must not precede the last one asked for. */
  lineOf(place: number): number {
    for (; this.#counted < place; this.#counted++)
      if (this.text.charCodeAt(this.#counted) === NEW_LINE) this.#line++;
    return this.#line;
  }

  broken(what: string): GraftError {
    return new GraftError(
      'json-syntax',
      `${this.where}, line ${this.lineOf(Math.min(this.at, this.text.length))}: ${what}.`,
      'Repair the file, or write it again.',
    );
  }

  space(): void {
    while (this.at < this.text.length && ' \t\r\n'.includes(this.text[this.at])) this.at++;
  }

  /** The position after a string that starts here. */
  string(): string {
    const start = this.at;
    for (this.at++; this.at < this.text.length; this.at++) {
      const c = this.text.charCodeAt(this.at);
      if (c === BACKSLASH) this.at++;
      else if (c === QUOTE) return this.text.slice(start, ++this.at);
    }
    throw this.broken('the file ends inside a text');
  }

  /** The position after a value that starts here: the next comma or closing bracket outside it. The value may be damaged. */
  value(): string {
    const start = this.at;
    let depth = 0;
    while (this.at < this.text.length) {
      const char = this.text[this.at];
      if (char === '"') {
        this.string();
        continue;
      }
      if (char === '{' || char === '[') depth++;
      else if (char === '}' || char === ']') {
        if (depth === 0) break;
        depth--;
      } else if (char === ',' && depth === 0) break;
      this.at++;
    }
    if (this.at >= this.text.length && depth > 0) throw this.broken('the file ends inside a row');
    return this.text.slice(start, this.at);
  }

  /** Whether another value starts on this line, after the comma here. */
  #goesOn(line: number): boolean {
    let next = this.at + 1;
    while (next < this.text.length && ' \t\r\n'.includes(this.text[next])) next++;
    return this.text[this.at] === ',' && this.text[next] !== ']' && this.lineOf(next) === line;
  }

  /** The elements of a list that starts here. */
  *list(): Generator<RawRow> {
    this.at++;
    this.space();
    if (this.text[this.at] === ']') {
      this.at++;
      return;
    }
    let numbering: Numbering | undefined;
    for (let number = 1; ; number++) {
      this.space();
      const line = this.lineOf(this.at);
      const start = this.at;
      const text = this.value().trim();
      // If the first two rows share a line, all are numbered by their place.
      numbering ??= this.#goesOn(line) ? 'row' : 'line';
      yield {
        ...{ line: numbering === 'row' ? number : line, numbering },
        ...{ text, start, length: this.at - start, end: this.at },
      };
      if (this.at >= this.text.length) throw this.broken('the file ends inside its list');
      const separator = this.text[this.at++];
      if (separator === ']') return;
      if (separator !== ',') throw this.broken(`"${separator}" instead of a comma or ]`);
      this.space();
      if (this.text[this.at] === ']') {
        this.at++;
        return; // a comma too many at the end
      }
    }
  }

  end(): void {
    this.space();
    if (this.at < this.text.length) throw this.broken('something stands after the end of the list');
  }
}

/**
 * The rows of a list, of an object's `data`, `rows`, `train` or `examples`, or of an object that is itself the only row.
 * Throws `json-syntax` with the line where the file's frame is broken; rows themselves are not parsed here.
 *
 * @returns the object's other lists of rows, which are not read
 */
export function* jsonRows(text: string, where: string): Generator<RawRow, LeftList[]> {
  const walker = new Walker(text, where);
  walker.space();
  if (text[walker.at] === '[') {
    yield* walker.list();
    walker.end();
    return [];
  }
  if (text[walker.at] !== '{') throw walker.broken('a list of rows was expected');
  const row: RawRow = {
    line: walker.lineOf(walker.at),
    numbering: 'line',
    text: text.slice(walker.at),
    start: walker.at,
    length: text.length - walker.at,
    end: text.length,
  };
  const left: LeftList[] = [];
  let found = false;
  walker.at++;
  for (;;) {
    walker.space();
    if (text[walker.at] !== '"') break;
    const key = walker.string();
    walker.space();
    if (text[walker.at] !== ':') throw walker.broken(`no ":" after ${key.slice(0, MAX_KEY_CHARS)}`);
    walker.at++;
    walker.space();
    if (text[walker.at] !== '[') walker.value();
    else if (!found && LIST_FIELDS.some((field) => key === `"${field}"`)) {
      yield* walker.list();
      found = true;
    } else {
      let rows = 0;
      for (const element of walker.list()) if (element.text.startsWith('{')) rows++;
      if (rows > 0) left.push({ name: key.slice(1, -1).slice(0, MAX_KEY_CHARS), rows });
    }
    walker.space();
    if (text[walker.at] !== ',') break;
    walker.at++;
  }
  if (found) return left;
  yield row;
  return [];
}
