/** The CPU engine in a browser, in a worker. */
import { openCpu, type CpuDevice } from './device.ts';
import { hasRelaxedSimd } from './relaxed.ts';
import type { StartThread } from './threads.ts';
import { GraftError } from '../../errors.ts';

/** More threads do not speed up models of the size that a processor trains. */
const MAX_THREADS = 16;

interface BrowserOptions {
  /** Reads the compiled kernels: with relaxed SIMD if the browser has it. */
  readonly kernels: (build: 'relaxed' | 'simd') => Promise<Uint8Array<ArrayBuffer>>;
  /** All of the processor if left out. */
  readonly threads?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly startThread: StartThread;
}

/**
 * Opens the processor. Only a page that is isolated from others may share its memory with other threads: elsewhere there is one.
 *
 * @throws GraftError `worker-no-simd`, and what `kernels` throws
 */
export async function openInBrowser({
  kernels,
  threads,
  memoryBytes,
  startThread,
}: BrowserOptions): Promise<CpuDevice> {
  const isRelaxed = hasRelaxedSimd();
  const processors = navigator.hardwareConcurrency;
  return openCpu({
    module: await compile(await kernels(isRelaxed ? 'relaxed' : 'simd')),
    relaxed: isRelaxed,
    // Browsers do not tell its name.
    processor: `CPU with ${processors} ${processors === 1 ? 'core' : 'cores'}`,
    threads: crossOriginIsolated ? (threads ?? Math.min(MAX_THREADS, processors)) : 1,
    memoryBytes,
    startThread,
  });
}

async function compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
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

/** Starts threads as workers, each of which answers the first message when it is about to call `serve` with it. */
export const startWorkers =
  (open: () => Worker): StartThread =>
  (start, onFailure) =>
    new Promise((resolve, reject) => {
      const worker = open();
      worker.addEventListener('message', () => resolve({ end: () => worker.terminate() }), { once: true });
      worker.addEventListener('error', ({ message }) => {
        const error = new Error(message || 'A thread did not start');
        onFailure(error);
        reject(error);
      });
      worker.postMessage(start);
    });
