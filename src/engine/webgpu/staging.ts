import { STAGING_BUFFERS, type StagingRing, type StagingSlot } from '../staging.ts';
import type { GpuDevice } from './device.ts';
import { MAP_READ, READBACK_USAGE } from './usage.ts';

export class GpuStagingRing implements StagingRing {
  readonly #buffers: GPUBuffer[];
  readonly #busy = new Set<GPUBuffer>();
  #next = 0;

  constructor(
    private readonly device: GpuDevice,
    private readonly bytes: number,
    what: string,
  ) {
    this.#buffers = Array.from({ length: STAGING_BUFFERS }, (_, i) =>
      device.createBuffer(bytes, READBACK_USAGE, `staging of ${what} ${i}`),
    );
  }

  next(): GpuStagingSlot {
    const buffer = this.#buffers[this.#next];
    this.#next = (this.#next + 1) % STAGING_BUFFERS;
    if (this.#busy.has(buffer)) throw new Error('The staging ring is full');
    this.#busy.add(buffer);
    return new GpuStagingSlot(this.device, buffer, this.bytes, () => this.#busy.delete(buffer));
  }

  destroy(): void {
    for (const buffer of this.#buffers) this.device.release(buffer);
  }
}

export class GpuStagingSlot implements StagingSlot {
  constructor(
    private readonly device: GpuDevice,
    private readonly buffer: GPUBuffer,
    private readonly bytes: number,
    private readonly free: () => void,
  ) {}

  /** Records the copy from the start of `source`. */
  copyFrom(encoder: GPUCommandEncoder, source: GPUBuffer): void {
    encoder.copyBufferToBuffer(source, 0, this.buffer, 0, this.bytes);
  }

  async read(): Promise<Float32Array> {
    const { buffer } = this;
    try {
      await buffer.mapAsync(MAP_READ);
      const values = new Float32Array(buffer.getMappedRange(0, this.bytes).slice(0));
      buffer.unmap();
      return values;
    } catch (error) {
      // The loss of the device explains more than the failed mapping.
      this.device.check();
      throw error;
    } finally {
      this.free();
    }
  }
}
