/** Search in chunks by their vectors, by their words, or by both. */
import { Bm25, type Between } from './bm25.ts';
import { searchVectors } from './cosine.ts';
import { fuse, FUSED_RANKS, type Allowed, type Ranked, type SearchMethod } from './ranking.ts';

interface Question {
  readonly text: string;
  /** Its vector, [size]; not needed for `bm25`. */
  readonly vector?: Float32Array | undefined;
}

export interface SearchOptions {
  readonly method: SearchMethod;
  /** Chunks at most. */
  readonly most: number;
  /** Which chunks are ranked. Numbers of words are those of the whole index. */
  readonly allowed?: Allowed | undefined;
  /** Called while the words of all chunks are read, which the first search by words does. */
  readonly between?: Between | undefined;
}

/** Vectors that can be searched: those of cosine.ts, or those that a device holds. */
export interface VectorSearch {
  search(question: Float32Array, max: number, allowed?: Allowed): Ranked[] | Promise<Ranked[]>;
}

/** Vectors in memory. @param vectors [chunks, size], row by row */
export const inMemory = (vectors: Float32Array): VectorSearch => ({
  search: (question, max, allowed) => searchVectors(vectors, question, max, allowed),
});

export class ChunkSearch {
  #bm25: Bm25 | undefined;

  /**
   * @param texts of the chunks
   * @param vectors of the chunks, in the same order; not needed for `bm25`
   */
  constructor(
    private readonly texts: readonly string[],
    private readonly vectors?: VectorSearch,
  ) {}

  /** The best chunks for a question, best first. @throws Error if the method needs vectors that are not there (a defect of the caller) */
  async search(
    question: Question,
    { method, most: max, allowed, between }: SearchOptions,
  ): Promise<Ranked[]> {
    switch (method) {
      case 'cosine':
        return this.#byVector(question, max, allowed);
      case 'bm25':
        return (await this.#words(between)).search(question.text, max, allowed);
      case 'rrf':
        return fuse(
          [
            await this.#byVector(question, FUSED_RANKS, allowed),
            (await this.#words(between)).search(question.text, FUSED_RANKS, allowed),
          ],
          this.texts.length,
          max,
        );
    }
  }

  async #byVector({ vector }: Question, max: number, allowed: Allowed | undefined): Promise<Ranked[]> {
    if (!this.vectors || !vector) throw new Error('A search by vectors has no vectors');
    return this.vectors.search(vector, max, allowed);
  }

  async #words(between: Between | undefined): Promise<Bm25> {
    return (this.#bm25 ??= await Bm25.of(this.texts, between));
  }
}
