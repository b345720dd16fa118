/** The CPU engine in the browser: its kernels, and its threads as workers of this one. */
import { relaxed, simd } from 'virtual:cpu-kernels';
import { openInBrowser, startWorkers } from '../../engine/cpu/browser.ts';
import type { CpuDevice } from '../../engine/cpu/device.ts';
import { fetchFile } from '../../answers.ts';
import { GraftError, messageOf } from '../../errors.ts';
import { phoneBytes } from './phone.ts';

/**
 * Opens the processor. Only a page that is isolated from others may share its memory with other threads: elsewhere there is one.
 *
 * @param threads all of the processor if left out
 * @throws GraftError `worker-no-simd`, `worker-fetch`
 */
export function openBrowserProcessor(threads?: number): Promise<CpuDevice> {
  return openInBrowser({
    kernels: (build) => fetchKernels(build === 'relaxed' ? relaxed : simd),
    threads,
    memoryBytes: phoneBytes(navigator),
    startThread: startWorkers(
      () =>
        new Worker(new URL('./cpu-thread.ts', import.meta.url), {
          type: 'module',
          name: 'graft CPU thread',
        }),
    ),
  });
}

async function fetchKernels(address: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await fetchFile(new URL(address, self.location.href));
  } catch (cause) {
    throw new GraftError(
      'worker-fetch',
      `The kernels of the CPU engine could not be loaded: ${messageOf(cause)}.`,
      'Check the connection, then try again; after the first visit they are kept for use offline.',
      { cause },
    );
  }
}
