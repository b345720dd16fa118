/** Numbers and moments as people read them, on the page and in a terminal. */
const whole = new Intl.NumberFormat('en');

/** A whole number with commas: 12,345. */
export const count = (value: number): string => whole.format(Math.round(value));

/** A number with its noun: 1 row, 12 rows. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A share from 0 to 1 in whole percent. */
export const percent = (share: number): string => `${Math.round(share * 100)}%`;

/** Bytes in units of 1000: 12 kB, 1.2 MB, 3.45 GB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Three significant digits, without the noise behind them. */
export function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value > 0 && value < 0.0005) return '<0.001';
  return value >= 100 ? count(value) : value >= 10 ? value.toFixed(1) : value.toFixed(value < 1 ? 3 : 2);
}

/** A moment as the clock of this machine shows it, without its zone: read back in any zone, the clock shows the same. */
export function clockTime(moment: Date): string {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
}
