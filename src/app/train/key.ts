/** Where the key of the curve lies, so that it covers nothing: Curve.svelte places it, chart.ts asks. Sizes are CSS pixels. */

/** The upper or the lower right of the plot, or under the chart if lines are in both. */
export type KeyPlace = 'high' | 'low' | 'under';

export interface Size {
  readonly width: number;
  readonly height: number;
}

interface Drawn {
  /** The whole chart, its axes included. */
  readonly size: Size;
  /** The size of the font. */
  readonly letters: number;
  /** The least and the largest value of the plot. */
  readonly range: readonly [number, number];
  /** A value for each step, or null. */
  readonly lines: readonly ArrayLike<number | null | undefined>[];
  /** A line all along. */
  readonly base: number | undefined;
  /** How high a value lies, in any unit: the value itself on a linear axis. */
  readonly high?: (value: number) => number;
}

/** Over the plot, and right of it. */
export const PADDING = { top: 16, right: 12 } as const;
/** The axis under the plot and its name, in letters. */
export const AXIS = 2.4;
export const AXIS_NAME = 1.5;
/** Where the key lies: from the top as a part of the height, from the bottom in letters. */
const TOP = 0.17;
const BOTTOM = 4.4;
/** How far drawings reach beyond their value: a ring, and the name above a line, in letters. */
const RING = 6;
const NAME = 1.5;

export function settingsPlaceKey(
  { size, letters, range, lines, base, high = (value) => value }: Drawn,
  key: Size,
): KeyPlace {
  const [min, max] = range.map(high);
  const height = size.height - PADDING.top - (AXIS + AXIS_NAME) * letters;
  const y = (value: number): number => PADDING.top + ((max - high(value)) / (max - min)) * height;
  /** The range of each line next to the key. */
  const spans = base === undefined ? [] : [[y(base), y(base)]];
  for (const line of lines) {
    // A line that enters the key's room has a point on either side: the one before counts, too.
    const from = Math.floor((line.length - 1) * (1 - (key.width + PADDING.right) / size.width));
    let [highest, lowest] = [Infinity, -Infinity];
    for (let at = Math.max(0, from); at < line.length; at++) {
      const value = line[at];
      if (typeof value === 'number')
        [highest, lowest] = [Math.min(highest, y(value)), Math.max(lowest, y(value))];
    }
    if (lowest > -Infinity) spans.push([highest, lowest]);
  }
  const free = (top: number): boolean =>
    spans.every(([highest, lowest]) => lowest < top - RING || highest > top + key.height + NAME * letters);
  if (free(TOP * size.height)) return 'high';
  return free(size.height - BOTTOM * letters - key.height) ? 'low' : 'under';
}
