/** Numbers and times as people read them. */
import { count, duration } from '../../numbers.ts';

/** A learning rate: 4e-3, 2.5e-4; 10 and 0 are written plainly. */
export function rate(value: number): string {
  const short = Number(value.toPrecision(3));
  return short !== 0 && Math.abs(short) < 0.1 ? short.toExponential() : String(short);
}

const KIB = 2 ** 10;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes in units of 1024: 512 B, 1.5 MiB. */
export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  while (rest >= KIB && unit < UNITS.length - 1) {
    rest /= KIB;
    unit++;
  }
  return `${rest >= 100 || unit < 2 ? Math.round(rest) : +rest.toFixed(1)} ${UNITS[unit]}`;
}

/** Words for a text without visible characters; undefined for other texts. */
export function blank(text: string): string | undefined {
  if (text === '') return 'nothing';
  return /^[\s\p{Cf}]*$/u.test(text) ? 'only white space' : undefined;
}

/** An approximate time, without digits that mean nothing: 25 s, 4 min 30 s, 1 h 5 min. */
export function roughly(seconds: number): string {
  if (seconds < 3) return 'a few seconds';
  const unit = [5, 30, 60, 300][[90, 600, 3600, Infinity].findIndex((below) => seconds < below)];
  return duration(Math.max(1, Math.round(seconds / unit)) * unit);
}

/** “about 5 min”, and “a few seconds”. */
export const about = (seconds: number): string => `${seconds < 3 ? '' : 'about '}${roughly(seconds)}`;

const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
/** A moment in milliseconds since 1970, by the clock of this machine. */
export const date = (milliseconds: number): string => day.format(milliseconds);

/** A count of parameters: 1.3 M, 412 K. */
export function parameters(value: number): string {
  // From where three digits round to it.
  if (value >= 999.5e6) return `${+(value / 1e9).toPrecision(3)} B`;
  if (value >= 1e6) return `${+(value / 1e6).toPrecision(3)} M`;
  if (value >= 1e3) return `${+(value / 1e3).toPrecision(3)} K`;
  return count(value);
}
