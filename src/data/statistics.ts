/** Lengths of rows as a histogram, and the identity of a row. */
import { saidBy, type ExampleContent } from '../text/trainable.ts';

export interface Histogram {
  /** Tokens that a bar spans; the first starts at 0, the last also counts longer rows. */
  readonly width: number;
  readonly counts: readonly number[];
  readonly median: number;
  readonly longest: number;
}

const MAX_BARS = 24;
/** Bars end where so many rows are: a few endless rows must not squeeze all others into a single bar. */
const SHOWN = 0.99;
/** The longest row is shown if it is at most so many times as long as those. */
const NEAR = 1.25;

/** 1, 2 or 5 times a power of ten, at least `least`. */
function roundWidth(least: number): number {
  for (let power = 1; ; power *= 10)
    for (const unit of [1, 2, 5]) if (unit * power >= least) return unit * power;
}

/** @param lengths tokens of rows */
export function histogramOf(lengths: readonly number[]): Histogram {
  const rows = new Map<number, number>();
  for (const length of lengths) rows.set(length, (rows.get(length) ?? 0) + 1);
  return histogramOfCounts(rows);
}

/** The same. @param rows numbers of rows by their tokens */
export function histogramOfCounts(rows: ReadonlyMap<number, number>): Histogram {
  const sorted = [...rows].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  /** Tokens of the row at a place, the shortest first. */
  const lengthAt = (place: number): number => {
    let before = 0;
    return sorted.find(([, count]) => (before += count) > place)?.[0] ?? 0;
  };
  const longest = sorted.at(-1)?.[0] ?? 0;
  const max = lengthAt(Math.ceil(SHOWN * total) - 1);
  const shown = longest <= NEAR * max ? longest : max;
  const width = roundWidth((shown + 1) / MAX_BARS);
  const counts = new Array<number>(Math.ceil((shown + 1) / width)).fill(0);
  for (const [length, count] of sorted)
    counts[Math.min(counts.length - 1, Math.floor(length / width))] += count;
  return { width, counts, median: lengthAt(total >> 1), longest };
}

/** Equal for examples with the same prompt and the same answer, ignoring white space at the ends. */
export function identityOf(example: ExampleContent): string {
  switch (example.kind) {
    case 'completion':
      return JSON.stringify([example.prompt.trim(), example.completion.trim(), ...(example.untrained ?? [])]);
    case 'messages':
      return JSON.stringify([
        ...example.messages.map((message) => [
          message.role,
          saidBy(message).trim(),
          ...(message.untrained ?? []),
        ]),
        ...(example.tools ?? []),
      ]);
    case 'text':
      return JSON.stringify(example.text.trim());
    case 'prompt':
      return JSON.stringify(
        typeof example.prompt === 'string'
          ? example.prompt.trim()
          : example.prompt.map((message) => [message.role, saidBy(message).trim()]),
      );
    case 'tokens':
      return JSON.stringify(example.ids);
    case 'query':
      return JSON.stringify(
        [example.query, example.positive, ...example.negatives].map((text) => text.trim()),
      );
    case 'unpaired':
      return JSON.stringify([identityOf(example.answer), example.desirable]);
    case 'pair':
      return JSON.stringify([identityOf(example.chosen), identityOf(example.rejected)]);
  }
}
