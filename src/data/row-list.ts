/** The list of rows, filtered, a window at a time: the page never holds a hundred thousand of them. */
import { textOfPrompt } from './questions.ts';
import { spread } from '../lists.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { saidBy } from '../text/trainable.ts';
import type { FindingId } from './findings/finding.ts';
import { whole } from './findings/slow.ts';
import type { Part } from './parts.ts';
import { isShort } from './label.ts';
import { columnText, labelOfEntry } from './row-columns.ts';
import { sorting, type RowSort } from './row-sort.ts';
import { RowMaker } from './prepare.ts';
import { hasExample, isTextDocument, shapeOfRow, type Entry, type RowSet, type RowState } from './row-set.ts';
import type { LineRange } from './text-lines.ts';

export type { RowSort } from './row-sort.ts';

export interface RowQuery {
  readonly part?: Part;
  /** `repeated`: equal to an earlier row; `leaked`: held out and trained on as well. */
  readonly state?: RowState | 'repeated' | 'leaked';
  /** A finding that the row belongs to. */
  readonly finding?: FindingId;
  /** Anywhere in the row, ignoring case. */
  readonly text?: string;
  /** Only rows with this answer, if answers are labels. */
  readonly label?: string;
  /** Only rows that a person changed. */
  readonly changed?: boolean;
  /** Tokens before the limit: at least, at most. */
  readonly least?: number;
  readonly most?: number;
  /** A text in one column, ignoring case. */
  readonly column?: { readonly name: string; readonly text: string };
  /** The order; that of the files if left out. */
  readonly sort?: RowSort;
  /** The window of the list that is wanted. */
  readonly from: number;
  readonly count: number;
}

export interface ListedRow {
  /** The place for {@link preview}. */
  readonly at: number;
  /** Index of its file in `DataSummary.files`. */
  readonly file: number;
  readonly line: number;
  /** The lines that a part of a text comes from. */
  readonly lines?: LineRange;
  readonly part?: Part;
  readonly state: RowState;
  readonly repeated: boolean;
  readonly leaked: boolean;
  /** What a person changed. */
  readonly change?: Entry['change'];
  /** Tokens before the limit, and how many of them are used and supervised. */
  readonly tokens: number;
  readonly kept: number;
  readonly supervised: number;
  /** How it starts, without the words that all rows start with; or why it is bad. */
  readonly text: string;
  /** Its answer, if that is short enough to be a label. */
  readonly label?: string;
}

const SHOWN_CHARS = 160;
/** Characters that are read to show enough, since runs of spaces become one. */
const READ_CHARS = 8 * SHOWN_CHARS;
/** A window that fills any screen. */
const MAX_ROWS = 500;

interface Filtered {
  readonly key: string;
  readonly among: ReadonlySet<number> | undefined;
  readonly found: readonly number[];
}

/** The last filter of each data set: scrolling asks for the same again and again. */
const lastFilter = new WeakMap<RowSet, Filtered>();

/**
 * @param vocabulary of a tokenizer with new tokens: rows are made again with it for their numbers
 * @param among the rows of the finding that is asked for
 */
export function listRows(
  data: RowSet,
  query: RowQuery,
  tokenizer: Tokenizer,
  vocabulary?: number,
  among?: ReadonlySet<number>,
): { total: number; rows: ListedRow[] } {
  return listFound(data, findRows(data, query, tokenizer, among), query, tokenizer, vocabulary);
}

/** The same of rows that were found. @param found their places, in the order of the list */
export function listFound(
  data: RowSet,
  found: readonly number[],
  query: Pick<RowQuery, 'from' | 'count'>,
  tokenizer: Tokenizer,
  vocabulary?: number,
): { total: number; rows: ListedRow[] } {
  const from = Math.max(0, Math.floor(query.from));
  const rows = found
    .slice(from, from + Math.min(MAX_ROWS, query.count))
    .map((at) => listed(data, at, tokenizer, vocabulary));
  return { total: found.length, rows };
}

/** What is found, without the window of it. */
export type RowSearch = Omit<RowQuery, 'from' | 'count'>;

/** Equal for searches that find the same, if their findings are the same as well. */
export function keyOfSearch(search: RowSearch): string {
  const { part, state, text, label, changed, least = 0, most = Infinity, column, sort } = search;
  return JSON.stringify([part, state, text, label, changed, least, most, column, sort]);
}

/** Places of the rows that a query finds, in its order. @param among the rows of the finding that is asked for */
export const findRows = (
  data: RowSet,
  query: RowSearch,
  tokenizer: Tokenizer,
  among: ReadonlySet<number> | undefined,
): readonly number[] => whole(findingRows(data, query, tokenizer, among));

/** Rows between two pauses of a search. */
const ROWS_BETWEEN = 64;
/** The share of a search before it sorts. */
const FOUND = 0.5;

/** The same with pauses, since rows of a large file are read again. Yields the share that is done. */
export function* findingRows(
  data: RowSet,
  query: RowSearch,
  tokenizer: Tokenizer,
  among: ReadonlySet<number> | undefined,
): Generator<number, readonly number[]> {
  const { part, state, text, label, changed, least = 0, most = Infinity, column, sort } = query;
  const key = keyOfSearch(query);
  const last = lastFilter.get(data);
  if (last?.key === key && last.among === among) return last.found;
  const wanted = text?.trim().toLowerCase() ?? '';
  const inColumn = column?.text.trim().toLowerCase() ?? '';
  const isFound = (entry: Entry, at: number): boolean => {
    if (part !== undefined && entry.part !== part) return false;
    if (among?.has(at) === false) return false;
    if (changed && !entry.change) return false;
    if (entry.length < least || entry.length > most) return false;
    if (label !== undefined && labelOfEntry(entry) !== label) return false;
    if (column && !columnText(entry, column.name).toLowerCase().includes(inColumn)) return false;
    if (
      state === 'repeated'
        ? !data.repeated.has(at)
        : state === 'leaked'
          ? !data.leaked.has(at)
          : state !== undefined && entry.state !== state
    )
      return false;
    return wanted === '' || textOf(entry, tokenizer, Infinity).toLowerCase().includes(wanted);
  };
  const { entries } = data;
  const found: number[] = [];
  for (let at = 0; at < entries.length; at++) {
    if (isFound(entries[at], at)) found.push(at);
    if (at % ROWS_BETWEEN === 0) yield ((sort ? FOUND : 1) * at) / entries.length;
  }
  if (sort) {
    const work = sorting(found, entries, sort);
    for (let step = work.next(); step.done !== true; step = work.next())
      yield FOUND + (1 - FOUND) * step.value;
  }
  lastFilter.set(data, { key, among, found });
  return found;
}

function listed(data: RowSet, at: number, tokenizer: Tokenizer, vocabulary: number | undefined): ListedRow {
  const known = data.entries[at];
  const entry = vocabulary === undefined ? known : withNewTokenIds(known, data, tokenizer, vocabulary);
  const { file, line, lines, part, state, length, supervised, change } = entry;
  const label = labelOfEntry(entry);
  return {
    at,
    file,
    line,
    ...(lines && { lines }),
    part,
    state,
    ...(change && { change }),
    repeated: data.repeated.has(at),
    leaked: data.leaked.has(at),
    tokens: length,
    kept: shapeOfRow(entry)?.tokens ?? 0,
    supervised,
    text: ownText(beginningOf(entry, tokenizer), sharedBeginning(data, tokenizer)).slice(0, SHOWN_CHARS),
    ...(label && isShort(label) && { label }),
  };
}

/** Its first characters in one line. It is cut before it is searched: a row may have a million characters, and there are hundreds of rows. */
const beginningOf = (entry: Entry, tokenizer: Tokenizer): string =>
  textOf(entry, tokenizer, SHOWN_CHARS).slice(0, READ_CHARS).replace(/\s+/g, ' ');

/** Rows of which the shared beginning is that of all: a template writes it into each. */
const COMPARED_ROWS = 100;
const MIN_COMPARED = 3;
/** A shorter one leaves room for what differs. */
const MIN_SHARED_CHARS = 24;

const sharedBeginnings = new WeakMap<RowSet, string>();

/** The words with which all rows begin, as a template writes them; '' for few. */
function sharedBeginning(data: RowSet, tokenizer: Tokenizer): string {
  const known = sharedBeginnings.get(data);
  if (known !== undefined) return known;
  const made = data.entries.filter((entry) => entry.reason === undefined && hasExample(entry));
  const texts = spread(made, COMPARED_ROWS).map((entry) => beginningOf(entry, tokenizer));
  let [shared = ''] = texts.length < MIN_COMPARED ? [] : texts;
  for (const text of texts) {
    let same = 0;
    while (same < shared.length && shared[same] === text[same]) same++;
    shared = shared.slice(0, same);
  }
  const words = shared.slice(0, shared.lastIndexOf(' ') + 1);
  const found = words.length < MIN_SHARED_CHARS ? '' : words;
  sharedBeginnings.set(data, found);
  return found;
}

const ownText = (text: string, shared: string): string =>
  shared !== '' && text.startsWith(shared) ? `… ${text.slice(shared.length)}` : text;

/** A used row with its numbers by another tokenizer. Parts of texts have them already. */
function withNewTokenIds(entry: Entry, { options }: RowSet, tokenizer: Tokenizer, vocabSize: number): Entry {
  const { example, part } = entry;
  if (!example || !part || !options || isTextDocument(example)) return entry;
  const maker = new RowMaker(tokenizer, {
    maxLength: options.maxLength,
    overlong: options.overlong,
    vocabSize,
  });
  const { state, length, supervised } = maker.add(example);
  const row = maker.rows.at(0);
  if (!row || (state !== 'ok' && state !== 'cut')) return entry;
  const { file, line, lines, change, reason } = entry;
  return { file, line, lines, part, example, change, reason, state, row, length, supervised };
}

/** The text that identifies a row: its question first, then its answer. At least `enough` characters, if there are. */
function textOf(
  entry: Pick<Entry, 'example' | 'row' | 'reason'>,
  tokenizer: Tokenizer,
  enough: number,
): string {
  const { example, reason } = entry;
  if (reason !== undefined) return reason;
  if (example?.kind === 'pair') {
    const { chosen, rejected } = example;
    return [chosen, rejected]
      .map((side) => textOf({ example: { ...side, line: example.line } }, tokenizer, enough))
      .join(' ⇄ ');
  }
  if (example?.kind === 'unpaired')
    return `${example.desirable ? '✓' : '✗'} ${textOf({ example: { ...example.answer, line: example.line } }, tokenizer, enough)}`;
  switch (example?.kind) {
    case 'completion':
      return `${example.prompt} → ${example.completion}`;
    case 'messages': {
      const { messages } = example;
      const first = Math.max(
        0,
        messages.findIndex(({ role }) => role !== 'system'),
      );
      return [...messages.slice(first), ...messages.slice(0, first)].map(saidBy).join(' → ');
    }
    case 'text':
      return example.text;
    case 'query':
      return [example.query, example.positive, ...example.negatives].join(' → ');
    case 'prompt':
      return textOfPrompt(example.prompt);
    default: {
      const ids = example?.kind === 'tokens' ? example.ids : (entry.row?.ids ?? []);
      return tokenizer.decode(enough === Infinity ? ids : ids.slice(0, enough));
    }
  }
}
