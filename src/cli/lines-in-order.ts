/** Lines that become known in any order, and are printed in theirs: each when all before it are known. */
export class LinesInOrder {
  readonly #known = new Map<number, string>();
  #printed = 0;

  constructor(private readonly print: (line: string) => void) {}

  /** @param at its place, from 0 */
  put(at: number, line: string): void {
    this.#known.set(at, line);
    for (let next = this.#known.get(this.#printed); next !== undefined;) {
      this.print(next);
      this.#known.delete(this.#printed++);
      next = this.#known.get(this.#printed);
    }
  }
}
