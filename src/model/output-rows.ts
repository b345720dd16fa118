/** Rows of the matrix that scores the next token (the head, or the embedding if both are one weight), read from a model folder without a device. */
import { BLOCKS, isBlockType } from '../weights/blocks.ts';
import type { FileSet } from '../weights/bytes.ts';
import { DTYPE_BYTES, toFloat32 } from '../weights/dtypes.ts';
import type { ModelDefinition } from './definition.ts';
import { openModelWeights } from './folder-layout.ts';

/** Rows [ids.length, channels] one after the other. */
export interface OutputRows {
  readonly ids: readonly number[];
  readonly channels: number;
  readonly values: Float32Array;
}

/** Rows between two wanted ones that are read along with them, rather than in a read of their own. */
const GAP = 64;
/** Rows of one read. */
const MAX_ROWS = 8192;

/**
 * Reads the rows of these tokens; those that the matrix does not have are left out.
 *
 * @param ids each once
 * @returns undefined if the folder has no such weight in numbers that are read here
 * @throws GraftError as `openWeights`
 */
export async function readOutputRows(
  files: FileSet,
  definition: ModelDefinition,
  ids: readonly number[],
): Promise<OutputRows | undefined> {
  const { head } = definition.shape;
  const entry = head === undefined ? undefined : (await openModelWeights(files, definition)).get(head);
  const [rows, channels] = entry?.shape ?? [];
  if (!entry || entry.shape.length !== 2) return undefined;
  const { dtype } = entry;
  const rowBytes = isBlockType(dtype)
    ? (channels / BLOCKS[dtype].values) * BLOCKS[dtype].bytes
    : channels * DTYPE_BYTES[dtype];
  const wanted = ids.filter((id) => id >= 0 && id < rows).sort((a, b) => a - b);
  const values = new Float32Array(wanted.length * channels);
  for (let at = 0; at < wanted.length;) {
    const first = wanted[at];
    let end = at + 1;
    while (end < wanted.length && wanted[end] - wanted[end - 1] <= GAP && wanted[end] - first < MAX_ROWS)
      end++;
    const bytes = await entry.readRange(first * rowBytes, (wanted[end - 1] + 1) * rowBytes);
    for (; at < end; at++) {
      const from = (wanted[at] - first) * rowBytes;
      values.set(toFloat32(bytes.slice(from, from + rowBytes), dtype, entry.name), at * channels);
    }
  }
  return { ids: wanted, channels, values };
}

/**
 * How far apart two rows must be, as a share of the longer one. Rows that nothing trained are within 0.001 of each other in the models that were
 * looked at, and trained ones over 0.2 apart.
 */
const APART = 0.02;

/**
 * The tokens whose row is, as good as exactly, that of another token: both always get the same score, so that no answer can prefer one. That is how
 * rows look that no text ever trained.
 *
 * @param among the tokens that are asked about
 */
export function twinRows({ ids, channels, values }: OutputRows, among: ReadonlySet<number>): Set<number> {
  const lengths = ids.map((_, at) => {
    let sum = 0;
    for (let c = at * channels; c < (at + 1) * channels; c++) sum += values[c] * values[c];
    return sum;
  });
  const isTwin = (one: number, two: number): boolean => {
    const max = APART * APART * Math.max(lengths[one], lengths[two]);
    let distance = 0;
    for (let c = 0; c < channels; c++) {
      const difference = values[one * channels + c] - values[two * channels + c];
      distance += difference * difference;
      if (distance > max) return false;
    }
    return true;
  };
  return new Set(
    ids.filter((id, at) => among.has(id) && ids.some((_, other) => other !== at && isTwin(at, other))),
  );
}
