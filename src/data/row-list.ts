/** The list of rows, filtered, a window at a time: the page never holds a hundred thousand of them. */
import { textOfPrompt } from './questions.ts';
import { spread } from '../lists.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { saidBy } from '../text/trainable.ts';
import type { FindingId } from './findings/finding.ts';
import type { Part } from './parts.ts';
import { columnText, labelOfEntry } from './row-columns.ts';
import { RowMaker } from './prepare.ts';
import { hasExample, isTextDocument, shapeOf, type Entry, type RowSet, type RowState } from './row-set.ts';
import type { LineRange } from './text-lines.ts';

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

/** What rows are sorted by: `columnTexts` has the names of the columns. */
export interface RowSort {
  readonly by: 'tokens' | 'supervised' | 'part' | 'state' | { readonly column: string };
  readonly down: boolean;
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
  const found = findRows(data, query, tokenizer, among);
  const from = Math.max(0, Math.floor(query.from));
  const rows = found
    .slice(from, from + Math.min(MAX_ROWS, query.count))
    .map((at) => listed(data, at, tokenizer, vocabulary));
  return { total: found.length, rows };
}

/** Places of the rows that a query finds, in its order. @param among the rows of the finding that is asked for */
export function findRows(
  data: RowSet,
  query: Omit<RowQuery, 'from' | 'count'>,
  tokenizer: Tokenizer,
  among: ReadonlySet<number> | undefined,
): readonly number[] {
  const { part, state, text, label, changed, least = 0, most = Infinity, column, sort } = query;
  const key = JSON.stringify([part, state, text, label, changed, least, most, column, sort]);
  const last = lastFilter.get(data);
  if (last?.key === key && last.among === among) return last.found;
  const wanted = text?.trim().toLowerCase() ?? '';
  const inColumn = column?.text.trim().toLowerCase() ?? '';
  const found: number[] = [];
  data.entries.forEach((entry, at) => {
    if (part !== undefined && entry.part !== part) return;
    if (among?.has(at) === false) return;
    if (changed && !entry.change) return;
    if (entry.length < least || entry.length > most) return;
    if (label !== undefined && labelOfEntry(entry) !== label) return;
    if (column && !columnText(entry, column.name).toLowerCase().includes(inColumn)) return;
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
  if (sort) sortRows(found, data.entries, sort);
  lastFilter.set(data, { key, among, found });
  return found;
}

const PARTS: readonly (Part | undefined)[] = ['train', 'validation', 'test', undefined];

/** Equal rows keep the order of their files, also from the last to the first. */
function sortRows(found: number[], entries: readonly Entry[], { by, down }: RowSort): void {
  const sign = down ? -1 : 1;
  if (typeof by === 'object') {
    const texts = new Map(found.map((at) => [at, columnText(entries[at], by.column)]));
    const { compare } = new Intl.Collator('en', { numeric: true });
    found.sort((a, b) => sign * compare(texts.get(a)!, texts.get(b)!) || a - b);
    return;
  }
  const valueOf = ({ length, supervised, part, state }: Entry): number =>
    ({ tokens: length, supervised, part: PARTS.indexOf(part), state: STATES.indexOf(state) })[by];
  found.sort((a, b) => sign * (valueOf(entries[a]) - valueOf(entries[b])) || a - b);
}

const STATES: readonly RowState[] = [
  ...(['ok', 'cut', 'dropped', 'unsupervised', 'skipped', 'copy', 'capped', 'bad'] as const),
];

function listed(data: RowSet, at: number, tokenizer: Tokenizer, vocabulary: number | undefined): ListedRow {
  const known = data.entries[at];
  const entry = vocabulary === undefined ? known : withNewTokenIds(known, data, tokenizer, vocabulary);
  const { file, line, lines, part, state, length, supervised, change } = entry;
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
    kept: shapeOf(entry)?.tokens ?? 0,
    supervised,
    text: ownText(beginningOf(entry, tokenizer), sharedBeginning(data, tokenizer)).slice(0, SHOWN_CHARS),
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
