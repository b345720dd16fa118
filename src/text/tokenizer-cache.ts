/**
 * A cache of the words that a tokenizer has seen. A Map whose oldest entry is deleted when it is full has a long run of deleted entries at its front,
 * and stepping over it costs more than the word. Two alternating maps keep recent words without deleting any.
 */
/** Words of a generation, unless it is told: a language's common ones, some megabytes. */
const GENERATION = 20_000;

export class WordCache<Pieces extends object, Word = string> {
  #young = new Map<Word, Pieces>();
  #old = new Map<Word, Pieces>();

  /** @param generation how many are kept at least, once there are as many: at most twice this */
  constructor(private readonly generation = GENERATION) {}

  /** The pieces of a word; undefined if it is not in the cache. A word of the older generation moves to the newer one. */
  get(word: Word): Pieces | undefined {
    const known = this.#young.get(word);
    if (known) return known;
    const old = this.#old.get(word);
    if (old) this.put(word, old);
    return old;
  }

  /** Keeps a word. A full generation becomes the older one, whose words are dropped. */
  put(word: Word, pieces: Pieces): void {
    if (this.#young.size >= this.generation) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(word, pieces);
  }

  /** Drops all words. */
  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }
}
