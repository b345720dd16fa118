/** The kind of a file: by its extension, or else by its first characters. */
import { isObject, jsonDepth, MAX_JSON_DEPTH } from '../json.ts';
import { LIST_FIELDS } from './json-rows.ts';
import { linesOf, type Content } from './lines.ts';
import { isParquet } from './parquet-magic.ts';

export type FileKind = 'jsonl' | 'json' | 'parquet' | 'table' | 'text';

const KIND_OF_ENDING: Readonly<Record<string, FileKind>> = {
  txt: 'text',
  md: 'text',
  text: 'text',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  parquet: 'parquet',
  csv: 'table',
  tsv: 'table',
  tab: 'table',
};

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
  const known = Object.hasOwn(KIND_OF_ENDING, ending) ? KIND_OF_ENDING[ending] : undefined;
  if (known) return known;
  const head =
    typeof content === 'string'
      ? content.slice(0, 1024)
      : new TextDecoder().decode(content.subarray(0, Math.min(1024, content.length)));
  const first = head.trimStart()[0];
  if (first === '{') return firstLineIsRow(content) ? 'jsonl' : 'json';
  if (first === '[' || ending === 'json') return 'json';
  return 'text';
}
