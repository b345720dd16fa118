/** Rows that repeat others, or say almost the same. They are compared by hashes, since a file may have a million of them. */
import { itemOf, type List } from '../../lists.ts';
import type { Example } from '../example.ts';
import { wholeNumbers, type NumberColumn } from '../number-column.ts';
import { DistinctHashes, hashesOfTexts } from '../row-hashes.ts';
import type { Checked, CheckRow, Found, RuleAtWork } from './finding.ts';
import { NearTexts, sharingTexts, sign, SIGNATURE_LENGTH, type Shingled } from './near-texts.ts';
import type { Slow } from './slow.ts';
import { askedOf, hashesOfRow, isTested, shinglesOf, wordsOfRow } from './texts.ts';

const SHINGLE = 5;
/** Groups of words in more rows than this, and in more than this share of them, are an instruction or a system message. */
const COMMON_ROWS = 20;
const COMMON_SHARE = 0.1;
/** A row of which they are this share is compared without them: otherwise all rows with a long instruction would be near copies. */
const MOSTLY_COMMON = 0.5;
/** Places in which groups of words are counted, so many for each row and at most. Two groups of one place count as one, which few rows of the many that are needed can do. */
const COUNTED_OF_ROW = 2 ** 10;
const MAX_COUNTED = 2 ** 22;
/** Groups of words that are held: 64 MB. Those of later rows are made again. */
const HELD_SHINGLES = 2 ** 24;
const SHINGLES_OF_BLOCK = 2 ** 18;

const NOT_HELD = 0xffffffff;

/** Rows by their groups of words, and by hashes of what they ask. */
class RowShingles {
  /** Groups of words of rows, after their number. */
  readonly #blocks: Uint32Array[] = [];
  /** Used places of the last block. */
  #used = SHINGLES_OF_BLOCK;
  #held = 0;
  /** The place in the blocks of each row. */
  readonly #starts: Uint32Array;
  /** Two hashes of what is asked; 0 for nothing. */
  readonly #asked: readonly [Uint32Array, Uint32Array];

  constructor(private readonly rows: List<CheckRow>) {
    this.#starts = new Uint32Array(rows.length).fill(NOT_HELD);
    this.#asked = [new Uint32Array(rows.length), new Uint32Array(rows.length)];
  }

  /** @returns its groups of words */
  add(place: number, example: Example): Uint32Array {
    const shingles = shinglesOf(wordsOfRow(example), SHINGLE);
    const asked = askedOf(example)?.asked;
    if (asked !== undefined) [this.#asked[0][place], this.#asked[1][place]] = hashesOfTexts(asked);
    if (this.#held + shingles.length <= HELD_SHINGLES) this.#hold(place, shingles);
    return shingles;
  }

  #hold(place: number, shingles: Uint32Array): void {
    const length = shingles.length + 1;
    // A text has fewer groups of words than a block has room for.
    if (this.#used + length > SHINGLES_OF_BLOCK) {
      this.#blocks.push(new Uint32Array(SHINGLES_OF_BLOCK));
      this.#used = 0;
    }
    const block = this.#blocks[this.#blocks.length - 1];
    block[this.#used] = shingles.length;
    block.set(shingles, this.#used + 1);
    this.#starts[place] = (this.#blocks.length - 1) * SHINGLES_OF_BLOCK + this.#used;
    this.#used += length;
    this.#held += shingles.length;
  }

  shinglesAt(place: number): Uint32Array {
    const start = this.#starts[place];
    if (start === NOT_HELD) {
      const { example } = itemOf(this.rows, place);
      if (!example) throw new Error(`The row at ${place} could be read before`);
      return shinglesOf(wordsOfRow(example), SHINGLE);
    }
    const first = (start % SHINGLES_OF_BLOCK) + 1;
    const block = this.#blocks[Math.floor(start / SHINGLES_OF_BLOCK)];
    return block.subarray(first, first + block[first - 1]);
  }

  askedAt(place: number): Shingled['asked'] {
    const [one, other] = [this.#asked[0][place], this.#asked[1][place]];
    return one === 0 && other === 0 ? undefined : [one, other];
  }
}

/** How many rows have each group of words. */
class Commonness {
  readonly #counts: Uint32Array;
  #texts = 0;
  #hasCommon: boolean | undefined;

  /** @param max the most rows that are added */
  constructor(max: number) {
    this.#counts = new Uint32Array(Math.min(MAX_COUNTED, COUNTED_OF_ROW * (max + 1)));
  }

  add(shingles: Uint32Array): void {
    this.#texts++;
    for (const one of shingles) this.#counts[one % this.#counts.length]++;
  }

  /** Groups of words without common ones, after all rows are added. A row of nothing but common ones keeps them. */
  without(all: Uint32Array): Uint32Array {
    const max = Math.max(COMMON_ROWS, COMMON_SHARE * this.#texts);
    this.#hasCommon ??= this.#counts.some((count) => count > max);
    if (!this.#hasCommon) return all;
    const own = all.filter((one) => this.#counts[one % this.#counts.length] <= max);
    return own.length > 0 && own.length <= (1 - MOSTLY_COMMON) * all.length ? own : all;
  }
}

/** Rows that stand earlier in the file, those of which an earlier one shares most groups of five words, and those that are near a test row. */
export function findCopies(checked: Checked): RuleAtWork {
  const { rows } = checked;
  const shingles = new RowShingles(rows);
  const distinct = new DistinctHashes(rows.length);
  const copies: number[] = [];
  let near: NearCopies | undefined = new NearCopies(rows, shingles);
  let nearTest = findNearTest(checked, shingles);
  let place = 0;
  return {
    see(row) {
      const here = place++;
      const { example } = row;
      if (!example) return;
      const own = shingles.add(here, example);
      const before = distinct.length;
      // Of equal rows only the first is compared with others.
      if (distinct.add(hashesOfRow(example)) === before) near!.add(here, own);
      else copies.push(row.row);
      nearTest?.see(row, here, own);
    },
    *found(): Slow<Found[]> {
      const found: Found[] = [{ id: 'exact-duplicates', rows: copies }];
      found.push(yield* near!.found());
      near = undefined;
      if (nearTest) found.push(yield* nearTest.found());
      nearTest = undefined;
      return found;
    },
  };
}

/** Rows of which an earlier one shares most groups of five words. */
class NearCopies {
  /** The places of the rows that are compared. */
  readonly #places: NumberColumn;
  readonly #common: Commonness;

  constructor(
    private readonly rows: List<CheckRow>,
    private readonly shingles: RowShingles,
  ) {
    this.#places = wholeNumbers(rows.length);
    this.#common = new Commonness(rows.length);
  }

  add(place: number, shingles: Uint32Array): void {
    this.#places.push(place);
    this.#common.add(shingles);
  }

  #at(text: number): Shingled {
    const place = this.#places.at(text);
    return {
      shingles: this.#common.without(this.shingles.shinglesAt(place)),
      asked: this.shingles.askedAt(place),
    };
  }

  *found(): Slow<Found> {
    const { length } = this.#places;
    const signatures = new Uint32Array(SIGNATURE_LENGTH * length);
    for (let text = 0; text < length; text++) {
      sign(signatures, text, this.#at(text).shingles);
      yield;
    }
    const sharing = yield* sharingTexts(signatures);
    const near: number[] = [];
    const max = sharing.reduce((sum, one) => sum + one, 0);
    const earlier = new NearTexts(signatures, max, (text) => this.#at(text));
    for (let text = 0; text < length; text++) {
      if (sharing[text] === 0) continue;
      const own = this.#at(text);
      if (own.shingles.length === 0) continue;
      if (earlier.holds(own, signatures, text)) near.push(itemOf(this.rows, this.#places.at(text)).row);
      else earlier.add(text);
      yield;
    }
    return { id: 'near-duplicates', rows: near };
  }
}

interface NearTest {
  /** @param place of the row @param shingles of it */
  see(row: CheckRow, place: number, shingles: Uint32Array): void;
  found(): Slow<Found>;
}

/**
 * Training rows that are near copies of a test row. Those with the very prompt of a test row are another finding.
 *
 * @param ofRows filled before `see`
 * @returns undefined without a test row
 */
function findNearTest(checked: Checked, ofRows: RowShingles): NearTest | undefined {
  const { rows, test = [], held } = checked;
  const first = test.length + (held?.size ?? 0);
  if (first === 0) return undefined;
  const ofTest = new RowShingles(test);
  /** Test rows by their places, those of the rows after those of the test file; and the places of training rows. */
  const tested = wholeNumbers(first);
  const trained = wholeNumbers(rows.length);
  const common = new Commonness(first + rows.length);
  for (let place = 0; place < test.length; place++) {
    const { example } = itemOf(test, place);
    if (!example) continue;
    tested.push(place);
    common.add(ofTest.add(place, example));
  }
  const shingled = (of: RowShingles, place: number): Shingled => ({
    shingles: common.without(of.shinglesAt(place)),
    asked: of.askedAt(place),
  });
  const testedAt = (text: number): Shingled => {
    const place = tested.at(text);
    return place < test.length ? shingled(ofTest, place) : shingled(ofRows, place - test.length);
  };
  return {
    see(row, place, shingles) {
      common.add(shingles);
      if (isTested(checked, row)) tested.push(test.length + place);
      else trained.push(place);
    },
    *found(): Slow<Found> {
      const signatures = new Uint32Array(SIGNATURE_LENGTH * tested.length);
      const earlier = new NearTexts(signatures, tested.length, testedAt);
      for (let text = 0; text < tested.length; text++) {
        const own = testedAt(text);
        yield;
        if (own.shingles.length === 0) continue;
        sign(signatures, text, own.shingles);
        if (!earlier.holds(own, signatures, text)) earlier.add(text);
      }
      const near: number[] = [];
      const signature = new Uint32Array(SIGNATURE_LENGTH);
      for (const place of trained.all) {
        const own = shingled(ofRows, place);
        yield;
        if (own.shingles.length === 0) continue;
        sign(signature, 0, own.shingles);
        if (earlier.holds(own, signature, 0)) near.push(itemOf(rows, place).row);
      }
      return { id: 'near-test-rows', rows: near };
    },
  };
}
