/** How a Parquet file starts and ends. Its reader is in another file, which the page does not load. */
import type { Bytes } from './lines.ts';

export const MAGIC = 'PAR1';

/** Whether a file starts as a Parquet file does. */
export function isParquet(bytes: Bytes): boolean {
  const head = bytes.subarray(0, Math.min(MAGIC.length, bytes.length));
  return String.fromCharCode(...head) === MAGIC;
}
