/** Rows longer than a run's limit: the policy for them, and what it removed. */
import { IGNORED, longestSequence, sequencesOf, supervisedCount, type TokenRow } from './trainable.ts';

/**
 * - `truncate-end`: the first maxLength tokens.
 * - `truncate-prompt`: tokens are taken from the prompt's start (after bos), one kept before the answer; from the end only if that is
 *   not enough.
 * - `drop`: the row goes.
 */
export type OverlongPolicy = 'truncate-end' | 'truncate-prompt' | 'drop';

export const OVERLONG_POLICIES: readonly OverlongPolicy[] = ['truncate-end', 'truncate-prompt', 'drop'];

export interface LimitedRow {
  /** The row as it is trained; undefined if it was dropped. */
  readonly row: TokenRow | undefined;
  /** Whether anything was removed (of a dropped row: all of it). */
  readonly cut: boolean;
  /** Tokens of the row that are learnt from. 0: report it, don't train it. */
  readonly supervised: number;
  /** Removed positions [start, end) of the given row, in order. */
  readonly removed: readonly (readonly [number, number])[];
}

/** @param bosId kept at the front by `truncate-prompt`. */
export function applyLimit(
  row: TokenRow,
  maxLength: number,
  policy: OverlongPolicy,
  bosId?: number,
): LimitedRow {
  if (row.starts) return limitSequences(row, maxLength, policy, bosId);
  if (row.asks) return limitPrompt(row, maxLength, policy, bosId);
  const length = row.ids.length;
  if (length <= maxLength) return { row, cut: false, supervised: supervisedCount(row), removed: [] };
  if (policy === 'drop') return { row: undefined, cut: true, supervised: 0, removed: [[0, length]] };
  const removed: [number, number][] = [];
  let from = 0;
  let count = 0;
  if (policy === 'truncate-prompt') {
    const answer = row.labels.findIndex((label, t) => t > 0 && label !== IGNORED);
    from = row.ids[0] === bosId ? 1 : 0;
    count = Math.min(length - maxLength, Math.max(0, answer - 1 - from));
    if (count > 0) removed.push([from, from + count]);
  }
  const end = maxLength + count;
  if (end < length) removed.push([end, length]);
  const keep = (values: readonly number[]): number[] => [
    ...values.slice(0, from),
    ...values.slice(from + count, end),
  ];
  const labels = keep(row.labels);
  labels[0] = IGNORED;
  const limited = {
    ids: keep(row.ids),
    labels,
    ...(row.desirable !== undefined && { desirable: row.desirable }),
  };
  return { row: limited, cut: true, supervised: supervisedCount(limited), removed };
}

/** The limit on a prompt without an answer: its end is the question, so tokens are removed from its start, whatever the policy for other rows. */
function limitPrompt(
  row: TokenRow,
  maxLength: number,
  policy: OverlongPolicy,
  bosId: number | undefined,
): LimitedRow {
  const length = row.ids.length;
  if (length <= maxLength) return { row, cut: false, supervised: 0, removed: [] };
  if (policy === 'drop') return { row: undefined, cut: true, supervised: 0, removed: [[0, length]] };
  const from = row.ids[0] === bosId ? 1 : 0;
  const end = from + length - maxLength;
  const keep = (values: readonly number[]): number[] => [...values.slice(0, from), ...values.slice(end)];
  const limited: TokenRow = { ids: keep(row.ids), labels: keep(row.labels), asks: true };
  return { row: limited, cut: true, supervised: 0, removed: [[from, end]] };
}

/**
 * The limit on a row of several sequences, each by itself, with equally many tokens removed from the start of each, so that they still start
 * alike. If one of them has nothing left to learn from, or they have become equal, nothing of the row is supervised.
 */
function limitSequences(
  row: TokenRow,
  maxLength: number,
  policy: OverlongPolicy,
  bosId: number | undefined,
): LimitedRow {
  const longest = longestSequence(row);
  if (longest <= maxLength) return { row, cut: false, supervised: comparable(row), removed: [] };
  if (policy === 'drop') return { row: undefined, cut: true, supervised: 0, removed: [[0, row.ids.length]] };
  const sequences = sequencesOf(row);
  const beginnings = sequences.map(([start, end]) => {
    const answer = row.labels.slice(start, end).findIndex((label, t) => t > 0 && label !== IGNORED);
    const from = row.ids[start] === bosId ? 1 : 0;
    return { from, most: Math.max(0, answer - 1 - from) };
  });
  const count =
    policy === 'truncate-prompt' ? Math.min(longest - maxLength, ...beginnings.map(({ most }) => most)) : 0;
  const removed: [number, number][] = [];
  const ids: number[] = [];
  const labels: number[] = [];
  const starts: number[] = [];
  sequences.forEach(([start, end], at) => {
    const { from } = beginnings[at];
    const last = Math.min(end, start + maxLength + count);
    if (count > 0) removed.push([start + from, start + from + count]);
    if (last < end) removed.push([last, end]);
    if (at > 0) starts.push(ids.length);
    const begin = ids.length;
    ids.push(...row.ids.slice(start, start + from), ...row.ids.slice(start + from + count, last));
    labels.push(...row.labels.slice(start, start + from), ...row.labels.slice(start + from + count, last));
    labels[begin] = IGNORED;
  });
  const limited = { ids, labels, starts };
  return { row: limited, cut: true, supervised: comparable(limited), removed };
}

/** Tokens that are learnt from, or 0 if a sequence has none of them or all sequences are equal. */
function comparable(row: TokenRow): number {
  const parts = sequencesOf(row).map(([start, end]) => ({
    ids: row.ids.slice(start, end),
    labels: row.labels.slice(start, end),
  }));
  const equal = parts.every(({ ids }) => ids.join() === parts[0].ids.join());
  return equal || parts.some((part) => supervisedCount(part) === 0) ? 0 : supervisedCount(row);
}
