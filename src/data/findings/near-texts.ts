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

/** A word of 32 bits for each band of a text: the last byte of each of its four minima. */
type Signature = Uint32Array;
export const SIGNATURE_LENGTH = BANDS;

/** The signature of a set of groups of words. */
export function signatureOf(shingles: Uint32Array): Signature {
  const minima = new Uint32Array(BANDS * ROWS_OF_BAND).fill(0xffffffff);
  for (const shingle of shingles) {
    const step = mixed(shingle ^ 0x9e3779b9) | 1;
    for (let at = 0, hash = shingle; at < minima.length; at++) {
      hash = (hash + step) >>> 0;
      const value = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ Math.imul(at + 1, 0x9e3779b9)) >>> 0;
      if (value < minima[at]) minima[at] = value;
    }
  }
  const bands = new Uint32Array(BANDS);
  // The first bits of minima are nearly all 0.
  minima.forEach((value, at) => {
    bands[Math.floor(at / ROWS_OF_BAND)] |= (value & 0xff) << (8 * (at % ROWS_OF_BAND));
  });
  return bands;
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

/** Whether signatures share so many bytes that their texts may be near. */
function mayBeNear(all: Uint32Array, a: number, other: Signature): boolean {
  let shared = 0;
  for (let band = 0; band < BANDS; band++) {
    const differ = all[a * BANDS + band] ^ other[band];
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
  readonly #signatures: Uint32Array;
  /** For each band the last text of each bucket, and for each text the one before it in its bucket: by numbers from 1, 0 for none. */
  readonly #last: Uint32Array;
  readonly #before: Uint32Array;
  readonly #buckets: number;
  readonly #places: Uint32Array;
  #length = 0;

  /**
   * @param max the most texts that are added
   * @param textAt the text at a place
   */
  constructor(
    max: number,
    private readonly textAt: (place: number) => Shingled,
  ) {
    let buckets = 16;
    while (buckets < max) buckets *= 2;
    this.#buckets = buckets;
    this.#signatures = new Uint32Array(BANDS * max);
    this.#before = new Uint32Array(BANDS * max);
    this.#last = new Uint32Array(BANDS * buckets);
    this.#places = new Uint32Array(max);
  }

  /** Whether a text is near one that was added. */
  holds({ shingles, asked }: Shingled, signature: Signature): boolean {
    const candidates = new Set<number>();
    for (let band = 0; band < BANDS; band++)
      for (const text of this.#textsOf(band, signature[band])) candidates.add(text);
    for (const text of candidates) {
      if (!mayBeNear(this.#signatures, text, signature)) continue;
      const before = this.textAt(this.#places[text]);
      const contradicts = asked?.[0] === before.asked?.[0] && asked?.[1] === before.asked?.[1];
      if (!(asked && contradicts) && areNear(before.shingles, shingles)) return true;
    }
    return false;
  }

  /** @param place of the text, for `textAt` */
  add(signature: Signature, place: number): void {
    const text = this.#length++;
    if (text === this.#places.length) throw new Error(`There is no room for more than ${text} texts`);
    this.#places[text] = place;
    this.#signatures.set(signature, text * BANDS);
    for (let band = 0; band < BANDS; band++) {
      if ([...this.#textsOf(band, signature[band])].length >= MAX_OF_BUCKET) continue;
      const bucket = this.#bucketOf(band, signature[band]);
      this.#before[text * BANDS + band] = this.#last[bucket];
      this.#last[bucket] = text + 1;
    }
  }

  /** The texts that share the minima of a band. */
  *#textsOf(band: number, minima: number): Generator<number> {
    for (
      let next = this.#last[this.#bucketOf(band, minima)];
      next !== 0;
      next = this.#before[(next - 1) * BANDS + band]
    )
      if (this.#signatures[(next - 1) * BANDS + band] === minima) yield next - 1;
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
  for (let band = 0; band < BANDS; band++) {
    const own = new Uint32Array(count);
    for (let text = 0; text < count; text++) own[text] = signatures[text * BANDS + band];
    const sorted = own.slice().sort();
    const again = new Set<number>();
    for (let at = 1; at < count; at++) if (sorted[at] === sorted[at - 1]) again.add(sorted[at]);
    for (let text = 0; text < count; text++) if (again.has(own[text])) sharing[text] = 1;
    yield;
  }
  return sharing;
}
