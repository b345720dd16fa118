/** Numbers and moments as people read them, on the page and in a terminal. */
const whole = new Intl.NumberFormat('en');

/** A whole number with commas: 12,345. */
export const count = (value: number): string => whole.format(Math.round(value));

/** A number with its noun: 1 row, 12 rows. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `once`, `twice`, `3 times`. */
export const times = (value: number): string =>
  value === 1 ? 'once' : value === 2 ? 'twice' : `${count(value)} times`;

/** A share from 0 to 1 in whole percent. */
export const percent = (share: number): string => `${Math.round(share * 100)}%`;

/** Bytes in units of 1000: 320 B, 12 kB, 1.2 MB, 3.45 GB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** So many digits after the point, with a minus sign rather than a hyphen, and no −0. */
export function fixed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** A weight and what has it, with a minus sign rather than a hyphen: 0.7 × Bosun, −0.25 × Cook. */
export const weighted = ({ name, weight }: { readonly name: string; readonly weight: number }): string =>
  `${weight < 0 ? '−' : ''}${Math.abs(weight)} × ${name}`;

/** A word after “a” or “an”, by its first letter: a LoRA adapter, an IA3 adapter. */
export const withArticle = (word: string): string => `${/^[aeiou]/i.test(word) ? 'an' : 'a'} ${word}`;

/** Three significant digits, without the noise behind them. */
export function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value < 0) return value > -0.0005 ? '0' : `−${threeDigits(-value)}`;
  if (value > 0 && value < 0.0005) return '<0.001';
  return value >= 100 ? count(value) : value >= 10 ? value.toFixed(1) : value.toFixed(value < 1 ? 3 : 2);
}

/** 8 s, 2 min 10 s, 1 h 5 min. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ''}`;
  const minutes = Math.round(s / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
}

/** A measured time: 18 ms, 2.7 s, 3 min 20 s. */
export function took(seconds: number): string {
  if (seconds < 1) return `${Math.max(1, Math.round(1000 * seconds))} ms`;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds);
}

/** A moment as the clock of this machine shows it, without its zone: read back in any zone, the clock shows the same. */
export function clockTime(moment: Date): string {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
}
