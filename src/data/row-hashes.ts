/** Rows that teach the same, by hashes: for files of which not every row is held. */
import { saidBy, type ExampleContent, type Pair } from '../text/trainable.ts';
import type { Example } from './example.ts';
import { wholeNumbers, type NumberColumn } from './number-column.ts';
import { identityOf } from './statistics.ts';

export type Hashes = readonly [number, number];

/** A hash of two. */
function mixed(one: number, other: number): number {
  const hash = Math.imul(one ^ (one >>> 16), 0x85ebca6b) + other;
  return Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
}

/** Texts from this length on are hashed as bytes of UTF-8, four at a time. Of a shorter one, the call that encodes it costs more than it saves. */
const LONG = 32;
const ENCODER = new TextEncoder();
/** A piece of a text as UTF-8: sixteen bytes for each turn of the lanes. */
const BYTES = new Uint8Array(2 ** 16);
const WORDS = new Int32Array(BYTES.buffer);

/** Two characters, as 32 bits. */
const twoAt = (text: string, at: number): number => text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);

/**
 * Two hashes of 32 bits over texts, each with its length, so that no two lists of texts look alike. Four lanes, since hashing is a good part of the
 * time of reading and a processor multiplies for all of them at once.
 */
class Hasher {
  #one = 0x9e3779b9;
  #other = 0x7f4a7c15;

  add(text: string): this {
    return text.length < LONG || !this.#addBytes(text) ? this.#addUnits(text) : this;
  }

  /** @returns whether it was added: UTF-8 does not tell half characters apart */
  #addBytes(text: string): boolean {
    const { length } = text;
    let a = this.#one ^ length;
    let b = Math.imul(this.#other + length, 0x27d4eb2f);
    let c = a ^ 0x165667b1;
    let d = b ^ 0x3c6ef372;
    for (let from = 0; from < length;) {
      const { read, written } = ENCODER.encodeInto(from === 0 ? text : text.slice(from), BYTES);
      if (written > read && !text.isWellFormed()) return false;
      BYTES.fill(0, written, (written + 15) & ~15);
      const words = (written + 3) >> 2;
      for (let at = 0; at < words; at += 4) {
        a = Math.imul(a ^ WORDS[at], 0x85ebca6b);
        b = Math.imul(b ^ WORDS[at + 1], 0xc2b2ae35);
        c = Math.imul(c ^ WORDS[at + 2], 0x27d4eb2f);
        d = Math.imul(d ^ WORDS[at + 3], 0x9e3779b1);
        a ^= a >>> 15;
        b ^= b >>> 13;
        c ^= c >>> 16;
        d ^= d >>> 14;
      }
      from += read;
    }
    this.#take(a, b, c, d);
    return true;
  }

  /** Adds a text by its UTF-16 units. */
  #addUnits(text: string): this {
    const { length } = text;
    let a = this.#one ^ length;
    let b = Math.imul(this.#other + length, 0x27d4eb2f);
    let c = a ^ 0x165667b1;
    let d = b ^ 0x3c6ef372;
    let at = 0;
    for (; at + 8 <= length; at += 8) {
      a = Math.imul(a ^ twoAt(text, at), 0x85ebca6b);
      b = Math.imul(b ^ twoAt(text, at + 2), 0xc2b2ae35);
      c = Math.imul(c ^ twoAt(text, at + 4), 0x27d4eb2f);
      d = Math.imul(d ^ twoAt(text, at + 6), 0x9e3779b1);
      a ^= a >>> 15;
      b ^= b >>> 13;
      c ^= c >>> 16;
      d ^= d >>> 14;
    }
    for (; at < length; at++) {
      const unit = text.charCodeAt(at);
      a = Math.imul(a ^ unit, 0x85ebca6b);
      a ^= a >>> 15;
      b = Math.imul(b ^ unit, 0xc2b2ae35);
      b ^= b >>> 13;
    }
    this.#take(a, b, c, d);
    return this;
  }

  /** Each lane reaches both hashes by ways of its own. */
  #take(a: number, b: number, c: number, d: number): void {
    this.#one = mixed(mixed(a, c), mixed(b, d));
    this.#other = mixed(mixed(d, a), mixed(c, b));
  }

  get hashes(): Hashes {
    const [one, other] = [Math.imul(this.#one, 0x27d4eb2f), Math.imul(this.#other, 0x165667b1)];
    return [(one ^ (one >>> 16)) >>> 0, (other ^ (other >>> 16)) >>> 0];
  }
}

/** Equal for examples that teach the same, as `identityOf` is. Of a million different rows, two are taken for equal once in 30 million files. */
export function hashesOf(example: Example): Hashes {
  return withTexts(new Hasher(), example).hashes;
}

const UNIT = 2 ** 16;

/** Hashes as a text of four characters, so that rows that are held and rows that are not can be compared. */
export const identityOfHashes = ([one, other]: Hashes): string =>
  String.fromCharCode(one % UNIT, one / UNIT, other % UNIT, other / UNIT);

/** The hashes of the pair that prefers what this one rejects. */
export const hashesOfFlipped = ({ chosen, rejected }: Pair): Hashes =>
  withTexts(new Hasher(), { kind: 'pair', chosen: rejected, rejected: chosen }).hashes;

/** The hashes of texts, one after another. */
export function hashesOfTexts(...texts: readonly string[]): Hashes {
  const hasher = new Hasher();
  for (const text of texts) hasher.add(text);
  return hasher.hashes;
}

function withTexts(hasher: Hasher, example: ExampleContent): Hasher {
  switch (example.kind) {
    case 'completion':
      hasher.add('completion').add(example.prompt.trim()).add(example.completion.trim());
      return example.untrained ? hasher.add(JSON.stringify(example.untrained)) : hasher;
    case 'messages':
      hasher.add('messages');
      for (const message of example.messages) {
        hasher.add(message.role).add(saidBy(message).trim());
        if (message.untrained) hasher.add(JSON.stringify(message.untrained));
      }
      return example.tools ? hasher.add(JSON.stringify(example.tools)) : hasher;
    case 'pair':
      return withTexts(withTexts(hasher.add('pair'), example.chosen), example.rejected);
    case 'unpaired':
      return withTexts(hasher.add('unpaired'), example.answer).add(String(example.desirable));
    default:
      return hasher.add(identityOf(example));
  }
}

/** Rows by their hashes, the first of each: eight to sixteen bytes a row, and no object. */
export class FirstRows {
  /** One more than the row, so that 0 is an empty place. */
  readonly #firsts: Uint32Array;

  /**
   * @param max the most rows that are added
   * @param hashesOf the hashes of a row
   */
  constructor(
    max: number,
    private readonly hashesOf: (row: number) => Hashes,
  ) {
    let size = 16;
    while (size < 2 * max) size *= 2;
    this.#firsts = new Uint32Array(size);
  }

  /** The first row with these hashes; undefined if none was added. */
  find(hashes: Hashes): number | undefined {
    const row = this.#firsts[this.#placeOf(hashes)];
    return row === 0 ? undefined : row - 1;
  }

  /** @returns the first row that equals this one, which may be itself */
  add(row: number): number {
    const at = this.#placeOf(this.hashesOf(row));
    if (this.#firsts[at] === 0) this.#firsts[at] = row + 1;
    return this.#firsts[at] - 1;
  }

  /** The place of these hashes, or an empty one for them. */
  #placeOf([one, other]: Hashes): number {
    const last = this.#firsts.length - 1;
    let at = one & last;
    for (; this.#firsts[at] !== 0; at = (at + 1) & last) {
      const known = this.hashesOf(this.#firsts[at] - 1);
      if (known[0] === one && known[1] === other) break;
    }
    return at;
  }
}

/**
 * The rows that have copies, each with the first row that equals it, which may be itself.
 *
 * @param hashesOf the hashes of a row
 */
export function equalRows(count: number, hashesOf: (row: number) => Hashes): ReadonlyMap<number, number> {
  const firsts = new FirstRows(count, hashesOf);
  const equal = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    const first = firsts.add(row);
    if (first !== row) equal.set(first, first).set(row, first);
  }
  return equal;
}

/** Different hashes, each with a number from 0 in the order in which they came: 24 to 32 bytes each, and no object. */
export class DistinctHashes {
  readonly #ones: NumberColumn;
  readonly #others: NumberColumn;
  /** One more than the number, so that 0 is an empty place. */
  #numbers: Uint32Array;

  /** @param expected about how many are added: until then nothing is copied */
  constructor(expected = 0) {
    this.#ones = wholeNumbers(expected);
    this.#others = wholeNumbers(expected);
    let places = FIRST_PLACES;
    while (2 * places < 3 * expected) places *= 2;
    this.#numbers = new Uint32Array(places);
  }

  get length(): number {
    return this.#ones.length;
  }

  /** The number of these hashes; undefined if they were not added. */
  find(hashes: Hashes): number | undefined {
    const number = this.#numbers[this.#placeOf(hashes)];
    return number === 0 ? undefined : number - 1;
  }

  /** @returns their number: that of equal ones if there are any, or else the next one */
  add(hashes: Hashes): number {
    const at = this.#placeOf(hashes);
    if (this.#numbers[at] !== 0) return this.#numbers[at] - 1;
    this.#ones.push(hashes[0]);
    this.#others.push(hashes[1]);
    this.#numbers[at] = this.length;
    if (3 * this.length > 2 * this.#numbers.length) this.#grow();
    return this.length - 1;
  }

  #grow(): void {
    this.#numbers = new Uint32Array(2 * this.#numbers.length);
    for (let number = 0; number < this.length; number++)
      this.#numbers[this.#placeOf([this.#ones.at(number), this.#others.at(number)])] = number + 1;
  }

  /** The place of these hashes, or an empty one for them. */
  #placeOf([one, other]: Hashes): number {
    const last = this.#numbers.length - 1;
    let at = one & last;
    for (; this.#numbers[at] !== 0; at = (at + 1) & last) {
      const number = this.#numbers[at] - 1;
      if (this.#ones.at(number) === one && this.#others.at(number) === other) break;
    }
    return at;
  }
}

const FIRST_PLACES = 1024;
