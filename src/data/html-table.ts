/**
 * The tables of a web page, as rows of cells: from a saved page, an export of a spreadsheet, or the clipboard. A cell that spans rows or columns is
 * repeated in each of them, so that every row has as many cells. Broken HTML is read as browsers read it, nothing is fetched and no script is run.
 */
import { Parser } from 'htmlparser2';
import { GraftError } from '../errors.ts';

/** Elements whose text nobody sees. */
const UNSEEN = new Set('script style noscript template head title select button svg'.split(' '));
/** Elements that have no end. */
const VOID = new Set('br hr img input meta link col wbr area base source embed param track'.split(' '));
/** Elements that stand on lines of their own. */
const LINES = new Set(
  'p div li ul ol dl dt dd blockquote h1 h2 h3 h4 h5 h6 section article figure hr'.split(' '),
);

/** The limits of HTML for `colspan` and `rowspan`: https://html.spec.whatwg.org/multipage/tables.html#attributes-common-to-td-and-th-elements */
const MAX_COLUMNS_SPANNED = 1000;
const MAX_ROWS_SPANNED = 65_534;
/** More cells are an attack by spans. */
const MAX_CELLS = 4_000_000;

export interface HtmlTable {
  /** All rows have the same number of cells. Rows without any text are left out. */
  readonly rows: readonly (readonly string[])[];
  /** Whether the first row holds names, by its elements (`th`). */
  readonly header: boolean;
}

interface Cell {
  readonly pieces: string[];
  readonly columns: number;
  readonly rows: number;
  readonly names: boolean;
}

/** A table that is not closed yet. */
interface OpenTable {
  readonly rows: Cell[][];
  /** Where its result stands: tables are listed in the order of their beginnings. */
  readonly place: number;
  cell: Cell | undefined;
  pre: number;
}

/** @throws GraftError `data-many-columns` for tables with more cells than any page has */
export function tablesOfHtml(html: string): readonly HtmlTable[] {
  const found: (OpenTable | undefined)[] = [];
  const open: OpenTable[] = [];
  let unseen = 0;
  const add = (text: string): void => {
    if (unseen === 0) open.at(-1)?.cell?.pieces.push(text);
  };
  const parser = new Parser({
    onopentag(name, attributes) {
      const table = open.at(-1);
      if (UNSEEN.has(name)) unseen++;
      if (name === 'table') {
        const next = { rows: [], place: found.length, cell: undefined, pre: 0 };
        found.push(next);
        open.push(next);
      } else if (!table) return;
      else if (name === 'tr') {
        table.rows.push([]);
        table.cell = undefined;
      } else if (name === 'td' || name === 'th') {
        if (table.rows.length === 0) table.rows.push([]);
        table.cell = {
          pieces: [],
          columns: spanOf(attributes['colspan'], MAX_COLUMNS_SPANNED),
          rows: spanOf(attributes['rowspan'], MAX_ROWS_SPANNED),
          names: name === 'th',
        };
        table.rows.at(-1)?.push(table.cell);
      } else if (name === 'br') add('\n');
      else if (LINES.has(name)) add('\n');
      else if (name === 'pre') {
        table.pre++;
        add('\n');
      }
    },
    onclosetag(name) {
      if (UNSEEN.has(name)) unseen = Math.max(0, unseen - 1);
      const table = open.at(-1);
      if (!table) return;
      if (name === 'table') open.pop();
      else if (name === 'tr' || name === 'td' || name === 'th') table.cell = undefined;
      else if (name === 'pre') {
        table.pre = Math.max(0, table.pre - 1);
        add('\n');
      } else if (LINES.has(name) && !VOID.has(name)) add('\n');
    },
    ontext(text) {
      // Line ends inside of <pre> are meant.
      add(open.at(-1)?.pre ? text : text.replaceAll(/[ \t\r\n\f]+/g, ' '));
    },
  });
  parser.end(html);
  return found.flatMap((table) => {
    const laid = table && layOut(table.rows);
    return laid && laid.rows.length > 0 ? [laid] : [];
  });
}

/** The table with the most cells: the others on a page are its frame. */
export function mainTable(tables: readonly HtmlTable[]): HtmlTable | undefined {
  const cells = ({ rows }: HtmlTable): number => rows.length * rows[0].length;
  return tables.reduce<HtmlTable | undefined>(
    (best, table) => (best === undefined || cells(table) > cells(best) ? table : best),
    undefined,
  );
}

/** Rows of cells as text with tabs, as spreadsheets put them on the clipboard. */
export function tabbed(rows: HtmlTable['rows']): string {
  const quoted = (cell: string): string =>
    /["\t\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  return rows.map((row) => `${row.map(quoted).join('\t')}\n`).join('');
}

const spanOf = (value: string | undefined, max: number): number => {
  const span = Number.parseInt(value ?? '1', 10);
  return span > 1 ? Math.min(span, max) : 1;
};

/** Puts each cell at all places that it spans. */
function layOut(rows: readonly (readonly Cell[])[]): HtmlTable {
  /** Cells of rows above that reach down, by column. */
  const reaching = new Map<number, { text: string; rows: number }>();
  const laid: { readonly cells: string[]; readonly names: boolean }[] = [];
  let cells = 0;
  for (const row of rows) {
    const line: string[] = [];
    const below = (): void => {
      for (let held = reaching.get(line.length); held; held = reaching.get(line.length)) {
        if (--held.rows === 0) reaching.delete(line.length);
        line.push(held.text);
      }
    };
    for (const cell of row) {
      below();
      const text = tidied(cell.pieces.join(''));
      for (let n = 0; n < cell.columns; n++) {
        if (cell.rows > 1) reaching.set(line.length, { text, rows: cell.rows - 1 });
        line.push(text);
      }
      cells += cell.columns;
      if (cells > MAX_CELLS) throw tooMany();
    }
    below();
    cells += line.length - row.length;
    if (cells > MAX_CELLS) throw tooMany();
    laid.push({ cells: line, names: row.length > 0 && row.every(({ names }) => names) });
  }
  const kept = laid.filter((line) => line.cells.some((cell) => cell !== ''));
  const width = kept.reduce((max, line) => Math.max(max, line.cells.length), 0);
  if (width * kept.length > MAX_CELLS) throw tooMany();
  return {
    rows: kept.map((line) => [...line.cells, ...Array<string>(width - line.cells.length).fill('')]),
    header: kept.length > 1 && kept[0].names,
  };
}

const tooMany = (): GraftError =>
  new GraftError(
    'data-many-columns',
    `The table has more than ${MAX_CELLS.toLocaleString('en')} cells.`,
    'Check the cells that span rows and columns, or save the table as CSV.',
  );

/** A cell as a reader sees it: no space at the ends of lines, no empty lines at its ends. */
const tidied = (text: string): string =>
  text
    .replaceAll('\u00a0', ' ')
    .replaceAll(/ *\n */g, '\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
