/** Changes of real inputs that keep most of their structure: of JSON by its nodes, of text by its pieces, of bytes by words and ranges. */
import type { Random } from '../../../src/random.ts';

export const pick = <T>(random: Random, list: readonly T[]): T => list[random.next() % list.length];
export const below = (random: Random, limit: number): number => random.next() % Math.max(1, limit);
const often = (random: Random, percent: number): boolean => random.next() % 100 < percent;

/** Usually one change: an input with many is refused at the first. */
const manyOf = (random: Random, most: number): number => (often(random, 60) ? 1 : 1 + below(random, most));

const NUMBERS = [
  0,
  -1,
  1,
  2,
  7,
  255,
  256,
  65_535,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  1e308,
  0.5,
  -0.5,
];
const TEXTS = [
  '',
  ' ',
  '\n',
  '\0',
  'a',
  '__proto__',
  'constructor',
  '../..',
  '😀',
  '\uFEFF',
  '\uD800',
  'null',
  '{{x}}',
  'x'.repeat(5000),
];

function strangeValue(random: Random): unknown {
  const kind = below(random, 8);
  if (kind === 0) return null;
  if (kind === 1) return often(random, 50);
  if (kind < 4) return pick(random, NUMBERS);
  if (kind < 6) return pick(random, TEXTS);
  if (kind === 6) return often(random, 50) ? [] : {};
  let deep: unknown = 1;
  for (let i = below(random, 100); i > 0; i--) deep = often(random, 50) ? [deep] : { a: deep };
  return deep;
}

type Holder = Record<string, unknown> | unknown[];

/** Every list and object in a value. */
function holdersIn(value: unknown, found: Holder[] = []): Holder[] {
  if (typeof value === 'object' && value !== null) {
    found.push(value as Holder);
    for (const child of Object.values(value)) holdersIn(child, found);
  }
  return found;
}

/** A copy of a JSON value with one to four changes. */
export function mutateJson(random: Random, value: unknown): unknown {
  const copy = structuredClone(value);
  for (let changes = manyOf(random, 4); changes > 0; changes--) {
    const holders = holdersIn(copy);
    if (holders.length === 0) return strangeValue(random);
    const holder = pick(random, holders) as Record<string, unknown>;
    const keys = Object.keys(holder);
    const key = keys.length > 0 ? pick(random, keys) : 'a';
    const old = holder[key];
    switch (below(random, 7)) {
      case 0:
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete holder[key];
        break;
      case 1:
        if (Array.isArray(holder)) holder.push(structuredClone(old));
        else holder[pick(random, TEXTS)] = structuredClone(old);
        break;
      case 2: {
        // A part from elsewhere.
        const other = pick(random, holders);
        if (other !== copy) holder[key] = structuredClone(other);
        break;
      }
      case 3:
        if (typeof old === 'number') holder[key] = old + pick(random, [1, -1, 0.5, 1000]);
        else if (typeof old === 'string') holder[key] = mutateText(random, old, TEXTS);
        else holder[key] = strangeValue(random);
        break;
      default:
        holder[key] = strangeValue(random);
    }
  }
  return copy;
}

/** One to four pieces of a text left out, doubled, moved, or replaced by one of `pieces`. */
export function mutateText(random: Random, text: string, pieces: readonly string[]): string {
  let changed = text;
  for (let changes = manyOf(random, 4); changes > 0; changes--) {
    const start = below(random, changed.length + 1);
    const end = Math.min(changed.length, start + below(random, often(random, 80) ? 12 : 400));
    const piece = often(random, 60)
      ? pick(random, pieces)
      : changed.slice(start, end).repeat(1 + below(random, 3));
    changed =
      changed.slice(0, start) +
      (often(random, 20) ? '' : piece) +
      changed.slice(often(random, 50) ? start : end);
  }
  return changed;
}

/** One to six changes of bytes: bits, numbers of 1 to 8 bytes, ranges left out, doubled, zeroed, or the end cut off. */
export function mutateBytes(
  random: Random,
  bytes: Uint8Array,
  within = bytes.length,
): Uint8Array<ArrayBuffer> {
  let changed = Uint8Array.from(bytes);
  for (let changes = manyOf(random, 6); changes > 0 && changed.length > 0; changes--) {
    const at = below(random, Math.min(within, changed.length));
    const length = 1 + below(random, often(random, 80) ? 8 : 256);
    switch (below(random, 6)) {
      case 0:
        changed[at] ^= 1 << below(random, 8);
        break;
      case 1:
      case 2: {
        const view = new DataView(changed.buffer);
        const value = pick(random, NUMBERS);
        if (at + 8 <= changed.length) {
          if (often(random, 50)) view.setUint32(at, value, true);
          else view.setBigInt64(at, BigInt(Math.trunc(Math.min(value, 2 ** 62))), true);
        } else changed[at] = value;
        break;
      }
      case 3:
        changed = joined(changed.subarray(0, at), changed.subarray(at + length));
        break;
      case 4:
        changed = joined(changed.subarray(0, at), changed.subarray(at, at + length), changed.subarray(at));
        break;
      default:
        if (often(random, 30)) changed = changed.slice(0, at);
        else changed.fill(0, at, at + length);
    }
  }
  return changed;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
export const json = (value: unknown): Uint8Array<ArrayBuffer> => utf8(JSON.stringify(value));
