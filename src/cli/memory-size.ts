/** Sizes in bytes as a person gives them, printed in the same unit. */
import { GraftError } from '../errors.ts';
import type { Flags, FlagSpecs } from './flags.ts';

const UNITS: Readonly<Record<string, number>> = {
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
};

export interface MemorySize {
  readonly bytes: number;
  /** Formats a number of bytes in the unit that the person used. */
  show(bytes: number): string;
}

/** A size such as 8GiB or 8000 MB; a number alone counts MiB. @throws GraftError `arguments` */
export function readMemory<Specs extends FlagSpecs>(
  flags: Flags<Specs>,
  name: keyof Specs & string,
): MemorySize | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  const [, number, suffix] = /^\s*(-?[\d.]+(?:e\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const unit =
    suffix === '' ? 'MiB' : Object.keys(UNITS).find((key) => key.toLowerCase() === suffix?.toLowerCase());
  const value = Number(number);
  if (unit === undefined || number === undefined || Number.isNaN(value))
    throw new GraftError(
      'arguments',
      `--${name} is "${text}", which is not a size.`,
      'Write a number with KiB, MiB, GiB, KB, MB or GB, such as 500MB, or a number of MiB.',
    );
  if (value <= 0)
    throw new GraftError(
      'arguments',
      `--${name} is ${text}, expected a size above 0.`,
      'Write 500MB, for example.',
    );
  const bytes = value * UNITS[unit];
  return {
    bytes,
    show: (size) => `${rounded(size / UNITS[unit])} ${unit}`,
  };
}

/** Three significant digits, and all digits before the point. */
function rounded(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
