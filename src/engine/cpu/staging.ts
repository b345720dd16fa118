import { STAGING_BUFFERS, type StagingRing, type StagingSlot } from '../staging.ts';
import type { CpuDevice } from './device.ts';
import type { HeapPiece } from './heap.ts';

export class CpuStagingRing implements StagingRing {
  readonly #pieces: HeapPiece[];
  readonly #busy = new Set<HeapPiece>();
  #next = 0;

  constructor(
    private readonly device: CpuDevice,
    private readonly bytes: number,
    private readonly what: string,
  ) {
    this.#pieces = Array.from({ length: STAGING_BUFFERS }, (_, i) =>
      device.allocate(bytes, `staging of ${what} ${i}`),
    );
  }

  next(): CpuStagingSlot {
    const piece = this.#pieces[this.#next];
    this.#next = (this.#next + 1) % STAGING_BUFFERS;
    if (this.#busy.has(piece)) throw new Error('The staging ring is full');
    this.#busy.add(piece);
    return new CpuStagingSlot(this.device, piece, this.bytes, this.what, () => this.#busy.delete(piece));
  }

  destroy(): void {
    for (const piece of this.#pieces) this.device.release(piece);
  }
}

export class CpuStagingSlot implements StagingSlot {
  constructor(
    private readonly device: CpuDevice,
    private readonly piece: HeapPiece,
    private readonly bytes: number,
    private readonly what: string,
    private readonly free: () => void,
  ) {}

  /** Copies from the start of `source`. */
  copyFrom(source: HeapPiece): void {
    this.device.bytesOf(this.piece, 0, this.bytes).set(this.device.bytesOf(source, 0, this.bytes));
  }

  async read(): Promise<Float32Array> {
    try {
      const bytes = await this.device.readPiece(this.piece, 0, this.bytes, `staging of ${this.what}`);
      return new Float32Array(bytes);
    } finally {
      this.free();
    }
  }
}
