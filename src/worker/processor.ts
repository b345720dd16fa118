/** The CPU engine in the browser: its kernels, and its threads as workers of this one. */
import { relaxed, simd } from 'virtual:cpu-kernels';
import { openCpu, type CpuDevice } from '../engine/cpu/device.ts';
import { hasRelaxedSimd } from '../engine/cpu/relaxed.ts';
import type { StartThread } from '../engine/cpu/threads.ts';
import { fetchFile } from '../answers.ts';
import { GraftError, messageOf } from '../errors.ts';
import { phoneBytes } from './phone.ts';

/** More threads do not speed up models of the size that a processor trains. */
const MAX_THREADS = 16;

/**
 * Opens the processor. Only a page that is isolated from others may share its memory with other threads: elsewhere there is one.
 *
 * @param threads all of the processor if left out
 * @throws GraftError `worker-no-simd`, `worker-fetch`
 */
export async function openProcessor(threads?: number): Promise<CpuDevice> {
  const isRelaxed = hasRelaxedSimd();
  const processors = navigator.hardwareConcurrency;
  return openCpu({
    module: await compileKernels(isRelaxed ? relaxed : simd),
    relaxed: isRelaxed,
    // Browsers do not tell its name.
    processor: `CPU with ${processors} ${processors === 1 ? 'core' : 'cores'}`,
    threads: crossOriginIsolated ? (threads ?? Math.min(MAX_THREADS, processors)) : 1,
    memoryBytes: phoneBytes(navigator),
    startThread,
  });
}

async function compileKernels(address: string): Promise<WebAssembly.Module> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await fetchFile(new URL(address, self.location.href));
  } catch (cause) {
    throw new GraftError(
      'worker-fetch',
      `The kernels of the CPU engine could not be loaded: ${messageOf(cause)}.`,
      'Check the connection, then try again; after the first visit they are kept for use offline.',
      { cause },
    );
  }
  try {
    return await WebAssembly.compile(bytes);
  } catch {
    throw new GraftError(
      'worker-no-simd',
      'This browser cannot run the CPU engine: its WebAssembly has no SIMD or no threads.',
      'Chrome and Edge from 91, Firefox from 89 and Safari from 16.4 have both.',
    );
  }
}

const startThread: StartThread = (start, onFailure) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./cpu-thread.ts', import.meta.url), {
      type: 'module',
      name: 'graft CPU thread',
    });
    worker.addEventListener('message', () => resolve({ end: () => worker.terminate() }), { once: true });
    worker.addEventListener('error', ({ message }) => {
      const error = new Error(message || 'A thread did not start');
      onFailure(error);
      reject(error);
    });
    worker.postMessage(start);
  });
