import type { Target } from '../target.ts';

/** The largest WebAssembly memory: addresses have 32 bits. */
export const MAX_MEMORY_BYTES = 2 ** 32;
const PAGE_BYTES = 2 ** 16;
/** The last page is not used: no address is then beyond 32 bits. */
const LARGEST_TENSOR = MAX_MEMORY_BYTES - 2 * PAGE_BYTES;

/** The target of commands: a processor with so many threads. */
export interface CpuTarget extends Target {
  readonly threads: number;
}

/** @param threads that share the work @param memoryBytes that everything may take, if less than WebAssembly's limit */
export function cpuTarget(threads: number, memoryBytes = LARGEST_TENSOR): CpuTarget {
  return {
    threads,
    // Weights may be stored in half precision. WebAssembly has no arithmetic for it, so activations are f32.
    features: { f16: true, wideActivations: true },
    limits: {
      maxStorageBufferBindingSize: LARGEST_TENSOR,
      maxBufferSize: LARGEST_TENSOR,
      memoryBytes: Math.min(memoryBytes, LARGEST_TENSOR),
    },
    software: true,
  };
}
