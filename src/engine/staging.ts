/** A ring of small staging buffers: what a step leaves on the GPU is read while the next steps run. */
import type { Device } from './device.ts';
import { MAP_READ, READBACK_USAGE } from './usage.ts';

/** More than the steps that are ever in flight. */
const BUFFERS = 4;

export interface StagingSlot {
  /** Records the copy from the start of `source`. */
  copyFrom(encoder: GPUCommandEncoder, source: GPUBuffer): void;
  /** Call after the copy was submitted. */
  read(): Promise<Float32Array>;
}

export class StagingRing {
  readonly #buffers: GPUBuffer[];
  readonly #busy = new Set<GPUBuffer>();
  #next = 0;

  /** @param what is read through it, in the names of its buffers */
  constructor(
    private readonly device: Device,
    private readonly bytes: number,
    what: string,
  ) {
    this.#buffers = Array.from({ length: BUFFERS }, (_, i) =>
      device.createBuffer(bytes, READBACK_USAGE, `staging of ${what} ${i}`),
    );
  }

  /** The next slot. The one taken `BUFFERS` times ago must have been read. */
  next(): StagingSlot {
    const buffer = this.#buffers[this.#next];
    this.#next = (this.#next + 1) % BUFFERS;
    if (this.#busy.has(buffer)) throw new Error('The staging ring is full');
    this.#busy.add(buffer);
    return {
      copyFrom: (encoder, source) => encoder.copyBufferToBuffer(source, 0, buffer, 0, this.bytes),
      read: () => this.#read(buffer),
    };
  }

  destroy(): void {
    for (const buffer of this.#buffers) this.device.destroyBuffer(buffer);
  }

  async #read(buffer: GPUBuffer): Promise<Float32Array> {
    try {
      await buffer.mapAsync(MAP_READ);
      const values = new Float32Array(buffer.getMappedRange(0, this.bytes).slice(0));
      buffer.unmap();
      return values;
    } catch (error) {
      // A lost device says more than its failed mapping.
      this.device.check();
      throw error;
    } finally {
      this.#busy.delete(buffer);
    }
  }
}
