/** The format of pasted text, which has no file name to tell it. */

export type PasteKind = 'jsonl' | 'json' | 'csv' | 'tsv' | 'html' | 'txt';

const LOOKED_AT = 10;
/** The most characters of a column's name: prose with commas is longer. */
const MAX_NAME_CHARS = 30;
const MAX_NAME_WORDS = 3;

/** Fields of each of the first rows, line ends and delimiters inside quotes left alone. */
function fieldCounts(text: string, delimiter: string): number[] {
  const counts: number[] = [];
  let fields = 1;
  let quoted = false;
  let blank = true;
  for (const char of text) {
    if (char === '"') quoted = !quoted;
    if (char === '\n' && !quoted) {
      if (!blank) counts.push(fields);
      if (counts.length === LOOKED_AT) return counts;
      fields = 1;
      blank = true;
      continue;
    }
    if (char === delimiter && !quoted) fields++;
    if (char.trim() !== '') blank = false;
  }
  if (!blank) counts.push(fields);
  return counts;
}

function isTable(text: string, delimiter: string): boolean {
  const counts = fieldCounts(text, delimiter);
  return counts.length > 1 && counts[0] > 1 && counts.every((count) => count === counts[0]);
}

/** Whether a first line could be the names of columns. */
function isHeader(line: string, delimiter: string): boolean {
  const names = line.split(delimiter).map((name) => name.trim().replace(/^"|"$/g, ''));
  return (
    new Set(names).size === names.length &&
    names.every(
      (name) =>
        name.length <= MAX_NAME_CHARS && name.split(/\s+/).length <= MAX_NAME_WORDS && !/[.!?]$/.test(name),
    )
  );
}

/** The likeliest kind. Cells that are copied from a spreadsheet come with tabs; commas are a table only under a line of names. */
export function kindOfPaste(text: string): PasteKind {
  const bare = text.trimStart();
  if (/^</.test(bare) && /<table[\s>]/i.test(bare)) return 'html';
  if (bare.startsWith('[')) return 'json';
  if (bare.startsWith('{')) return /^\{.*\}\s*\n\s*\S/.test(bare) ? 'jsonl' : 'json';
  if (isTable(bare, '\t')) return 'tsv';
  const firstLine = bare.slice(0, Math.max(0, bare.search(/[\r\n]/)));
  const isCsv = [',', ';'].some((delimiter) => isTable(bare, delimiter) && isHeader(firstLine, delimiter));
  return isCsv ? 'csv' : 'txt';
}

/** What a clipboard holds, by its types. */
export interface Clip {
  /** `text/plain`. */
  readonly text: string;
  /** `text/html`; '' without one. */
  readonly html: string;
}

/**
 * Rows on a clipboard as text. A table of a web page or a spreadsheet becomes text with tabs: the plain text next to it breaks lines inside of cells
 * into rows in some browsers.
 */
export async function textOfClip({ text, html }: Clip): Promise<string> {
  if (!/<table[\s>]/i.test(html)) return text;
  const { mainTable, tabbed, tablesOfHtml } = await import('./html-table.ts');
  const table = mainTable(tablesOfHtml(html));
  // A single cell is text that happens to stand in a table.
  return table && table.rows[0].length * table.rows.length > 1 ? tabbed(table.rows) : text;
}
