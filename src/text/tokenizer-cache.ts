/**
 * A cache of the words that a tokenizer has seen. A Map whose oldest entry is deleted when it is full has a long run of deleted entries at its front,
 * and stepping over it costs more than the word. Two alternating maps keep recent words without deleting any.
 */
/** Words of a generation: a language's common ones, some megabytes. */
const GENERATION = 20_000;

export class WordCache<Pieces extends object> {
  #young = new Map<string, Pieces>();
  #old = new Map<string, Pieces>();

  get(word: string): Pieces | undefined {
    const known = this.#young.get(word);
    if (known) return known;
    const old = this.#old.get(word);
    if (old) this.put(word, old);
    return old;
  }

  put(word: string, pieces: Pieces): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(word, pieces);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }
}
