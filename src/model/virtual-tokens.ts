/**
 * What an adapter puts before every sequence: virtual tokens, whose ids begin at FIRST_VIRTUAL and whose vectors are the adapter's own. They take positions of the
 * model. Whoever measures or fills a sequence asks here, with the adapter that reads it, so that only this file and the adapters know how many there are.
 */
import { FIRST_VIRTUAL } from '../engine/ops/embedding.ts';
import { changed, type List } from '../lists.ts';
import type { LabelledTokens } from './batch.ts';

export interface VirtualTokens {
  /** How many there are; none if left out. */
  readonly virtualTokens?: number;
}

/** How many tokens of a sequence fit into so many positions; negative if the virtual tokens need more by themselves. */
export function roomFor(positions: number, adapter: VirtualTokens | undefined): number {
  return positions - (adapter?.virtualTokens ?? 0);
}

/** How many positions a sequence of so many tokens takes. */
export function positionsOf(tokens: number, adapter: VirtualTokens | undefined): number {
  return tokens + (adapter?.virtualTokens ?? 0);
}

/** The ids that the model reads for a sequence of these. */
export function inputIds(ids: readonly number[], adapter: VirtualTokens | undefined): number[] {
  return [...virtualIds(adapter?.virtualTokens ?? 0), ...ids];
}

/** The rows that the model reads for these, as {@link withVirtual} makes them. */
export function inputRows<Row extends LabelledTokens>(
  rows: readonly Row[],
  adapter: VirtualTokens | undefined,
): readonly Row[];
export function inputRows<Row extends LabelledTokens>(
  rows: List<Row>,
  adapter: VirtualTokens | undefined,
): List<Row>;
export function inputRows<Row extends LabelledTokens>(
  rows: List<Row>,
  adapter: VirtualTokens | undefined,
): List<Row> {
  return withVirtual(rows, adapter?.virtualTokens ?? 0);
}

/** The ids of `count` virtual tokens. */
function virtualIds(count: number): number[] {
  return Array.from({ length: count }, (_, at) => FIRST_VIRTUAL + at);
}

/** Rows with virtual tokens before each of their sequences, unless they have some. These tokens have no loss. */
export function withVirtual<Row extends LabelledTokens>(rows: readonly Row[], count: number): readonly Row[];
export function withVirtual<Row extends LabelledTokens>(rows: List<Row>, count: number): List<Row>;
export function withVirtual<Row extends LabelledTokens>(rows: List<Row>, count: number): List<Row> {
  return count === 0
    ? rows
    : changed(rows, (row) => (row.ids[0] >= FIRST_VIRTUAL ? row : lengthened(row, count)));
}

function lengthened<Row extends LabelledTokens>(row: Row, count: number): Row {
  const before = virtualIds(count);
  const unlabelled = before.map(() => -100);
  const [all, allLabels] = [Array.from(row.ids), Array.from(row.labels)];
  const begins = [0, ...Array.from(row.starts ?? [])];
  const ids: number[] = [];
  const labels: number[] = [];
  const starts: number[] = [];
  begins.forEach((from, at) => {
    if (at > 0) starts.push(ids.length);
    ids.push(...before, ...all.slice(from, begins.at(at + 1)));
    labels.push(...unlabelled, ...allLabels.slice(from, begins.at(at + 1)));
  });
  return { ...row, ids, labels, ...(row.starts && { starts }) };
}

/** Rows for the base model: without virtual tokens. */
export function withoutVirtual<Row extends LabelledTokens>(rows: readonly Row[]): readonly Row[] {
  return rows.map((row) => {
    if (!(row.ids[0] >= FIRST_VIRTUAL)) return row;
    const all = Array.from(row.ids);
    const isReal = (_: number, at: number): boolean => all[at] < FIRST_VIRTUAL;
    const starts = Array.from(row.starts ?? [], (start) => all.slice(0, start).filter(isReal).length);
    return {
      ...row,
      ids: all.filter(isReal),
      labels: Array.from(row.labels).filter(isReal),
      ...(row.starts && { starts }),
    };
  });
}
