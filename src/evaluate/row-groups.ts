/** Rows in groups for one replay each, with the first tokens that they have in common computed once if that saves enough. */
import { mostRangesOf, sizeOfRows, type Bucket, type LabelledTokens } from '../model/batch.ts';

/** The most tokens of one replay, unless a single row is longer. */
const GROUP_TOKENS = 1024;
/**
 * Few rows are measured in at least this many groups, so that a large model on a slow device shows progress. Groups of fewer tokens waste the device.
 */
const MIN_GROUPS = 8;
const MIN_TOKENS = 128;
/** The share of tokens that shared prefixes must save: the layout is checked first, which costs two replays. */
const MIN_SAVED = 0.25;

export interface RowGroups<Row extends LabelledTokens> {
  readonly groups: readonly (readonly Row[])[];
  /** The size of a plan for any of them. */
  readonly bucket: Bucket;
}

/** @param rows at least one @param shares whether they may share prefixes */
export function groupRows<Row extends LabelledTokens>(rows: readonly Row[], shares: boolean): RowGroups<Row> {
  const full = grouped(rows, 1);
  if (!shares) return full;
  const shared = grouped(rows, Infinity);
  const computed = shared.sizes.reduce((sum, { tokens }) => sum + tokens, 0);
  const all = full.sizes.reduce((sum, { tokens }) => sum + tokens, 0);
  return computed <= (1 - MIN_SAVED) * all ? shared : full;
}

function grouped<Row extends LabelledTokens>(
  rows: readonly Row[],
  mostRanges: number,
): RowGroups<Row> & { readonly sizes: readonly Bucket[] } {
  const all = rows.reduce((sum, { ids }) => sum + ids.length, 0);
  const longest = Math.max(...rows.map(({ ids }) => ids.length));
  // A group of one row shares nothing.
  const min = mostRanges > 1 ? 2 * longest : MIN_TOKENS;
  const max = Math.min(GROUP_TOKENS, Math.max(min, Math.ceil(all / MIN_GROUPS)));
  const groups: Row[][] = [];
  const sizes: Bucket[] = [];
  for (const row of rows) {
    const joined = [...(groups.at(-1) ?? []), row];
    const size = sizeOfRows(joined, mostRanges);
    if (joined.length > 1 && size.tokens <= max) {
      groups[groups.length - 1] = joined;
      sizes[sizes.length - 1] = size;
    } else {
      groups.push([row]);
      sizes.push(sizeOfRows([row], mostRanges));
    }
  }
  const ranges = mostRangesOf(sizes);
  const largest = (of: (size: Bucket) => number): number => Math.max(1, ...sizes.map(of));
  return {
    groups,
    sizes,
    bucket: {
      tokens: largest(({ tokens }) => tokens),
      rows: largest(({ rows: predicted }) => predicted),
      ...(rows.some(({ starts }) => starts) && { sequences: largest(({ sequences = 0 }) => sequences) }),
      ...(ranges > 1 && { ranges }),
    },
  };
}
