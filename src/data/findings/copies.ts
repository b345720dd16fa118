/** Rows that repeat or contradict each other. */
import { identityOf } from '../statistics.ts';
import type { Checked, Found } from './finding.ts';
import { filtered, mapped, type Slow } from './slow.ts';
import {
  askedOf,
  mixed,
  partsOf,
  readRowTexts,
  shinglesOf,
  wholeRowText,
  wordHashesOf,
  type ReadRow,
} from './texts.ts';

export function findCopies({ rows }: Checked): Found[] {
  const seen = new Set<string>();
  const copies = readRowTexts(rows).filter(({ example }) => {
    const identity = identityOf(example);
    if (seen.has(identity)) return true;
    seen.add(identity);
    return false;
  });
  return [{ id: 'exact-duplicates', rows: copies.map(({ row }) => row) }];
}

/** All rows of a prompt whose answers differ by more than white space. */
export function findContradictions({ rows }: Checked): Found[] {
  const groups = new Map<string, { readonly rows: number[]; readonly answers: Set<string> }>();
  for (const { row, example } of readRowTexts(rows)) {
    const pair = askedOf(example);
    if (!pair) continue;
    const group = groups.get(pair.asked) ?? { rows: [], answers: new Set() };
    group.rows.push(row);
    group.answers.add(pair.answer);
    groups.set(pair.asked, group);
  }
  const found = [...groups.values()].filter(({ answers }) => answers.size > 1);
  return [
    {
      id: 'contradictory-answers',
      rows: found.flatMap((group) => group.rows),
      detail: `${found.length === 1 ? 'One prompt has' : `${found.length} prompts have`} several answers.`,
    },
  ];
}

const SHINGLE = 5;
const MIN_JACCARD = 0.7;
/**
 * 16 bands of 4 minima find a pair of similarity 0.7 with a chance of 1 − (1 − 0.7⁴)¹⁶ = 98.8 %, and one of 0.8 with 99.99 % (Leskovec and others,
 * Mining of Massive Datasets, chapter 3).
 */
const BANDS = 16;
const ROWS_OF_BAND = 4;
/** Rows of a band that share minima and are compared: more of them share a template, and comparing all would be quadratic. */
const MAX_OF_BUCKET = 8;

/** Minima of a set of shingles under as many hash functions as all bands have rows. */
function signatureOf(shingles: Uint32Array): Uint32Array {
  const minima = new Uint32Array(BANDS * ROWS_OF_BAND).fill(0xffffffff);
  for (const shingle of shingles) {
    const step = mixed(shingle ^ 0x9e3779b9) | 1;
    for (let at = 0, hash = shingle; at < minima.length; at++) {
      hash = (hash + step) >>> 0;
      const value = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ Math.imul(at + 1, 0x9e3779b9)) >>> 0;
      if (value < minima[at]) minima[at] = value;
    }
  }
  return minima;
}

/** The minima of a band as one number. Bands that collide only cost a comparison. */
function bandOf(signature: Uint32Array, band: number): number {
  let hash = 0;
  for (let at = band * ROWS_OF_BAND; at < (band + 1) * ROWS_OF_BAND; at++)
    hash = mixed(Math.imul(hash, 31) + signature[at]);
  // Maps hold signed 32-bit numbers without boxes.
  return hash | 0;
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

/** Texts of earlier rows, by which near copies are found. Candidates come from MinHash, and each is compared exactly. */
class NearTexts {
  readonly #bands = Array.from({ length: BANDS }, () => new Map<number, number[]>());
  readonly #kept: Shingled[] = [];

  /** Whether a text is near one that is held. One that is not is held from then on, if it is to be added. */
  holds(text: Shingled, { adds }: { readonly adds: boolean }): boolean {
    const { shingles, asked } = text;
    if (shingles.length === 0) return false;
    const signature = signatureOf(shingles);
    const keys = this.#bands.map((_, band) => bandOf(signature, band));
    const candidates = new Set(this.#bands.flatMap((buckets, band) => buckets.get(keys[band]) ?? []));
    for (const candidate of candidates) {
      const before = this.#kept[candidate];
      const contradicts = asked !== undefined && before.asked === asked;
      if (!contradicts && areNear(before.shingles, shingles)) return true;
    }
    if (!adds) return false;
    this.#bands.forEach((buckets, band) => {
      const bucket = buckets.get(keys[band]);
      if (!bucket) buckets.set(keys[band], [this.#kept.length]);
      else if (bucket.length < MAX_OF_BUCKET) bucket.push(this.#kept.length);
    });
    this.#kept.push(text);
    return false;
  }
}

interface Shingled {
  readonly row: number;
  readonly shingles: Uint32Array;
  /** What is asked; rows that answer the same differently are another finding. */
  readonly asked: string | undefined;
}

/** Groups of words in more rows than this, and in more than this share of them, are an instruction or a system message. */
const COMMON_ROWS = 20;
const COMMON_SHARE = 0.1;
/** A row of which they are this share is compared without them: otherwise all rows with a long instruction would be near copies. */
const MOSTLY_COMMON = 0.5;
/** Places in which groups of words are counted. Two groups of one place count as one, which few rows of the many that are needed can do. */
const COUNTED = 2 ** 22;

/** Rows by their groups of words. A row of nothing but common ones keeps them. */
function* shingled(rows: readonly ReadRow[]): Slow<Shingled[]> {
  const all = yield* mapped(rows, ({ row, example }) => ({
    row,
    shingles: shinglesOf(wordHashesOf(wholeRowText(example)), SHINGLE),
    asked: askedOf(example)?.asked,
  }));
  const counts = new Uint32Array(COUNTED);
  for (const { shingles } of all) for (const one of shingles) counts[one % COUNTED]++;
  const max = Math.max(COMMON_ROWS, COMMON_SHARE * all.length);
  return all.map((text) => {
    const own = text.shingles.filter((one) => counts[one % COUNTED] <= max);
    const isCommon = own.length > 0 && own.length <= (1 - MOSTLY_COMMON) * text.shingles.length;
    return isCommon ? { ...text, shingles: own } : text;
  });
}

/** The first of equal rows. */
function distinct(rows: readonly ReadRow[]): ReadRow[] {
  const seen = new Set<string>();
  return rows.filter(({ example }) => {
    const identity = identityOf(example);
    return !seen.has(identity) && seen.add(identity);
  });
}

/** Rows of which an earlier one shares most groups of five words. */
export function* findNearCopies({ rows }: Checked): Slow<Found[]> {
  const texts = new NearTexts();
  const all = yield* shingled(distinct(readRowTexts(rows)));
  const near = yield* filtered(all, (text) => texts.holds(text, { adds: true }));
  return [{ id: 'near-duplicates', rows: near.map(({ row }) => row) }];
}

/** Training rows that are near copies of a test row. Those with the very prompt of a test row are another finding. */
export function* findNearTest(checked: Checked): Slow<Found[]> {
  const { tested, trained } = partsOf(checked);
  const all = yield* shingled([...tested, ...trained]);
  const texts = new NearTexts();
  for (const text of all.slice(0, tested.length)) {
    texts.holds(text, { adds: true });
    yield;
  }
  const near = yield* filtered(all.slice(tested.length), (text) => texts.holds(text, { adds: false }));
  return [{ id: 'near-test-rows', rows: near.map(({ row }) => row) }];
}
