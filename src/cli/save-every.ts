import { GraftError } from '../errors.ts';
import { MAX_SHARE, type SaveEvery } from '../runs/save-clock.ts';

/** The default of --save-every: the most that a crash may cost. */
const DEFAULT_MS = 5 * 60_000;

/** @param text "20" for steps, "90s" or "5m" for time; undefined for the default. @throws GraftError `arguments` */
export function readSaveEvery(text: string | undefined): SaveEvery {
  if (text === undefined) return { milliseconds: DEFAULT_MS, mostShare: MAX_SHARE };
  const [, number, unit] = /^([1-9]\d{0,8})([sm]?)$/.exec(text.trim()) ?? [];
  if (number === undefined)
    throw new GraftError(
      'arguments',
      `--save-every is "${text}", expected a number of steps, or a time such as 90s or 5m.`,
      'See graft COMMAND --help.',
    );
  if (unit === '') return { steps: Number(number) };
  return { milliseconds: Number(number) * (unit === 'm' ? 60_000 : 1000) };
}
