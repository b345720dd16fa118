/** Texts that share most groups of words, found by MinHash among a million in typed arrays. */
import type { Hashes } from '../row-hashes.ts';
import type { Slow } from './slow.ts';
import { mixed } from './texts.ts';

const MIN_JACCARD = 0.7;
/**
 * 16 bands of 4 minima find a pair of similarity 0.7 with a chance of 1 − (1 − 0.7⁴)¹⁶ = 98.8 %, and one of 0.8 with 99.99 % (Leskovec and others,
 * Mining of Massive Datasets, chapter 3).
 */
const BANDS = 16;
const ROWS_OF_BAND = 4;
/** Rows of a band that share minima and are compared: more of them share a template, and comparing all would be quadratic. */
const MAX_OF_BUCKET = 8;
/**
 * Minima of 64 that two texts share at least if they are compared. With a similarity of 0.7 they share 45 on average with a spread of 3.7: fewer than
 * 24 come up once in 30 million pairs.
 */
const MIN_SHARED = 24;

/** Words of 32 bits of a signature, one for each band: the last byte of each of its four minima. */
export const SIGNATURE_LENGTH = BANDS;

/** The least hashes of a text, which only the next call needs. */
const MINIMA = new Uint32Array(BANDS * ROWS_OF_BAND);

/**
 * The signature of a set of groups of words.
 *
 * @param signatures those of texts end to end, into which it is written
 * @param text its place there
 */
export function sign(signatures: Uint32Array, text: number, shingles: Uint32Array): void {
  MINIMA.fill(0xffffffff);
  for (const shingle of shingles) {
    const step = mixed(shingle ^ 0x9e3779b9) | 1;
    for (let at = 0, hash = shingle; at < MINIMA.length; at++) {
      hash = (hash + step) >>> 0;
      const value = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ Math.imul(at + 1, 0x9e3779b9)) >>> 0;
      if (value < MINIMA[at]) MINIMA[at] = value;
    }
  }
  // The first bits of minima are nearly all 0.
  for (let band = 0, at = 0; band < BANDS; band++) {
    let word = 0;
    for (let shift = 0; shift < 8 * ROWS_OF_BAND; shift += 8) word |= (MINIMA[at++] & 0xff) << shift;
    signatures[text * BANDS + band] = word;
  }
}

/** Whether two ascending lists of shingles share 0.7 of all shingles of both. */
function areNear(a: Uint32Array, b: Uint32Array): boolean {
  if (Math.min(a.length, b.length) < MIN_JACCARD * Math.max(a.length, b.length)) return false;
  let shared = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) shared++;
    const [left, right] = [a[i], b[j]];
    if (left <= right) i++;
    if (right <= left) j++;
  }
  return shared / (a.length + b.length - shared) >= MIN_JACCARD;
}

/** Whether signatures share so many bytes that their texts may be near. @param a and b places of texts */
function mayBeNear(one: Uint32Array, a: number, other: Uint32Array, b: number): boolean {
  let shared = 0;
  for (let band = 0; band < BANDS; band++) {
    const differ = one[a * BANDS + band] ^ other[b * BANDS + band];
    for (let shift = 0; shift < 32; shift += 8) if (((differ >>> shift) & 0xff) === 0) shared++;
  }
  return shared >= MIN_SHARED;
}

export interface Shingled {
  /** Hashes of groups of words, ascending, each once. */
  readonly shingles: Uint32Array;
  /** Hashes of what is asked, if something is; rows that answer the same differently are another finding. */
  readonly asked: Hashes | undefined;
}

/** Earlier texts, by which near copies are found. Candidates come from MinHash, and each is compared exactly. */
export class NearTexts {
  /** For each band the last text of each bucket, and for each text the one before it in its bucket: by numbers from 1, 0 for none. */
  readonly #last: Uint32Array;
  readonly #before: Uint32Array;
  readonly #buckets: number;
  /** The text of each number. */
  readonly #texts: Uint32Array;
  #length = 0;

  /**
   * @param signatures of texts, end to end
   * @param max the most texts that are added
   * @param textAt the text at a place
   */
  constructor(
    private readonly signatures: Uint32Array,
    max: number,
    private readonly textAt: (text: number) => Shingled,
  ) {
    let buckets = 16;
    while (2 * buckets < max) buckets *= 2;
    this.#buckets = buckets;
    this.#before = new Uint32Array(BANDS * max);
    this.#last = new Uint32Array(BANDS * buckets);
    this.#texts = new Uint32Array(max);
  }

  /** Whether a text is near one that was added. @param of its place in these signatures */
  holds({ shingles, asked }: Shingled, signatures: Uint32Array, of: number): boolean {
    const candidates = new Set<number>();
    for (let band = 0; band < BANDS; band++)
      for (const number of this.#numbersOf(band, signatures[of * BANDS + band])) candidates.add(number);
    for (const number of candidates) {
      const text = this.#texts[number];
      if (!mayBeNear(this.signatures, text, signatures, of)) continue;
      const before = this.textAt(text);
      const contradicts = asked?.[0] === before.asked?.[0] && asked?.[1] === before.asked?.[1];
      if (!(asked && contradicts) && areNear(before.shingles, shingles)) return true;
    }
    return false;
  }

  /** @param text its place */
  add(text: number): void {
    const number = this.#length++;
    if (number === this.#texts.length) throw new Error(`There is no room for more than ${number} texts`);
    this.#texts[number] = text;
    for (let band = 0; band < BANDS; band++) {
      const minima = this.signatures[text * BANDS + band];
      if ([...this.#numbersOf(band, minima)].length >= MAX_OF_BUCKET) continue;
      const bucket = this.#bucketOf(band, minima);
      this.#before[number * BANDS + band] = this.#last[bucket];
      this.#last[bucket] = number + 1;
    }
  }

  /** The texts that share the minima of a band, by their numbers. */
  *#numbersOf(band: number, minima: number): Generator<number> {
    for (
      let next = this.#last[this.#bucketOf(band, minima)];
      next !== 0;
      next = this.#before[(next - 1) * BANDS + band]
    )
      if (this.signatures[this.#texts[next - 1] * BANDS + band] === minima) yield next - 1;
  }

  #bucketOf(band: number, minima: number): number {
    return band * this.#buckets + (mixed(minima + band) & (this.#buckets - 1));
  }
}

/**
 * Texts that share the minima of a band with another one: no others can be near any.
 *
 * @param signatures of all texts, end to end
 * @returns 1 for each of these texts, 0 for others
 */
export function* sharingTexts(signatures: Uint32Array): Slow<Uint8Array> {
  const count = signatures.length / BANDS;
  const sharing = new Uint8Array(count);
  const own = new Uint32Array(count);
  const sorted = new Uint32Array(count);
  for (let band = 0; band < BANDS; band++) {
    for (let text = 0; text < count; text++) own[text] = signatures[text * BANDS + band];
    sorted.set(own);
    sorted.sort();
    const again = new Set<number>();
    for (let at = 1; at < count; at++) if (sorted[at] === sorted[at - 1]) again.add(sorted[at]);
    for (let text = 0; text < count; text++) if (again.has(own[text])) sharing[text] = 1;
    yield;
  }
  return sharing;
}
