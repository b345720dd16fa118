/**
 * Files → examples. JSONL (a row a line), JSON (a list of rows, or an object with one) and plain text; which one by the file's ending, and
 * where that says nothing by its first character. Rows of each format in formats/; every row is told by its own fields.
 */
import { GraftError } from '../errors.ts';
import { decodeUtf8, isObject, jsonDepth, MAX_JSON_DEPTH } from '../json.ts';
import type { Example, Problem } from './example.ts';
import { alpacaFormat } from './formats/alpaca.ts';
import { completionFormat } from './formats/completion.ts';
import { messagesFormat } from './formats/messages.ts';
import { BadRow, type RowFormat } from './formats/row.ts';
import { shareGptFormat } from './formats/sharegpt.ts';
import { textFormat } from './formats/text.ts';
import { tokensFormat } from './formats/tokens.ts';
import { jsonRows, LIST_FIELDS } from './json-rows.ts';
import { linesOf } from './lines.ts';

/** In the order in which a row's fields are tried: the more telling names first. */
const FORMATS: readonly RowFormat[] = [
  messagesFormat,
  shareGptFormat,
  tokensFormat,
  completionFormat,
  alpacaFormat,
  textFormat,
];

/** A JSON file is decoded as a whole; engines hold strings of about twice this. JSONL has no such limit. */
const MAX_JSON_FILE_BYTES = 256 * 2 ** 20;
const MAX_TEXT_FILE_BYTES = 64 * 2 ** 20;
/** What a person can read; the rest is counted. */
const MAX_PROBLEMS = 1000;

export interface ReadOptions {
  /** For messages and for its ending. */
  fileName: string;
}

export interface ReadResult {
  examples: Example[];
  /** The first thousand, in the file's order. */
  problems: Problem[];
  /** All bad rows. */
  problemCount: number;
  /** `messages`, `sharegpt`, `tokens`, `completion`, `alpaca`, `text`, `document` (a text file), or `mixed`. */
  format: string;
}

class Collector {
  readonly examples: Example[] = [];
  readonly problems: Problem[] = [];
  problemCount = 0;
  readonly #formats = new Set<string>();

  problem(line: number, reason: string): void {
    this.problemCount++;
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ line, reason });
  }

  /** One row's JSON. */
  row(line: number, text: string): void {
    let value: unknown;
    if (jsonDepth(text, MAX_JSON_DEPTH) > MAX_JSON_DEPTH) {
      this.problem(line, `the row is nested more than ${MAX_JSON_DEPTH} levels deep`);
      return;
    }
    try {
      value = JSON.parse(text) as unknown;
    } catch (error) {
      this.problem(line, syntaxReason(text, error));
      return;
    }
    if (!isObject(value)) {
      this.problem(line, 'the row is not an object with fields');
      return;
    }
    const row = value;
    const format = FORMATS.find(({ matches }) => matches(row));
    if (!format) {
      const fields = Object.keys(row)
        .slice(0, 8)
        .map((field) => field.slice(0, 40));
      this.problem(
        line,
        `no known fields (it has ${fields.join(', ') || 'none'}); known are ${KNOWN_FIELDS}`,
      );
      return;
    }
    try {
      this.examples.push({ ...format.read(row), line });
      this.#formats.add(format.name);
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      this.problem(line, error.message);
    }
  }

  result(): ReadResult {
    const [format = 'none', ...others] = this.#formats;
    const { examples, problems, problemCount } = this;
    return { examples, problems, problemCount, format: others.length ? 'mixed' : format };
  }
}

const KNOWN_FIELDS =
  'messages; conversations; prompt and completion; instruction and output; text; ids and labels';

function syntaxReason(text: string, error: unknown): string {
  const bare = /(?:^|[[,:\s])(NaN|-?Infinity|None|True|False|undefined)\b/.exec(
    text.replace(/"(?:[^"\\]|\\.)*"/g, '""'),
  );
  if (bare) return `not valid JSON: ${bare[1]} is not a value that JSON has`;
  return `not valid JSON: ${error instanceof Error ? error.message : String(error)}`;
}

function readJsonl(content: Uint8Array | string): ReadResult {
  const collector = new Collector();
  for (const { number, text, problem } of linesOf(content)) {
    if (problem !== undefined) collector.problem(number, problem);
    else if (text.trim() !== '') collector.row(number, text);
  }
  return collector.result();
}

function tooLarge(fileName: string, size: number, limit: number, remedy: string): GraftError {
  return new GraftError(
    'data-too-large',
    `${fileName} has ${size} bytes; at most ${limit} are read.`,
    remedy,
  );
}

function readJsonFile(content: Uint8Array | string, fileName: string): ReadResult {
  if (content.length > MAX_JSON_FILE_BYTES) {
    throw tooLarge(
      fileName,
      content.length,
      MAX_JSON_FILE_BYTES,
      'Save it as JSONL, one row a line: that has no limit.',
    );
  }
  const text = typeof content === 'string' ? content : decodeUtf8(content, fileName);
  const collector = new Collector();
  for (const row of jsonRows(text, fileName)) collector.row(row.line, row.text);
  return collector.result();
}

function readTextFile(content: Uint8Array | string, fileName: string): ReadResult {
  if (content.length > MAX_TEXT_FILE_BYTES) {
    throw tooLarge(fileName, content.length, MAX_TEXT_FILE_BYTES, 'Cut it into several files.');
  }
  const text = typeof content === 'string' ? content : decodeUtf8(content, fileName);
  if (/\p{Surrogate}/u.test(text)) {
    throw new GraftError(
      'data-text',
      `${fileName} has half a character (a lone surrogate).`,
      'Save it as UTF-8.',
    );
  }
  return {
    examples:
      text.trim() === ''
        ? []
        : [{ kind: 'text', text: text.replaceAll('\r\n', '\n'), document: true, line: 1 }],
    problems: [],
    problemCount: 0,
    format: 'document',
  };
}

function withoutByteOrderMark(content: Uint8Array | string, fileName: string): Uint8Array | string {
  if (typeof content === 'string') return content.charCodeAt(0) === 0xfeff ? content.slice(1) : content;
  const [a, b, c] = content;
  if (a === 0xef && b === 0xbb && c === 0xbf) return content.subarray(3);
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    throw new GraftError('data-encoding', `${fileName} is UTF-16.`, 'Save it as UTF-8.');
  }
  return content;
}

type FileKind = 'jsonl' | 'json' | 'text';

/** Whether the first line that isn't blank is a row by itself, and not a whole file in one line. */
function firstLineIsRow(content: Uint8Array | string): boolean {
  for (const { text } of linesOf(content)) {
    if (text.trim() === '') continue;
    if (jsonDepth(text, MAX_JSON_DEPTH) > MAX_JSON_DEPTH) return false;
    try {
      const row: unknown = JSON.parse(text);
      return isObject(row) && !LIST_FIELDS.some((field) => Array.isArray(row[field]));
    } catch {
      return false; // not JSON by itself: that is the answer
    }
  }
  return false;
}

/** A .json file with a row a line is common, so the ending alone doesn't tell. */
function kindOf(content: Uint8Array | string, fileName: string): FileKind {
  const ending = /\.([a-z0-9]+)$/i.exec(fileName)?.[1].toLowerCase();
  if (ending === 'txt' || ending === 'md' || ending === 'text') return 'text';
  if (ending === 'jsonl' || ending === 'ndjson') return 'jsonl';
  const head =
    typeof content === 'string'
      ? content.slice(0, 1024)
      : new TextDecoder().decode(content.subarray(0, 1024));
  const first = head.trimStart()[0];
  if (first === '{') return firstLineIsRow(content) ? 'jsonl' : 'json';
  if (first === '[' || ending === 'json') return 'json';
  return 'text';
}

/**
 * Reads a data file. Bad rows are listed with line and reason, good rows are kept; a text file (.txt, .md) is one document, which
 * prepare.ts cuts into rows. `examples` may be empty: what to do then is the caller's.
 *
 * Throws GraftError where there are no rows to speak of: `data-encoding` (UTF-16), `data-empty`, `data-text`, `data-too-large`,
 * `json-encoding`, `json-syntax` (the frame of a JSON file).
 */
export function readExamples(content: Uint8Array | string, { fileName }: ReadOptions): ReadResult {
  const bare = withoutByteOrderMark(content, fileName);
  if (bare.length === 0)
    throw new GraftError('data-empty', `${fileName} is empty.`, 'Choose a file with examples.');
  switch (kindOf(bare, fileName)) {
    case 'jsonl':
      return readJsonl(bare);
    case 'json':
      return readJsonFile(bare, fileName);
    case 'text':
      return readTextFile(bare, fileName);
  }
}
