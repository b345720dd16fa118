/** The axis of the loss: linear, or logarithmic, which still shows the details after a steep fall. Kept as a preference. */

export type LossAxis = 'linear' | 'log';

const STORED = 'graft-loss-axis';

export function keptAxis(): LossAxis {
  try {
    return localStorage.getItem(STORED) === 'log' ? 'log' : 'linear';
  } catch {
    // Storage is refused: it is linear, and can be changed for this visit.
    return 'linear';
  }
}

export function keepAxis(axis: LossAxis): void {
  try {
    localStorage.setItem(STORED, axis);
  } catch {
    // As above.
  }
}

const HEADROOM = 0.06;
/** The least height of the plot: on a linear axis as a part of its largest loss, on a logarithmic one as a ratio. */
const FLAT = 0.25;
const FLAT_RATIO = 1.3;
/** The least loss of a logarithmic axis: a loss of 0 is drawn at its lower end. */
const MIN = 1e-6;

type Line = ArrayLike<number | null | undefined>;

/** The range of the drawn losses, with some room above and below. */
export function axisRange(
  lines: readonly Line[],
  base: number | undefined,
  axis: LossAxis,
): [number, number] {
  let [min, max] = [base ?? Infinity, base ?? -Infinity];
  for (const line of lines)
    for (const value of Array.from(line))
      if (typeof value === 'number') [min, max] = [Math.min(min, value), Math.max(max, value)];
  if (!Number.isFinite(min) || !Number.isFinite(max)) return axis === 'log' ? [0.1, 1] : [0, 1];
  if (axis === 'log') {
    const [low, high] = [Math.max(MIN, min), Math.max(MIN, max)];
    const missing = Math.max(1, FLAT_RATIO / (high / low));
    const room = (high / low) ** HEADROOM * Math.sqrt(missing);
    return [low / room, high * room];
  }
  // A line that hardly changes is not magnified to fill the plot.
  const height = Math.max(max - min, FLAT * max) || 1;
  return [Math.max(0, min - height * HEADROOM), max + height * HEADROOM];
}

/** Where a value lies on the axis: equal steps of this are equal heights. */
export function heightOf(value: number, axis: LossAxis): number {
  return axis === 'log' ? Math.log(Math.max(MIN, value)) : value;
}

/** From few lines to many: the first that are enough are taken. */
const MANTISSAS = [
  [1],
  [1, 3],
  [1, 2, 5],
  [1, 1.5, 2, 3, 5, 7],
  [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9],
];
const MIN_TICKS = 4;

/** Round values between two others on a logarithmic axis, in order: at least four if they are far enough apart. */
export function logTicks(min: number, max: number): number[] {
  let ticks: number[] = [];
  for (const mantissas of MANTISSAS) {
    ticks = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++)
      for (const mantissa of mantissas) {
        // Through its decimal form, so that 3 hundredths are exactly 0.03.
        const value = Number(`${mantissa}e${power}`);
        if (value >= min && value <= max) ticks.push(value);
      }
    if (ticks.length >= MIN_TICKS) break;
  }
  return ticks;
}
