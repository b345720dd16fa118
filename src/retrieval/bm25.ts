/**
 * Okapi BM25 over the words of chunks. score = Σ idf · f (k1 + 1) / (f + k1 (1 − b + b · length / average)) over every word of the question,
 * idf = ln(1 + (N − n + 0.5) / (n + 0.5)), with k1 = 1.2 and b = 0.75 (Robertson and Zaragoza 2009; the idf of Lucene, which is never negative).
 */
import { bestRanked, type Allowed, type Ranked } from './ranking.ts';

const K1 = 1.2;
const B = 0.75;
const WORD = /[\p{L}\p{N}]+/gu;

/** The words of a text: letters and digits in a row, in lower case. No stop words, no stems. */
export function bm25Words(text: string): string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

/** Chunks that are read without a pause: some milliseconds. */
const READ_AT_ONCE = 256;

/** Called with the progress of long work, between two parts of it. It may let other work run, and ends this work if it throws. */
export type Between = (done: number, total: number) => void | Promise<void>;

/** The chunks that hold a word, and how often each does. */
interface Postings {
  readonly chunks: number[];
  readonly counts: number[];
}

export class Bm25 {
  readonly #postings = new Map<string, Postings>();
  readonly #lengths: Float64Array;
  #average = NaN;

  private constructor(private readonly texts: readonly string[]) {
    this.#lengths = new Float64Array(texts.length);
  }

  /**
   * Reads the words of chunks: 140,000 of them take seconds.
   *
   * @param texts of the chunks, in their order
   * @param between called after some of them, and may throw to end it
   */
  static async of(texts: readonly string[], between?: Between): Promise<Bm25> {
    const index = new Bm25(texts);
    for (let done = 0; done < texts.length; done += READ_AT_ONCE) {
      if (done > 0) await between?.(done, texts.length);
      index.#read(done, Math.min(done + READ_AT_ONCE, texts.length));
    }
    index.#average = index.#lengths.reduce((sum, length) => sum + length, 0) / texts.length;
    return index;
  }

  #read(first: number, end: number): void {
    for (let chunk = first; chunk < end; chunk++) {
      const words = bm25Words(this.texts[chunk]);
      this.#lengths[chunk] = words.length;
      for (const word of words) this.#add(word, chunk);
    }
  }

  #add(word: string, chunk: number): void {
    let postings = this.#postings.get(word);
    if (!postings) this.#postings.set(word, (postings = { chunks: [], counts: [] }));
    const last = postings.chunks.length - 1;
    if (postings.chunks[last] === chunk) postings.counts[last]++;
    else {
      postings.chunks.push(chunk);
      postings.counts.push(1);
    }
  }

  idf(word: string): number {
    const chunks = this.#lengths.length;
    const holding = this.#postings.get(word)?.chunks.length ?? 0;
    return Math.log(1 + (chunks - holding + 0.5) / (holding + 0.5));
  }

  /** The best chunks for a question. One that holds none of its words is not ranked. */
  search(question: string, max: number, allowed?: Allowed): Ranked[] {
    const scores = new Float64Array(this.#lengths.length).fill(NaN);
    for (const word of bm25Words(question)) {
      const postings = this.#postings.get(word);
      if (!postings) continue;
      const idf = this.idf(word);
      postings.chunks.forEach((chunk, i) => {
        const f = postings.counts[i];
        const weight = 1 - B + (B * this.#lengths[chunk]) / this.#average;
        const before = Number.isNaN(scores[chunk]) ? 0 : scores[chunk];
        scores[chunk] = before + (idf * f * (K1 + 1)) / (f + K1 * weight);
      });
    }
    return bestRanked(scores, max, allowed);
  }
}
