/** Memory for the slots of plans that never run at the same time: each plan takes the same pieces. */

/** A piece of a device's memory. */
export interface Memory {
  readonly size: number;
}

/** How a pool gets its memory. */
interface Allocator<M extends Memory> {
  create(bytes: number, label: string): M;
  destroy(memory: M): void;
}

/** Slots of a pool that a plan has taken, until it gives them back. */
export interface Lease<M extends Memory = Memory> {
  readonly slots: readonly M[];
  /** Frees what no other plan has taken. Call after the device has settled. */
  release(): void;
}

export interface Pool {
  readonly bytes: number;
  destroy(): void;
}

/** A pool of a backend's memory. */
export class MemoryPool<M extends Memory> implements Pool {
  /** Each with the number of plans that use it. */
  readonly #users = new Map<M, number>();

  constructor(private readonly allocator: Allocator<M>) {}

  get bytes(): number {
    return [...this.#users.keys()].reduce((sum, memory) => sum + memory.size, 0);
  }

  /** One piece for each size, all different. The pool grows if it has too few pieces or too small ones. */
  take(sizes: readonly number[]): Lease<M> {
    const free = [...this.#users.keys()].sort((a, b) => a.size - b.size);
    const slots = new Array<M>(sizes.length);
    const largestFirst = sizes.map((_, index) => index).sort((a, b) => sizes[b] - sizes[a]);
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      for (const slot of slots) this.#giveBack(slot);
    };
    try {
      for (const index of largestFirst) {
        const fit = free.findIndex((memory) => memory.size >= sizes[index]);
        const [memory] =
          fit >= 0 ? free.splice(fit, 1) : [this.allocator.create(sizes[index], `slot ${this.#users.size}`)];
        slots[index] = memory;
        this.#users.set(memory, (this.#users.get(memory) ?? 0) + 1);
      }
    } catch (error) {
      release();
      throw error;
    }
    return { slots, release };
  }

  /** Frees every piece, also those that plans still use. */
  destroy(): void {
    for (const memory of this.#users.keys()) this.allocator.destroy(memory);
    this.#users.clear();
  }

  #giveBack(memory: M | undefined): void {
    // Nothing can be given back to a destroyed pool.
    const users = memory && this.#users.get(memory);
    if (!memory || users === undefined) return;
    if (users > 1) {
      this.#users.set(memory, users - 1);
    } else {
      this.#users.delete(memory);
      this.allocator.destroy(memory);
    }
  }
}
