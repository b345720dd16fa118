/**
 * The processor as a device: kernels in WebAssembly over one memory, run by a fixed number of threads. A plan has run when `run` returns. What is
 * asynchronous on a GPU only yields to the event loop here.
 */
import { GraftError } from '../../errors.ts';
import type { AdapterDescription, Device, Processor } from '../device.ts';
import { MemoryPool, type Pool } from '../pool.ts';
import { shardsOf } from '../shards.ts';
import type { Tape } from '../tape.ts';
import { Storage, Tensor, byteLength, type DType } from '../tensor.ts';
import { Heap, type Piece } from './heap.ts';
import { CpuLowering } from './lowering.ts';
import { CpuPlan } from './plan.ts';
import { profilePlans, replayMatmuls } from './profile.ts';
import { CpuStagingRing } from './staging.ts';
import { cpuTarget, type CpuTarget } from './target.ts';
import { Threads, type StartThread } from './threads.ts';
import { nextTurn } from './turn.ts';

export interface CpuOptions {
  /** The kernels, compiled. */
  readonly module: WebAssembly.Module;
  /** Whether they use relaxed SIMD, for reports. */
  readonly relaxed: boolean;
  /** The name of the processor, for reports. */
  readonly processor: string;
  /** Threads that share the work, the calling one included. */
  readonly threads: number;
  /** Starts the other threads. */
  readonly startThread: StartThread;
}

/** Opens the processor. */
export async function openCpu(options: CpuOptions): Promise<CpuDevice> {
  const device = new CpuDevice(options);
  await device.start(options.startThread);
  return device;
}

export class CpuDevice implements Device, CpuTarget {
  readonly adapter: AdapterDescription;
  readonly threads: number;
  readonly processor: Processor;
  readonly features: CpuTarget['features'];
  readonly limits: CpuTarget['limits'];
  readonly software = true;
  readonly lowering: CpuLowering;
  largestBuffer = { label: 'none', bytes: 0 };
  #allocatedBytes: number;
  #peakBytes: number;
  #failure: GraftError | undefined;
  readonly #heap: Heap;
  readonly #threads: Threads;
  /** Memory of uploaded storages. A plan keeps its own table for the others. */
  readonly #pieces = new WeakMap<Storage, Piece>();
  readonly #listeners = new Set<(error: GraftError) => void>();

  constructor({ module, relaxed, processor, threads }: CpuOptions) {
    const target = cpuTarget(threads);
    ({ features: this.features, limits: this.limits, threads: this.threads } = target);
    this.processor = { threads, relaxed };
    this.lowering = new CpuLowering(target);
    const build = relaxed ? 'relaxed SIMD' : 'SIMD';
    this.adapter = {
      vendor: 'CPU',
      architecture: `${build}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
      // With fused multiply-add the last bits differ, so the name, which identifies the numbers, says whether it is used.
      description: `${processor} (${build})`,
    };
    this.#heap = new Heap(true);
    this.#threads = new Threads(module, this.#heap, threads);
    this.#allocatedBytes = this.#peakBytes = this.lowering.deviceBytes;
  }

  /** Starts all threads but the calling one. */
  start(startThread: StartThread): Promise<void> {
    return this.#threads.start(startThread);
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

  async settle(): Promise<void> {
    await nextTurn('settle');
    this.check();
  }

  close(): void {
    this.#failure ??= new GraftError('engine-closed', 'The CPU engine was closed.', 'Open it again.');
    this.#threads.end();
  }

  upload(shape: readonly number[], dtype: DType, label: string, data?: ArrayBufferView<ArrayBuffer>): Tensor {
    const storage = new Storage('external', byteLength(shape, dtype), label);
    const piece = this.allocate(storage.bytes, label);
    this.#pieces.set(storage, piece);
    this.bytesOf(piece, 0, piece.size).fill(0);
    if (data) this.writePiece(piece, 0, data);
    return new Tensor(storage, shape, dtype);
  }

  free(tensor: Tensor): void {
    for (const { tensor: shard } of shardsOf(tensor)) {
      const piece = this.#pieces.get(shard.storage);
      if (!piece) continue;
      this.#pieces.delete(shard.storage);
      this.release(piece);
    }
  }

  /** The memory of an uploaded storage; undefined for those of plans, and after `free`. */
  pieceOf(storage: Storage): Piece | undefined {
    return this.#pieces.get(storage);
  }

  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    this.writePiece(this.#uploaded(tensor), tensor.offset + offset, data);
  }

  read(tensor: Tensor): Promise<ArrayBuffer> {
    return this.readPiece(this.#uploaded(tensor), tensor.offset, tensor.bytes);
  }

  copy(pairs: readonly { readonly from: Tensor; readonly to: Tensor }[]): void {
    for (const { from, to } of pairs)
      this.bytesOf(this.#uploaded(to), to.offset, from.bytes).set(
        this.bytesOf(this.#uploaded(from), from.offset, from.bytes),
      );
  }

  createPool(): MemoryPool<Piece> {
    return new MemoryPool({
      create: (bytes, label) => this.allocate(bytes, label),
      destroy: (piece) => this.release(piece),
    });
  }

  createStaging(bytes: number, what: string): CpuStagingRing {
    return new CpuStagingRing(this, bytes, what);
  }

  async compile(tape: Tape, pool: Pool): Promise<CpuPlan> {
    return CpuPlan.compile(this, tape, pool);
  }

  /** Nothing to do: all kernels are compiled before the device is opened. */
  prepare(): Promise<void> {
    return Promise.resolve();
  }

  readonly profile: Device['profile'] = (plans, options) => profilePlans(this, plans, options);

  readonly replayMatmuls: Device['replayMatmuls'] = (plan) => replayMatmuls(this, plan);

  /** @throws GraftError `engine-out-of-memory`, and as `check` */
  allocate(bytes: number, label: string): Piece {
    this.check();
    const piece = this.#heap.take(this.lowering.allocationBytes(bytes), label);
    if (piece.size > this.largestBuffer.bytes) this.largestBuffer = { label, bytes: piece.size };
    this.#allocatedBytes += piece.size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#allocatedBytes);
    return piece;
  }

  release(piece: Piece): void {
    this.#allocatedBytes -= piece.size;
    this.#heap.give(piece);
  }

  /** Bytes of a piece as they are now; valid until the next allocation. */
  bytesOf(piece: Piece, offset: number, length: number): Uint8Array {
    if (offset + length > piece.size) throw new Error(`${offset + length} bytes are not in ${piece.size}`);
    return this.#heap.bytes(piece.address + offset, length);
  }

  writePiece(piece: Piece, offset: number, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.bytesOf(piece, offset, bytes.length).set(bytes);
  }

  /** A copy of some bytes. Yields to the event loop first, as awaiting a GPU does. */
  async readPiece(piece: Piece, offset: number, length: number, what = 'tensor'): Promise<ArrayBuffer> {
    this.check();
    const result = new Uint8Array(length);
    result.set(this.bytesOf(piece, offset, length));
    await nextTurn(`read ${what}`);
    return result.buffer;
  }

  /** The index of a kernel in the threads' table. */
  indexOf(kernel: string): number {
    return this.#threads.placeOf(kernel);
  }

  /** Runs `count` commands from an address on. */
  runProgram(address: number, count: number): void {
    try {
      this.#threads.run(address, count);
    } catch (error) {
      if (error instanceof GraftError) this.#fail(error);
      throw error;
    }
  }

  #uploaded(tensor: Tensor): Piece {
    const piece = this.#pieces.get(tensor.storage);
    if (!piece) throw new Error(`${tensor.label} is not on the device`);
    return piece;
  }

  #fail(error: GraftError): void {
    if (this.#failure) return;
    this.#failure = error;
    for (const listener of this.#listeners) listener(error);
    this.#listeners.clear();
  }
}
