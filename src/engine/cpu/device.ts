/**
 * The processor as a device: kernels in WebAssembly over one memory, run by a fixed number of threads. A plan has run when `run` returns. What is
 * asynchronous on a GPU only yields to the event loop here.
 */
import { GraftError } from '../../errors.ts';
import { AccountedDevice } from '../accounted-device.ts';
import type { AdapterDescription, Device, Processor } from '../device.ts';
import type { Pool } from '../pool.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { Heap, type HeapPiece } from './heap.ts';
import { CpuLowering } from './lowering.ts';
import { CpuPlan } from './plan.ts';
import { profilePlans, replayMatmuls } from './profile.ts';
import { CpuStagingRing } from './staging.ts';
import { cpuTarget, type CpuTarget } from './target.ts';
import { Threads, type StartThread } from './threads.ts';
import { nextTurn } from './turn.ts';

interface CpuOptions {
  /** The kernels, compiled. */
  readonly module: WebAssembly.Module;
  /** Whether they use relaxed SIMD, for reports. */
  readonly relaxed: boolean;
  /** The name of the processor, for reports. */
  readonly processor: string;
  /** Threads that share the work, the calling one included. */
  readonly threads: number;
  /** Bytes that everything may take, if less than WebAssembly's limit. */
  readonly memoryBytes?: number | undefined;
  /** Starts the other threads. */
  readonly startThread: StartThread;
}

/** Opens the processor. */
export async function openCpu(options: CpuOptions): Promise<CpuDevice> {
  const device = new CpuDevice(options);
  await device.start(options.startThread);
  return device;
}

/** An opened processor: `openCpu` makes it and starts its threads. */
export class CpuDevice extends AccountedDevice<HeapPiece> implements Device, CpuTarget {
  readonly adapter: AdapterDescription;
  readonly threads: number;
  readonly processor: Processor;
  readonly features: CpuTarget['features'];
  readonly limits: CpuTarget['limits'];
  readonly software = true;
  readonly lowering: CpuLowering;
  readonly #heap: Heap;
  readonly #threads: Threads;

  constructor({ module, relaxed, processor, threads, memoryBytes }: CpuOptions) {
    const target = cpuTarget(threads, memoryBytes);
    const lowering = new CpuLowering(target);
    super(lowering.deviceBytes);
    ({ features: this.features, limits: this.limits, threads: this.threads } = target);
    this.processor = { threads, relaxed };
    this.lowering = lowering;
    const build = relaxed ? 'relaxed SIMD' : 'SIMD';
    this.adapter = {
      vendor: 'CPU',
      architecture: `${build}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
      // With fused multiply-add the last bits differ, so the name, which identifies the numbers, says whether it is used.
      description: `${processor} (${build})`,
    };
    this.#heap = new Heap(true);
    this.#threads = new Threads(module, this.#heap, threads);
  }

  /** Starts all threads but the calling one. */
  start(startThread: StartThread): Promise<void> {
    return this.#threads.start(startThread);
  }

  /** A plan is done when its run returns. */
  catchUp(): Promise<void> {
    return Promise.resolve();
  }

  async settle(): Promise<void> {
    await nextTurn('settle');
    this.check();
  }

  close(): void {
    this.end(new GraftError('engine-closed', 'The CPU engine was closed.', 'Open it again.'));
    this.#threads.end();
  }

  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    this.writePiece(this.uploaded(tensor), tensor.offset + offset, data);
  }

  read(tensor: Tensor): Promise<ArrayBuffer> {
    return this.readPiece(this.uploaded(tensor), tensor.offset, tensor.bytes);
  }

  copy(pairs: readonly { readonly from: Tensor; readonly to: Tensor }[]): void {
    for (const { from, to } of pairs)
      this.bytesOf(this.uploaded(to), to.offset, from.bytes).set(
        this.bytesOf(this.uploaded(from), from.offset, from.bytes),
      );
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
  allocate(bytes: number, label: string): HeapPiece {
    this.check();
    return this.account(this.#heap.take(this.lowering.allocationBytes(bytes), label), label);
  }

  release(piece: HeapPiece): void {
    this.discount(piece);
    this.#heap.give(piece);
  }

  protected fill(piece: HeapPiece, data: ArrayBufferView<ArrayBuffer> | undefined): void {
    this.bytesOf(piece, 0, piece.size).fill(0);
    if (data) this.writePiece(piece, 0, data);
  }

  /** Bytes of a piece as they are now; valid until the next allocation. @throws Error if they reach beyond its end */
  bytesOf(piece: HeapPiece, offset: number, length: number): Uint8Array {
    if (offset + length > piece.size) throw new Error(`${offset + length} bytes are not in ${piece.size}`);
    return this.#heap.bytes(piece.address + offset, length);
  }

  /** Copies data to a piece, from byte `offset` of it on. @throws Error as `bytesOf` */
  writePiece(piece: HeapPiece, offset: number, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.bytesOf(piece, offset, bytes.length).set(bytes);
  }

  /** A copy of some bytes. Yields to the event loop first, as awaiting a GPU does. */
  async readPiece(piece: HeapPiece, offset: number, length: number, what = 'tensor'): Promise<ArrayBuffer> {
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
      if (error instanceof GraftError) this.fail(error);
      throw error;
    }
  }
}
