/** Shapes vary, plans do not: a run's micro-batches are covered by a few plan sizes, chosen before the first step. */
import type { List } from '../lists.ts';
import { mostRangesOf, sizeOfRows, type Bucket, type LabelledTokens } from '../model/batch.ts';
import { adapterOf } from '../adapters/chosen.ts';
import { plannedAdapter } from '../adapters/learners.ts';
import { withShortPrefixes } from '../model/shared-prefixes.ts';
import { positionsOf } from '../model/virtual-tokens.ts';
import { idleReason } from '../settings/idle.ts';
import { countSteps, type RunSpec } from '../settings/spec.ts';
import { RowOrder } from './order.ts';
import type { GenerationSize } from './policy/buckets.ts';
import { rowBatches, sizeOfInputs } from './row-inputs.ts';

const MAX_BUCKETS = 3;
/** Tokens and rows are rounded up to this, so that sizes repeat and chunks of rows start on 256-byte boundaries. */
const QUANTUM = 32;
/** What a plan that is made during a run has room for, beyond its first micro-batch. */
const ROOM = 1.25;

/**
 * The at most three sizes that hold every micro-batch with the least padding in all.
 *
 * @param sizes of micro-batches that all share their prefixes, or none
 * @returns in ascending order of tokens; a micro-batch belongs to the first that holds its tokens
 */
export function chooseBuckets(sizes: readonly Bucket[]): Bucket[] {
  const counts = new Map<number, { count: number; rows: number; sequences: number }>();
  const ranges = mostRangesOf(sizes);
  for (const { tokens, rows, sequences = 0 } of sizes) {
    const rounded = roundUp(tokens);
    const entry = counts.get(rounded) ?? { count: 0, rows: 0, sequences: 0 };
    counts.set(rounded, {
      count: entry.count + 1,
      rows: Math.max(entry.rows, rows),
      sequences: Math.max(entry.sequences, sequences),
    });
  }
  const tokens = [...counts.keys()].sort((a, b) => a - b);
  const n = tokens.length;
  const countUpTo = [0];
  for (const size of tokens) countUpTo.push(countUpTo[countUpTo.length - 1] + counts.get(size)!.count);

  // cost[k][i]: tokens computed for the i smallest sizes with k buckets; from[k][i]: where its last bucket starts.
  let cost = [0, ...new Array<number>(n).fill(Infinity)];
  const from: number[][] = [];
  for (let k = 0; k < Math.min(MAX_BUCKETS, n); k++) {
    const next = new Array<number>(n + 1).fill(Infinity);
    const begin = new Array<number>(n + 1).fill(0);
    for (let i = 1; i <= n; i++) {
      for (let j = 0; j < i; j++) {
        const total = cost[j] + (countUpTo[i] - countUpTo[j]) * tokens[i - 1];
        if (total < next[i]) {
          next[i] = total;
          begin[i] = j;
        }
      }
    }
    from.push(begin);
    cost = next;
  }
  const buckets: Bucket[] = [];
  for (let k = from.length - 1, i = n; i > 0 && k >= 0; k--) {
    const j = from[k][i];
    const held = tokens.slice(j, i).map((size) => counts.get(size)!);
    const rows = Math.max(...held.map((size) => size.rows));
    const sequences = Math.max(...held.map((size) => size.sequences));
    buckets.unshift({
      tokens: tokens[i - 1],
      rows: Math.max(QUANTUM, roundUp(rows)),
      ...(sequences > 0 && { sequences }),
      ...(ranges > 1 && { ranges }),
    });
    i = j;
  }
  return buckets;
}

/**
 * The share of tokens that shared prefixes must save: below it, the micro-batches are laid out plainly, and nothing changes for rows that have little in
 * common.
 */
const MIN_SAVED = 0.05;

/** The settings that decide whether prefixes are shared. */
type Sharing = Pick<RunSpec, 'sharePrefixes' | 'objective' | 'dropout'>;

/** Tokens of rows, and those that are left without the copies of shared prefixes. */
export interface Repeated {
  readonly tokens: number;
  readonly computed: number;
}

/** Sizes of micro-batches. */
interface Sized {
  readonly sizes: readonly Bucket[];
  /** Rows on which the layout is checked; missing if the sizes share no prefixes. */
  readonly probe?: readonly LabelledTokens[];
  /** What repeats, if that is worth sharing: also if dropout is against it. */
  readonly repeated?: Repeated;
}

/** The sizes of micro-batches: with their shared prefixes computed once, if the run may share them and that saves enough. */
export function sizesOf(groups: readonly (readonly LabelledTokens[])[], options: Sharing): Sized {
  const sizes = groups.map((rows) => sizeOfRows(rows));
  if (!looksForRepeated(options)) return { sizes };
  const shared = groups.map((rows) => sizeOfRows(rows, Infinity));
  const sum = (all: readonly Bucket[]): number => all.reduce((total, { tokens }) => total + tokens, 0);
  const repeated = { tokens: sum(sizes), computed: sum(shared) };
  if (!isWorth(repeated)) return { sizes };
  if (!mayShare(options)) return { sizes, repeated };
  const probe = probeOf(groups);
  return probe ? { sizes: shared, probe, repeated } : { sizes };
}

const isWorth = ({ tokens, computed }: Repeated): boolean => computed <= (1 - MIN_SAVED) * tokens;

/** Rows of the first group that has some to check the layout on, short enough for a plan of its size; undefined if no group has. */
export function probeOf(groups: readonly (readonly LabelledTokens[])[]): LabelledTokens[] | undefined {
  for (const rows of groups) {
    const probe = withShortPrefixes(rows);
    if (probe) return probe;
  }
  return undefined;
}

/** Whether a run looks for what repeats in its rows: with dropout only to report it. */
export const looksForRepeated = (options: Sharing): boolean =>
  mayShare(options.dropout > 0 ? { ...options, sharePrefixes: 'auto', dropout: 0 } : options);

/** Whether a run may share prefixes. */
export function mayShare(options: Sharing): boolean {
  return options.sharePrefixes === 'auto' && idleReason('sharePrefixes', options) === undefined;
}

/** Sizes of a run's plans. */
export interface RunBuckets {
  readonly gradients: readonly Bucket[];
  /** Buckets of the evaluation; empty if nothing is held out. */
  readonly losses: readonly Bucket[];
  /** Buckets of the reference policy, for an objective that has one. */
  readonly references?: readonly Bucket[];
  /** The number of tasks of the rows; missing without a mixture. */
  readonly tasks?: number;
  /** Sizes of the batches for an adapter's initial values, for a kind that reads rows. */
  readonly starts?: readonly Bucket[];
  /** For an objective that samples. */
  readonly generation?: GenerationSize;
  /** Missing if no plan shares prefixes. */
  readonly probes?: Probes;
  /** What repeats in the rows of its steps, if that is worth sharing: also if dropout is against it. */
  readonly repeated?: Repeated;
}

/** Rows on which shared prefixes are checked, by the use of the plans. */
export type Probes = { readonly [Use in 'gradients' | 'losses' | 'references']?: readonly LabelledTokens[] };

/**
 * Steps whose sizes are known before the first one, of a run whose rows are made as they are taken. A later micro-batch that is larger than all of
 * these gets a plan when it comes (`Steps`).
 */
export const LOOKED_AHEAD = 256;

/** Sizes for the batches that an adapter's initial values are made from. @param readsPrompts whether tokens without a label count */
export function startBuckets(
  batches: readonly (readonly LabelledTokens[])[],
  readsPrompts: boolean,
): Bucket[] {
  return chooseBuckets(batches.map((batch) => sizeOfInputs(batch, readsPrompts)));
}

/**
 * The same for a run; nothing if its adapter reads no rows.
 *
 * @throws GraftError `train-option` as `countSteps`
 */
export function startsOf(options: RunSpec, rows: List<LabelledTokens>): Pick<RunBuckets, 'starts'> {
  const adapter = adapterOf(options);
  const fromRows = adapter?.kind.fromRows;
  return fromRows
    ? { starts: startBuckets(rowBatches(rows, options), fromRows.readsPrompts(adapter.config)) }
    : {};
}

/** The rows that a run takes, each once, in the order of the file. */
export function rowsOfRun(rows: List<LabelledTokens>, options: RunSpec): number[] {
  const count = rows.length;
  const order = new RowOrder(rows, options);
  const isTaken = new Uint8Array(count);
  let taken = 0;
  const steps = countSteps(options, count);
  for (let step = 0; step < steps && taken < count; step++)
    for (const row of order.rowsOf(step)) {
      taken += 1 - isTaken[row];
      isTaken[row] = 1;
    }
  const rowsTaken: number[] = [];
  isTaken.forEach((one, row) => {
    if (one === 1) rowsTaken.push(row);
  });
  return rowsTaken;
}

/** The bucket of a micro-batch of `rows` full rows, every token supervised. @param sequences of a row, if they are kept apart */
export function fullBucket(
  { batch, maxLength, ...options }: Pick<RunSpec, 'batch' | 'maxLength'>,
  sequences?: number,
): Bucket {
  const rows = roundUp(batch * maxLength * (sequences ?? 1));
  const tokens = roundUp(batch * positionsOf(maxLength, plannedAdapter(options)) * (sequences ?? 1));
  return { tokens, rows, ...(sequences !== undefined && { sequences: batch * sequences }) };
}

/**
 * A size for a micro-batch that no plan holds: with room for others like it, and no more than any can need.
 *
 * @param ranges that a token has at most: more than one if the plans share prefixes
 * @param sequences of a row, if they are kept apart
 */
export function furtherBucket(
  rows: readonly LabelledTokens[],
  options: RunSpec,
  ranges: number,
  sequences?: number,
): Bucket {
  const size = sizeOfRows(rows, ranges);
  const max = fullBucket(options, sequences);
  const roomy = (needed: number, most: number): number =>
    Math.max(roundUp(needed), Math.min(roundUp(needed * ROOM), most));
  return {
    ...size,
    ...(ranges > 1 && { ranges }),
    tokens: roomy(size.tokens, max.tokens),
    rows: roomy(size.rows, max.rows),
  };
}

/** Whether plans share prefixes: all of one use do, or none. */
export const sharesPrefixes = (buckets: readonly Bucket[]): boolean => mostRangesOf(buckets) > 1;

/** Whether a bucket holds rows of this size. */
const holds = ({ tokens, rows, sequences = 0 }: Bucket, size: Bucket): boolean =>
  tokens >= size.tokens && rows >= size.rows && sequences >= (size.sequences ?? 0);

/** Whether some bucket holds these rows. */
export function isHeldBy(buckets: readonly Bucket[], rows: readonly LabelledTokens[]): boolean {
  const size = sizeOfRows(rows, mostRangesOf(buckets));
  return buckets.some((bucket) => holds(bucket, size));
}

/** The first bucket that holds these rows. @throws Error if none does */
export function bucketFor<B extends Bucket>(buckets: readonly B[], rows: readonly LabelledTokens[]): B {
  return bucketOf(buckets, sizeOfRows(rows, mostRangesOf(buckets)));
}

/** The first bucket that holds rows of this size. @throws Error if none does */
export function bucketOf<B extends Bucket>(buckets: readonly B[], size: Bucket): B {
  const bucket = buckets.find((one) => holds(one, size));
  if (!bucket) throw new Error(`No bucket holds ${size.tokens} tokens and ${size.rows} supervised ones`);
  return bucket;
}

/** The next size of a plan that holds so many tokens or rows. */
export function roundUp(value: number): number {
  return Math.ceil(value / QUANTUM) * QUANTUM;
}
