/** Rows longer than a run's limit: a visible policy, and what it took away. */
import { IGNORED, supervisedCount, type TokenRow } from './trainable.ts';

/**
 * - `truncate-end`: the first maxLength tokens.
 * - `truncate-prompt`: tokens are taken from the prompt's beginning (after bos), one kept before the answer; from the end only if that is
 *   not enough.
 * - `drop`: the row goes.
 */
export type OverlongPolicy = 'truncate-end' | 'truncate-prompt' | 'drop';

export const OVERLONG_POLICIES: readonly OverlongPolicy[] = ['truncate-end', 'truncate-prompt', 'drop'];

export interface LimitedRow {
  /** The row as it is trained; undefined where it was dropped. */
  readonly row: TokenRow | undefined;
  /** Whether anything was taken away (a dropped row: all of it). */
  readonly cut: boolean;
  /** Tokens of the row that are learnt from. 0: report it, don't train it. */
  readonly supervised: number;
  /** Positions [start, end) of the given row that were taken away, in order. */
  readonly removed: readonly (readonly [number, number])[];
}

/** @param bosId kept at the front by `truncate-prompt`. */
export function applyLimit(
  row: TokenRow,
  maxLength: number,
  policy: OverlongPolicy,
  bosId?: number,
): LimitedRow {
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
  const limited = { ids: keep(row.ids), labels };
  return { row: limited, cut: true, supervised: supervisedCount(limited), removed };
}
