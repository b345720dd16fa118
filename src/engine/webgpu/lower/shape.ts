/** How much of a tensor a workgroup takes, for several operations. */
import { quantisedFormats, type QuantisedTensor } from '../../quantised.ts';
import type { Tensor } from '../../tensor.ts';
import type { ElementType } from '../shader.ts';
import type { GpuTarget } from '../target.ts';

/** Elements of a workgroup of element-wise operations: 64 threads, four each. */
const ELEMENTS = 256;

/** Workgroups that cover `size` elements. */
export function elementGroups(size: number): number {
  return Math.ceil(size / ELEMENTS);
}

/**
 * Threads that share a row and rows that share a workgroup, if a kernel sums over rows: as constants of the shader. The builds for software adapters have
 * one thread for each row and no barrier, with the lanes on eight rows at once; those for GPUs have the threads along the row.
 */
export function rowShape({ kernels, tuning }: GpuTarget): { THREADS: number; ROWS: number } {
  return kernels === 'software' || tuning.simple.rows ? { THREADS: 1, ROWS: 8 } : { THREADS: 64, ROWS: 1 };
}

/** How weight_blocks.wgsl finds the numbers of a matrix, as constants of the shader. */
export function blockConstants({
  format,
  storedRows,
  rows,
  columns,
}: QuantisedTensor): Record<string, number> {
  return {
    FORMAT: quantisedFormats[format].code,
    ...(storedRows !== rows && { SIZE: storedRows * columns }),
  };
}

/** The type of a product's operand. @throws Error for integers */
export function elementOf({ dtype, label }: Tensor): ElementType {
  if (dtype === 'u32') throw new Error(`matmul: ${label} holds integers`);
  return dtype;
}
