/**
 * The engine's one WebAssembly memory, handed out in pieces. It grows when it must and never shrinks. Freed pieces are reused, the smallest that fits
 * first.
 */
import { GraftError } from '../../errors.ts';
import type { Memory } from '../pool.ts';
import { MAX_MEMORY_BYTES } from './target.ts';

/** Pieces start at a multiple of a cache line, and their size is one too. */
export const ALIGNMENT = 64;
/** The first bytes are for the kernels' constants and for the communication of threads. */
export const FIRST_BYTES = 2 ** 14;
/** Kernels load whole vectors, so they may read (never write) this many bytes past the last piece. */
const SLACK_BYTES = 64;
const PAGE_BYTES = 2 ** 16;
const MAX_PAGES = MAX_MEMORY_BYTES / PAGE_BYTES - 1;

/** A piece of the memory. */
export interface HeapPiece extends Memory {
  readonly address: number;
}

interface Gap {
  address: number;
  size: number;
}

export class Heap {
  readonly memory: WebAssembly.Memory;
  /** In order of address; no two are adjacent. */
  readonly #gaps: Gap[] = [];
  /** The end of the last piece that was ever handed out. */
  #end = FIRST_BYTES;

  /** @param shared between threads */
  constructor(shared: boolean) {
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES + 1, shared });
  }

  /** @throws GraftError `engine-out-of-memory` */
  take(size: number, label: string): HeapPiece {
    let best = -1;
    this.#gaps.forEach((gap, index) => {
      if (gap.size >= size && (best < 0 || gap.size < this.#gaps[best].size)) best = index;
    });
    if (best >= 0) {
      const gap = this.#gaps[best];
      const piece = { address: gap.address, size };
      gap.address += size;
      gap.size -= size;
      if (gap.size === 0) this.#gaps.splice(best, 1);
      return piece;
    }
    const last = this.#gaps.at(-1);
    // A gap at the end grows into what comes after it.
    const address = last && last.address + last.size === this.#end ? last.address : this.#end;
    this.#grow(address + size, label, size);
    if (address !== this.#end) this.#gaps.pop();
    this.#end = address + size;
    return { address, size };
  }

  give({ address, size }: HeapPiece): void {
    let index = this.#gaps.findIndex((gap) => gap.address > address);
    if (index < 0) index = this.#gaps.length;
    const before = this.#gaps[index - 1] as Gap | undefined;
    const after = this.#gaps[index] as Gap | undefined;
    if (before && before.address + before.size === address) {
      before.size += size;
      if (after && before.address + before.size === after.address) {
        before.size += after.size;
        this.#gaps.splice(index, 1);
      }
    } else if (after && address + size === after.address) {
      after.address = address;
      after.size += size;
    } else {
      this.#gaps.splice(index, 0, { address, size });
    }
  }

  /** The bytes of a piece as they are now; valid until the memory grows. */
  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  #grow(end: number, label: string, size: number): void {
    const pages = Math.ceil((end + SLACK_BYTES) / PAGE_BYTES);
    const missing = pages - this.memory.buffer.byteLength / PAGE_BYTES;
    if (missing <= 0) return;
    const fail = (why: string): never => {
      throw new GraftError(
        'engine-out-of-memory',
        `${label} needs ${size} bytes in addition to the ${this.#end} that the CPU engine has, ${why}.`,
        'Use a smaller batch or length, --checkpointing, base weights in 8 or 4 bits, or a smaller model.',
      );
    };
    if (pages > MAX_PAGES) fail('and WebAssembly addresses 4 GiB at most');
    try {
      this.memory.grow(missing);
    } catch {
      fail('and this machine gives no more');
    }
  }
}
