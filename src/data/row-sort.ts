/** The order of a list of rows, in slices: a comparison of texts takes about a microsecond, and a million rows need twenty million. */
import { everyPlace } from '../lists.ts';
import type { Part } from './parts.ts';
import { columnText } from './row-columns.ts';
import type { Entry, RowState } from './row-set.ts';

/** What rows are sorted by: `columnNames` has the names of the columns. */
export interface RowSort {
  readonly by: 'tokens' | 'supervised' | 'part' | 'state' | { readonly column: string };
  readonly down: boolean;
}

const PARTS: readonly (Part | undefined)[] = ['train', 'validation', 'test', undefined];
const STATES: readonly RowState[] = [
  ...(['ok', 'cut', 'dropped', 'unsupervised', 'skipped', 'copy', 'capped', 'bad'] as const),
];

/** Characters by which texts of a large file are compared: all of them would be the file. */
const COMPARED_CHARS = 64;
/** Rows between two pauses. */
const ROWS_BETWEEN = 64;
/** The share of the work before texts are compared. */
const READ = 0.5;
/** Rows that are sorted at once. */
const SORTED_ROWS = 1024;

/**
 * Sorts rows. Equal ones keep the order of their files, also from the last to the first. Yields the share that is done.
 *
 * @param found places in ascending order, which are sorted
 */
export function* sorting(
  found: number[],
  entries: readonly Entry[],
  { by, down }: RowSort,
): Generator<number, void> {
  const sign = down ? -1 : 1;
  if (typeof by === 'object') {
    const texts: string[] = [];
    for (const at of found) {
      texts.push(comparedText(entries[at], by.column));
      if (texts.length % ROWS_BETWEEN === 0) yield (READ * texts.length) / found.length;
    }
    const { compare } = new Intl.Collator('en', { numeric: true });
    yield* sortedBy(found, (a, b) => sign * compare(texts[a], texts[b]), READ);
    return;
  }
  const valueOf = ({ length, supervised, part, state }: Entry): number =>
    ({ tokens: length, supervised, part: PARTS.indexOf(part), state: STATES.indexOf(state) })[by];
  const values = Float64Array.from(found, (at) => valueOf(entries[at]));
  yield* sortedBy(found, (a, b) => sign * (values[a] - values[b]), 0);
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

function comparedText(entry: Entry, column: string): string {
  const text = columnText(entry, column);
  if (!entry.large || text.length <= COMPARED_CHARS) return text;
  // A part of a text would keep the whole in memory.
  return DECODER.decode(ENCODER.encode(text.slice(0, COMPARED_CHARS)));
}

/**
 * Merge sort with pauses.
 *
 * @param compare the items at two places of the list as it was
 * @param done the share before it
 */
function* sortedBy(
  items: number[],
  compare: (a: number, b: number) => number,
  done: number,
): Generator<number, void> {
  const { length } = items;
  const passes = 1 + Math.max(0, Math.ceil(Math.log2(length / SORTED_ROWS)));
  const shareAt = (pass: number, at: number): number => done + ((1 - done) * (pass + at / length)) / passes;
  let from = everyPlace(length);
  for (let start = 0; start < length; start += SORTED_ROWS) {
    from.subarray(start, start + SORTED_ROWS).sort((a, b) => compare(a, b) || a - b);
    yield shareAt(0, start);
  }
  let to = new Uint32Array(length);
  for (let size = SORTED_ROWS, pass = 1; size < length; size *= 2, pass++) {
    for (let start = 0; start < length; start += 2 * size) {
      const [middle, end] = [Math.min(start + size, length), Math.min(start + 2 * size, length)];
      for (let at = start, left = start, right = middle; at < end; at++) {
        // The left of equal ones comes first: it stands earlier in the list.
        const isLeft = right >= end || (left < middle && compare(from[left], from[right]) <= 0);
        to[at] = isLeft ? from[left++] : from[right++];
        if (at % SORTED_ROWS === 0) yield shareAt(pass, at);
      }
    }
    [from, to] = [to, from];
  }
  const before = items.slice();
  for (let at = 0; at < length; at++) items[at] = before[from[at]];
}
