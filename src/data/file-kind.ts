/** The kind of a file: by its extension, or else by its first characters. */
import { isObject, jsonDepth, MAX_JSON_DEPTH } from '../json.ts';
import { LIST_FIELDS } from './json-rows.ts';
import { linesOf, type Content } from './lines.ts';
import { isParquet } from './parquet-magic.ts';
import { KIND_OF_ENDING, type FileKind } from './row-endings.ts';

/** Endings that are read and not offered. */
const RARE: Readonly<Record<string, FileKind>> = { text: 'text', xhtml: 'table' };

const PAGE_ENDING = /\.x?html?$/i;
/** Files that are what they are called, whatever they start with. */
const OTHER_ENDING = /\.(?:csv|tsv|tab|txt|md|text|jsonl|ndjson|json)$/i;
/** Characters that are searched for a table, of a file whose name does not say that it is a web page. Some programs export pages as .xls. */
const LOOKED_AT_CHARS = 2 ** 16;

/** Whether a file is a web page, whose tables are read. */
export function isPage(content: Content, fileName: string): boolean {
  if (PAGE_ENDING.test(fileName)) return true;
  if (OTHER_ENDING.test(fileName)) return false;
  const head = headText(content, LOOKED_AT_CHARS);
  return head.trimStart().startsWith('<') && /<table[\s>]/i.test(head);
}

const headText = (content: Content, length: number): string =>
  typeof content === 'string'
    ? content.slice(0, length)
    : new TextDecoder().decode(content.subarray(0, Math.min(length, content.length)));

/** Whether the first line that isn't blank is one row, rather than a whole file in one line. */
function firstLineIsRow(content: Content): boolean {
  for (const { text } of linesOf(content)) {
    if (text.trim() === '') continue;
    if (jsonDepth(text, MAX_JSON_DEPTH) > MAX_JSON_DEPTH) return false;
    try {
      const row: unknown = JSON.parse(text);
      return isObject(row) && !LIST_FIELDS.some((field) => Array.isArray(row[field]));
    } catch {
      return false; // not JSON: that is the answer
    }
  }
  return false;
}

/** A .json file with a row a line is common, so the extension alone doesn't decide. */
export function fileKind(content: Content, fileName: string): FileKind {
  if (typeof content !== 'string' && isParquet(content)) return 'parquet';
  const ending = /\.([a-z0-9]+)$/i.exec(fileName)?.[1].toLowerCase() ?? '';
  const kinds: Readonly<Record<string, FileKind>> = { ...KIND_OF_ENDING, ...RARE };
  const known = Object.hasOwn(kinds, ending) ? kinds[ending] : undefined;
  if (known && known !== 'json') return known;
  if (isPage(content, fileName)) return 'table';
  const first = headText(content, 1024).trimStart()[0];
  if (first === '{') return firstLineIsRow(content) ? 'jsonl' : 'json';
  if (first === '[' || ending === 'json') return 'json';
  return 'text';
}
