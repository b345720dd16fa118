/** Texts as vectors of their words (TF-IDF), and the most similar texts of each. Typed arrays hold them all: a hundred thousand texts are many. */

/** Words of more texts find no neighbours: they would make the search quadratic. They still count in the cosine. */
const MAX_POSTINGS = 200;
/** The rarest words of a text, by which neighbours are found: at most so many, that at most so many texts have. */
const SEARCH_WORDS = 8;
const MAX_CANDIDATES = 300;

export class TextVectors {
  /** Where the words of each text start in `words` and `weights`, and where the last ends. */
  readonly #starts: Uint32Array;
  /** Distinct words of each text, in the order in which they come up. */
  readonly #words: Uint32Array;
  /** A vector of length 1 for each text that has a word which not all texts have. */
  readonly #weights: Float64Array;
  /** Where the texts of each word start in `texts`, and where the last end. */
  readonly #postings: Uint32Array;
  readonly #texts: Uint32Array;
  /** The weights of the text whose neighbours are looked for, by word; 0 in between. */
  readonly #own: Float64Array;
  /** The last text, plus 1, that each text was a candidate for. */
  readonly #candidate: Uint32Array;

  /** @param texts the words of each, with repeats */
  constructor(texts: readonly (readonly string[])[]) {
    const ids = new Map<string, number>();
    const words: number[] = [];
    const times: number[] = [];
    this.#starts = new Uint32Array(texts.length + 1);
    texts.forEach((text, at) => {
      const counts = new Map<number, number>();
      for (const word of text) {
        let id = ids.get(word);
        if (id === undefined) ids.set(word, (id = ids.size));
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      for (const [id, count] of counts) {
        words.push(id);
        times.push(count);
      }
      this.#starts[at + 1] = words.length;
    });
    this.#words = Uint32Array.from(words);
    this.#postings = new Uint32Array(ids.size + 1);
    for (const word of words) this.#postings[word + 1]++;
    for (let word = 0; word < ids.size; word++) this.#postings[word + 1] += this.#postings[word];
    this.#texts = new Uint32Array(words.length);
    this.#weights = new Float64Array(words.length);
    const filled = this.#postings.slice();
    for (let at = 0; at < texts.length; at++) {
      let squares = 0;
      for (let i = this.#starts[at]; i < this.#starts[at + 1]; i++) {
        this.#texts[filled[words[i]]++] = at;
        this.#weights[i] = times[i] * Math.log(texts.length / this.#textsWith(words[i]));
        squares += this.#weights[i] ** 2;
      }
      const norm = Math.sqrt(squares) || 1;
      for (let i = this.#starts[at]; i < this.#starts[at + 1]; i++) this.#weights[i] /= norm;
    }
    this.#own = new Float64Array(ids.size);
    this.#candidate = new Uint32Array(texts.length);
  }

  #textsWith(word: number): number {
    return this.#postings[word + 1] - this.#postings[word];
  }

  /** At most `most` other texts that share a rare word with a text and have a cosine of `least` or more, the nearest first. */
  nearest(at: number, max: number, min: number): number[] {
    const [start, end] = [this.#starts[at], this.#starts[at + 1]];
    for (let i = start; i < end; i++) this.#own[this.#words[i]] = this.#weights[i];
    const found: number[] = [];
    const cosines: number[] = [];
    for (const word of this.#rarest(at))
      for (let i = this.#postings[word]; i < this.#postings[word + 1]; i++) {
        const other = this.#texts[i];
        if (other === at || this.#candidate[other] === at + 1) continue;
        this.#candidate[other] = at + 1;
        const cosine = this.#cosineToOwn(other);
        if (cosine < min || (found.length === max && cosine <= cosines[max - 1])) continue;
        let place = Math.min(found.length, max - 1);
        for (; place > 0 && cosines[place - 1] < cosine; place--) {
          found[place] = found[place - 1];
          cosines[place] = cosines[place - 1];
        }
        found[place] = other;
        cosines[place] = cosine;
      }
    for (let i = start; i < end; i++) this.#own[this.#words[i]] = 0;
    return found;
  }

  #rarest(at: number): number[] {
    let candidates = 0;
    return [...this.#words.subarray(this.#starts[at], this.#starts[at + 1])]
      .filter((word) => this.#textsWith(word) > 1 && this.#textsWith(word) <= MAX_POSTINGS)
      .sort((a, b) => this.#textsWith(a) - this.#textsWith(b))
      .slice(0, SEARCH_WORDS)
      .filter((word) => (candidates += this.#textsWith(word)) <= MAX_CANDIDATES);
  }

  #cosineToOwn(other: number): number {
    let sum = 0;
    const end = this.#starts[other + 1];
    for (let i = this.#starts[other]; i < end; i++) sum += this.#weights[i] * this.#own[this.#words[i]];
    return sum;
  }
}
