/** The list of rows, filtered, a window at a time: the page never holds a hundred thousand of them. */
import type { Tokenizer } from '../text/tokenizer.ts';
import type { ListedRow, RowQuery } from './api.ts';
import type { DataSet, Entry } from './data.ts';

const SHOWN_CHARS = 160;
/** Characters that are read to show so many, since runs of spaces become one. */
const READ_CHARS = 8 * SHOWN_CHARS;
/** A window that fills any screen. */
const MOST_ROWS = 500;

interface Filtered {
  readonly key: string;
  readonly found: readonly number[];
}

/** The last filter of each data set: scrolling asks for the same again and again. */
const lastFilter = new WeakMap<DataSet, Filtered>();

export function listRows(
  data: DataSet,
  query: RowQuery,
  tokenizer: Tokenizer,
): { total: number; rows: ListedRow[] } {
  const found = filter(data, query, tokenizer);
  const from = Math.max(0, Math.floor(query.from));
  const rows = found
    .slice(from, from + Math.min(MOST_ROWS, query.count))
    .map((at) => listed(data, at, tokenizer));
  return { total: found.length, rows };
}

function filter(data: DataSet, { part, state, text }: RowQuery, tokenizer: Tokenizer): readonly number[] {
  const key = JSON.stringify([part, state, text]);
  const last = lastFilter.get(data);
  if (last?.key === key) return last.found;
  const wanted = text?.trim().toLowerCase() ?? '';
  const found: number[] = [];
  data.entries.forEach((entry, at) => {
    if (part !== undefined && entry.part !== part) return;
    if (
      state === 'repeated'
        ? !data.repeated.has(at)
        : state === 'leaked'
          ? !data.leaked.has(at)
          : state !== undefined && entry.state !== state
    )
      return;
    if (wanted !== '' && !textOf(entry, tokenizer, Infinity).toLowerCase().includes(wanted)) return;
    found.push(at);
  });
  lastFilter.set(data, { key, found });
  return found;
}

function listed(data: DataSet, at: number, tokenizer: Tokenizer): ListedRow {
  const entry = data.entries[at];
  const { file, line, part, state, length, supervised, row } = entry;
  return {
    at,
    file,
    line,
    part,
    state,
    repeated: data.repeated.has(at),
    leaked: data.leaked.has(at),
    tokens: length,
    kept: row?.ids.length ?? 0,
    supervised,
    // Cut before it is looked through: a row may have a million characters, and there are hundreds of rows.
    text: textOf(entry, tokenizer, SHOWN_CHARS)
      .slice(0, READ_CHARS)
      .replace(/\s+/g, ' ')
      .slice(0, SHOWN_CHARS),
  };
}

/** What a person knows a row by: its question first, then its answer. At least `enough` characters, if there are. */
function textOf({ example, row, reason }: Entry, tokenizer: Tokenizer, enough: number): string {
  if (reason !== undefined) return reason;
  switch (example?.kind) {
    case 'completion':
      return `${example.prompt} → ${example.completion}`;
    case 'messages': {
      const { messages } = example;
      const first = Math.max(
        0,
        messages.findIndex(({ role }) => role !== 'system'),
      );
      return [...messages.slice(first), ...messages.slice(0, first)]
        .map(({ content }) => content)
        .join(' → ');
    }
    case 'text':
      return example.text;
    default: {
      const ids = example?.kind === 'tokens' ? example.ids : (row?.ids ?? []);
      return tokenizer.decode(enough === Infinity ? ids : ids.slice(0, enough));
    }
  }
}
