/** Texts as vectors of their words (TF-IDF), and the most similar texts of each. Typed arrays hold them all: a hundred thousand texts are many. */
import { wholeNumbers } from '../number-column.ts';
import { DistinctHashes, hashesOfTexts } from '../row-hashes.ts';
import type { Slow } from './slow.ts';

/** Words of more texts find no neighbours: they would make the search quadratic. They still count in the cosine. */
const MAX_POSTINGS = 200;
/** The rarest words of a text, by which neighbours are found: at most so many, that at most so many texts have. */
const SEARCH_WORDS = 8;
const MAX_CANDIDATES = 300;

/** Texts whose vectors are not made yet. */
export class VectorTexts {
  /** Words by numbers: a million texts may have a million different ones. */
  readonly #ids = new DistinctHashes();
  /** For each word the place in `words` that it had last. */
  readonly #last = wholeNumbers();
  readonly #starts = wholeNumbers();
  readonly #words = wholeNumbers();
  readonly #times = wholeNumbers();

  constructor() {
    this.#starts.push(0);
  }

  /** The next text. @param words of it, with repeats */
  add(words: readonly string[]): void {
    const start = this.#words.length;
    for (const word of words) {
      const id = this.#ids.add(hashesOfTexts(word));
      if (id === this.#last.length) this.#last.push(0);
      const at = this.#last.at(id);
      if (at >= start && at < this.#words.length && this.#words.at(at) === id)
        this.#times.set(at, this.#times.at(at) + 1);
      else {
        this.#last.set(id, this.#words.length);
        this.#words.push(id);
        this.#times.push(1);
      }
    }
    this.#starts.push(this.#words.length);
  }

  /** The vectors of all texts. */
  *vectors(): Slow<TextVectors> {
    const [starts, words, times] = [this.#starts.all, this.#words.all, this.#times.all];
    const postings = new Uint32Array(this.#ids.length + 1);
    for (const word of words) postings[word + 1]++;
    for (let word = 0; word < this.#ids.length; word++) postings[word + 1] += postings[word];
    const texts = new Uint32Array(words.length);
    const weights = new Float64Array(words.length);
    const count = starts.length - 1;
    const filled = postings.slice();
    for (let at = 0; at < count; at++) {
      let squares = 0;
      for (let i = starts[at]; i < starts[at + 1]; i++) {
        const word = words[i];
        texts[filled[word]++] = at;
        weights[i] = times[i] * Math.log(count / (postings[word + 1] - postings[word]));
        squares += weights[i] ** 2;
      }
      const norm = Math.sqrt(squares) || 1;
      for (let i = starts[at]; i < starts[at + 1]; i++) weights[i] /= norm;
      yield;
    }
    return new TextVectors(starts, words, weights, postings, texts);
  }
}

export class TextVectors {
  /** The weights of the text whose neighbours are looked for, by word; 0 in between. */
  readonly #own: Float64Array;
  /** The last text, plus 1, that each text was a candidate for. */
  readonly #candidate: Uint32Array;

  /**
   * @param starts where the words of each text start in `words` and `weights`, and where the last ends
   * @param words distinct words of each text, in the order in which they come up
   * @param weights a vector of length 1 for each text that has a word which not all texts have
   * @param postings where the texts of each word start in `texts`, and where the last end
   */
  constructor(
    private readonly starts: Uint32Array,
    private readonly words: Uint32Array,
    private readonly weights: Float64Array,
    private readonly postings: Uint32Array,
    private readonly texts: Uint32Array,
  ) {
    this.#own = new Float64Array(postings.length - 1);
    this.#candidate = new Uint32Array(this.length);
  }

  get length(): number {
    return this.starts.length - 1;
  }

  /** Distinct words of all texts: they have the numbers below. */
  get wordCount(): number {
    return this.postings.length - 1;
  }

  /** The texts that have a word, in their order. */
  textsWith(word: number): Uint32Array {
    return this.texts.subarray(this.postings[word], this.postings[word + 1]);
  }

  /** The distinct words of a text. */
  wordsAt(at: number): Uint32Array {
    return this.words.subarray(this.starts[at], this.starts[at + 1]);
  }

  /** The vectors end to end: where the words of each text start, and where the last end. */
  get vectors(): {
    readonly starts: Uint32Array;
    readonly words: Uint32Array;
    readonly values: Float64Array;
    readonly wordCount: number;
  } {
    const { starts, words, weights: values, wordCount } = this;
    return { starts, words, values, wordCount };
  }

  /** In how many texts a word is. */
  spread(word: number): number {
    return this.postings[word + 1] - this.postings[word];
  }

  /** At most `max` other texts that share a rare word with a text, the nearest first, and how many of these have a cosine of `min` or more. */
  nearest(at: number, max: number, min: number): { readonly texts: number[]; readonly near: number } {
    const [start, end] = [this.starts[at], this.starts[at + 1]];
    for (let i = start; i < end; i++) this.#own[this.words[i]] = this.weights[i];
    const found: number[] = [];
    const cosines: number[] = [];
    for (const word of this.#rarest(at))
      for (let i = this.postings[word]; i < this.postings[word + 1]; i++) {
        const other = this.texts[i];
        if (other === at || this.#candidate[other] === at + 1) continue;
        this.#candidate[other] = at + 1;
        const cosine = this.#cosineToOwn(other);
        if (found.length === max && cosine <= cosines[max - 1]) continue;
        let place = Math.min(found.length, max - 1);
        for (; place > 0 && cosines[place - 1] < cosine; place--) {
          found[place] = found[place - 1];
          cosines[place] = cosines[place - 1];
        }
        found[place] = other;
        cosines[place] = cosine;
      }
    for (let i = start; i < end; i++) this.#own[this.words[i]] = 0;
    return { texts: found, near: cosines.filter((cosine) => cosine >= min).length };
  }

  #rarest(at: number): number[] {
    let candidates = 0;
    return [...this.words.subarray(this.starts[at], this.starts[at + 1])]
      .filter((word) => this.spread(word) > 1 && this.spread(word) <= MAX_POSTINGS)
      .sort((a, b) => this.spread(a) - this.spread(b))
      .slice(0, SEARCH_WORDS)
      .filter((word) => (candidates += this.spread(word)) <= MAX_CANDIDATES);
  }

  #cosineToOwn(other: number): number {
    let sum = 0;
    const end = this.starts[other + 1];
    for (let i = this.starts[other]; i < end; i++) sum += this.weights[i] * this.#own[this.words[i]];
    return sum;
  }
}
