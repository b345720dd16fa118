/** The CPU engine in Node: its kernels, and its threads as workers. */
import { availableParallelism, cpus } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { openCpu, type CpuDevice } from '../engine/cpu/device.ts';
import { hasRelaxedSimd } from '../engine/cpu/relaxed.ts';
import type { StartThread } from '../engine/cpu/threads.ts';
import { compiledKernels, type KernelBuild } from './kernels.ts';

/** More threads do not speed up models of the size that a processor trains. */
const MAX_THREADS = 16;

export interface CpuChoices {
  /** Threads that share the work; all processors if left out. */
  readonly threads?: number;
  /** The build of the kernels; if left out, relaxed SIMD if this Node has it. */
  readonly build?: KernelBuild;
}

/** The default number of threads of a device. */
export function processorThreads(): number {
  return Math.min(MAX_THREADS, availableParallelism());
}

/** Opens the processor as a device. @throws GraftError `engine-kernels` */
export async function openProcessor({ threads, build }: CpuChoices = {}): Promise<CpuDevice> {
  const relaxed = relaxedSimd();
  const chosen = build ?? (relaxed ? 'relaxed' : 'simd');
  return openCpu({
    module: await WebAssembly.compile(await compiledKernels(chosen)),
    relaxed: chosen === 'relaxed',
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    threads: threads ?? processorThreads(),
    startThread,
  });
}

/** Node 20 has relaxed SIMD behind a flag, which holds for modules compiled from then on; later versions always have it. */
function relaxedSimd(): boolean {
  if (hasRelaxedSimd()) return true;
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return hasRelaxedSimd();
}

const startThread: StartThread = (start, onFailure) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./cpu-thread.mjs', import.meta.url), { workerData: start });
    worker.once('message', () => {
      // A finished command must not wait for idle threads.
      worker.unref();
      resolve({ end: () => void worker.terminate() });
    });
    worker.on('error', (error) => {
      onFailure(error);
      reject(error);
    });
  });
