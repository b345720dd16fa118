/** What the devices of all backends share: an account of their memory, the storages that were uploaded, and the failure that ends them. */
import type { GraftError } from '../errors.ts';
import type { Device } from './device.ts';
import { MemoryPool, type Memory } from './pool.ts';
import { shardsOf } from './shards.ts';
import { Storage, Tensor, byteLength, type DType } from './tensor.ts';

type Shared =
  | 'allocatedBytes'
  | 'peakBytes'
  | 'largestBuffer'
  | 'failure'
  | 'resetPeak'
  | 'onFailure'
  | 'check'
  | 'upload'
  | 'free'
  | 'createPool';

export abstract class AccountedDevice<M extends Memory> implements Pick<Device, Shared> {
  largestBuffer = { label: 'none', bytes: 0 };
  #allocatedBytes: number;
  #peakBytes: number;
  #failure: GraftError | undefined;
  /** Memory of uploaded storages. A plan keeps its own table for the others. */
  readonly #uploaded = new WeakMap<Storage, M>();
  readonly #listeners = new Set<(error: GraftError) => void>();

  /** @param deviceBytes that the device takes before anything is made on it */
  constructor(deviceBytes = 0) {
    this.#allocatedBytes = this.#peakBytes = deviceBytes;
  }

  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  get peakBytes(): number {
    return this.#peakBytes;
  }

  resetPeak(): void {
    this.#peakBytes = this.#allocatedBytes;
  }

  get failure(): GraftError | undefined {
    return this.#failure;
  }

  onFailure(listener: (error: GraftError) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Makes memory for tensors. @throws GraftError if there is none left, and as `check` */
  abstract allocate(bytes: number, label: string): M;

  /** Gives back what `allocate` made. */
  abstract release(memory: M): void;

  /** Fills new memory of a tensor with zeros, and then with `data` from its start on. */
  protected abstract fill(memory: M, data: ArrayBufferView<ArrayBuffer> | undefined): void;

  upload(shape: readonly number[], dtype: DType, label: string, data?: ArrayBufferView<ArrayBuffer>): Tensor {
    const storage = new Storage('external', byteLength(shape, dtype), label);
    const memory = this.allocate(storage.bytes, label);
    this.#uploaded.set(storage, memory);
    this.fill(memory, data);
    return new Tensor(storage, shape, dtype);
  }

  free(tensor: Tensor): void {
    for (const { tensor: shard } of shardsOf(tensor)) {
      const memory = this.#uploaded.get(shard.storage);
      if (!memory) continue;
      this.#uploaded.delete(shard.storage);
      this.release(memory);
    }
  }

  /** The memory of an uploaded storage; undefined for those of plans, and after `free`. */
  memoryOf(storage: Storage): M | undefined {
    return this.#uploaded.get(storage);
  }

  createPool(): MemoryPool<M> {
    return new MemoryPool({
      create: (bytes, label) => this.allocate(bytes, label),
      destroy: (memory) => this.release(memory),
    });
  }

  /** Adds new memory to the account. */
  protected account(memory: M, label: string): M {
    if (memory.size > this.largestBuffer.bytes) this.largestBuffer = { label, bytes: memory.size };
    this.#allocatedBytes += memory.size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#allocatedBytes);
    return memory;
  }

  /** Takes memory that goes away out of the account. */
  protected discount({ size }: M): void {
    this.#allocatedBytes -= size;
  }

  /** @throws Error if the tensor is not on the device */
  protected uploaded(tensor: Tensor): M {
    const memory = this.#uploaded.get(tensor.storage);
    if (!memory) throw new Error(`${tensor.label} is not on the device`);
    return memory;
  }

  /** Every later call throws this error, unless an earlier one ended the device. Tells who listens. */
  protected fail(error: GraftError): void {
    if (this.#failure) return;
    this.#failure = error;
    for (const listener of this.#listeners) listener(error);
    this.#listeners.clear();
  }

  /** The same when the device is closed on purpose: nobody is told. */
  protected end(error: GraftError): void {
    this.#failure ??= error;
  }
}
