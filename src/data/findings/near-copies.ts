/** Rows that say almost the same as others. */
import { itemOf, type List } from '../../lists.ts';
import type { Example } from '../example.ts';
import { wholeNumbers } from '../number-column.ts';
import { DistinctHashes, hashesOf, hashesOfTexts } from '../row-hashes.ts';
import type { Checked, CheckRow, Found, RuleAtWork } from './finding.ts';
import { NearTexts, sharingTexts, SIGNATURE_LENGTH, signatureOf, type Shingled } from './near-texts.ts';
import type { Slow } from './slow.ts';
import { askedOf, isTested, shinglesOf, testedOf, wholeRowText, wordHashesOf } from './texts.ts';

const SHINGLE = 5;
/** Groups of words in more rows than this, and in more than this share of them, are an instruction or a system message. */
const COMMON_ROWS = 20;
const COMMON_SHARE = 0.1;
/** A row of which they are this share is compared without them: otherwise all rows with a long instruction would be near copies. */
const MOSTLY_COMMON = 0.5;
/** Places in which groups of words are counted, so many for each row and at most. Two groups of one place count as one, which few rows of the many that are needed can do. */
const COUNTED_OF_ROW = 2 ** 10;
const MAX_COUNTED = 2 ** 22;
/** Groups of words that are held: 64 MB. Those of later texts are made again. */
const HELD_SHINGLES = 2 ** 24;

const shinglesOfExample = (example: Example): Uint32Array =>
  shinglesOf(wordHashesOf(wholeRowText(example)), SHINGLE);

/** Rows by their groups of words. A row of nothing but common ones keeps them. */
class ShingledRows {
  readonly #places = wholeNumbers();
  readonly #shingles = wholeNumbers();
  /** Where the shingles of each text end that is held. */
  readonly #ends = wholeNumbers();
  /** Two hashes of what is asked; 0 for nothing. */
  readonly #asked = [wholeNumbers(), wholeNumbers()] as const;
  readonly #counts: Uint32Array;
  /** Whether any group of words is common; known after all rows are added. */
  #hasCommon: boolean | undefined;

  /**
   * @param max the most rows that are added
   * @param exampleAt the example at the place of a text that was added
   */
  constructor(
    max: number,
    private readonly exampleAt: (place: number) => Example,
  ) {
    this.#counts = new Uint32Array(Math.min(MAX_COUNTED, COUNTED_OF_ROW * (max + 1)));
  }

  get length(): number {
    return this.#places.length;
  }

  add(place: number, example: Example): void {
    const shingles = shinglesOfExample(example);
    for (const one of shingles) this.#counts[one % this.#counts.length]++;
    const asked = askedOf(example)?.asked;
    const [one, other] = asked === undefined ? [0, 0] : hashesOfTexts(asked);
    this.#asked[0].push(one);
    this.#asked[1].push(other);
    this.#places.push(place);
    const isNext = this.#ends.length === this.length - 1;
    if (!isNext || this.#shingles.length + shingles.length > HELD_SHINGLES) return;
    for (const shingle of shingles) this.#shingles.push(shingle);
    this.#ends.push(this.#shingles.length);
  }

  placeOf(text: number): number {
    return this.#places.at(text);
  }

  /** After all rows are added: only then it is known what is common. */
  at(text: number): Shingled {
    const all =
      text < this.#ends.length
        ? this.#shingles.all.subarray(text === 0 ? 0 : this.#ends.at(text - 1), this.#ends.at(text))
        : shinglesOfExample(this.exampleAt(this.placeOf(text)));
    const [one, other] = [this.#asked[0].at(text), this.#asked[1].at(text)];
    return {
      shingles: this.#withoutCommon(all),
      asked: one === 0 && other === 0 ? undefined : [one, other],
    };
  }

  #withoutCommon(all: Uint32Array): Uint32Array {
    const max = Math.max(COMMON_ROWS, COMMON_SHARE * this.length);
    this.#hasCommon ??= this.#counts.some((count) => count > max);
    if (!this.#hasCommon) return all;
    const own = all.filter((one) => this.#counts[one % this.#counts.length] <= max);
    return own.length > 0 && own.length <= (1 - MOSTLY_COMMON) * all.length ? own : all;
  }
}

const exampleIn =
  (rows: List<CheckRow>) =>
  (place: number): Example => {
    const { example } = itemOf(rows, place);
    if (!example) throw new Error(`The row at ${place} could be read before`);
    return example;
  };

/** Rows of which an earlier one shares most groups of five words. Of equal rows only the first is compared. */
export function findNearCopies({ rows }: Checked): RuleAtWork {
  const distinct = new DistinctHashes();
  const texts = new ShingledRows(rows.length, exampleIn(rows));
  let place = 0;
  return {
    see({ example }) {
      const here = place++;
      if (!example) return;
      const before = distinct.length;
      if (distinct.add(hashesOf(example)) === before) texts.add(here, example);
    },
    *found(): Slow<Found[]> {
      const signatures = new Uint32Array(SIGNATURE_LENGTH * texts.length);
      for (let text = 0; text < texts.length; text++) {
        signatures.set(signatureOf(texts.at(text).shingles), SIGNATURE_LENGTH * text);
        yield;
      }
      const sharing = yield* sharingTexts(signatures);
      const near: number[] = [];
      const earlier = new NearTexts(
        sharing.reduce((sum, one) => sum + one, 0),
        (text) => texts.at(text),
      );
      for (let text = 0; text < texts.length; text++) {
        if (sharing[text] === 0) continue;
        const own = texts.at(text);
        const signature = signatures.subarray(SIGNATURE_LENGTH * text, SIGNATURE_LENGTH * (text + 1));
        if (own.shingles.length === 0) continue;
        if (earlier.holds(own, signature)) near.push(itemOf(rows, texts.placeOf(text)).row);
        else earlier.add(signature, text);
        yield;
      }
      return [{ id: 'near-duplicates', rows: near }];
    },
  };
}

/** Training rows that are near copies of a test row. Those with the very prompt of a test row are another finding. */
export function findNearTest(checked: Checked): RuleAtWork {
  const { rows } = checked;
  const tested = testedOf(checked);
  const first = tested.length;
  // Without a test row there is nothing to compare with.
  if (first === 0) return { found: () => [] };
  const trained = exampleIn(rows);
  const texts = new ShingledRows(first + rows.length, (place) =>
    place < first ? tested[place].example : trained(place - first),
  );
  tested.forEach(({ example }, place) => texts.add(place, example));
  let place = first;
  return {
    see(row) {
      const here = place++;
      if (row.example && !isTested(checked, row)) texts.add(here, row.example);
    },
    *found(): Slow<Found[]> {
      const earlier = new NearTexts(first, (text) => texts.at(text));
      const near: number[] = [];
      for (let text = 0; text < texts.length; text++) {
        const own = texts.at(text);
        yield;
        if (own.shingles.length === 0) continue;
        const signature = signatureOf(own.shingles);
        const isNear = earlier.holds(own, signature);
        if (text >= first && isNear) near.push(itemOf(rows, texts.placeOf(text) - first).row);
        if (text < first && !isNear) earlier.add(signature, text);
      }
      return [{ id: 'near-test-rows', rows: near }];
    },
  };
}
