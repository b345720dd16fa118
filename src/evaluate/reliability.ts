/** A reliability diagram (DeGroot and Fienberg, 1983) as numbers to draw: the page and the report draw the same. */
import { percent, plural } from '../numbers.ts';
import type { ReliabilityBin } from '../scorers/calibration.ts';

/** The side of the square, and the space around it for its labels, in the unit of the drawing. */
const SIZE = 200;
const PAD = 40;
const LEAST_RADIUS = 3;
const MOST_RADIUS = 11;

const along = (share: number): number => PAD + SIZE * share;

export const DIAGRAM = {
  size: SIZE,
  pad: PAD,
  marks: [0, 0.5, 1].map((share) => ({ at: along(share), label: percent(share) })),
} as const;

export interface Dot {
  readonly x: number;
  /** The share of right answers, counted from the top. */
  readonly y: number;
  /** Where the dot would be if its probability were right. */
  readonly onLine: number;
  /** The area follows the number of rows. */
  readonly radius: number;
  readonly words: string;
}

/** A dot for each bin. */
export function dotsOf(bins: readonly ReliabilityBin[]): Dot[] {
  const most = Math.max(1, ...bins.map(({ rows }) => rows));
  return bins.map(({ rows, confidence, right }) => ({
    x: along(confidence),
    y: along(1 - right),
    onLine: along(1 - confidence),
    radius: Math.max(LEAST_RADIUS, MOST_RADIUS * Math.sqrt(rows / most)),
    words: `${plural(rows, 'row')}: probability ${percent(confidence)}, right ${percent(right)}`,
  }));
}
