/**
 * Sequences laid end to end: the model sees M tokens in a row, each with the range of tokens that it may attend to, so that rows of any
 * length share a replay without padding between them and without seeing each other.
 */
import { CANDIDATE, NO_TEXT } from '../engine/ops/contrastive_loss.ts';
import { FIRST_VIRTUAL, linkOccurrences } from '../engine/ops/embedding.ts';
import { NO_LABEL } from '../engine/ops/cross_entropy.ts';
import { linkFollowing } from '../engine/ops/depthwise_conv.ts';
import { NO_ROW } from '../engine/ops/gather_rows.ts';
import type { Tape } from '../engine/tape.ts';
import type { Plan } from '../engine/plan.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { TokenInputs } from './graph.ts';
import type { Pooling } from './pooling.ts';
import {
  endToEnd,
  sequenceParts,
  sizeOfSharedPrefixes,
  withSharedPrefixes,
  type PrefixLayout,
  type SequencePart,
} from './shared-prefixes.ts';

/**
 * A row: one sequence, with labels as Hugging Face has them: −100 is not supervised, and position t predicts label t + 1. Or several sequences,
 * such as both answers of a pair, end to end: they stay together, and do not see each other.
 */
export interface LabelledTokens {
  readonly ids: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  /** Where the sequences after the first start; nothing is supervised there. Missing if the row is one sequence. */
  readonly starts?: ArrayLike<number>;
  /** Whether all tokens of the first sequence except its first are predicted, besides those with a label: for a loss over whole texts. */
  readonly whole?: true;
  /** Whether the answer is desirable, if rows have such labels. */
  readonly desirable?: boolean;
  /** Whether it is a prompt without an answer, for sampling. */
  readonly asks?: true;
  /** Whether its sequences are texts for an encoder: a query, the text that answers it, and others that do not. Nothing has a label then. */
  readonly texts?: true;
  /** The task that it belongs to, in a mixture: how often rows of it are drawn. */
  readonly task?: { readonly name: string; readonly share: number };
}

/** Capacity of a plan: tokens and output rows, and sequences if these are kept apart. */
export interface Bucket {
  readonly tokens: number;
  readonly rows: number;
  readonly sequences?: number;
  /** Into how many ranges the tokens may fall that a token sees, if sequences that start alike share their first tokens (shared-prefixes.ts). */
  readonly ranges?: number;
}

/** The most ranges of a token in some buckets: one if they share no prefixes. */
export const mostRangesOf = (buckets: readonly Bucket[]): number =>
  buckets.reduce((most, { ranges = 1 }) => Math.max(most, ranges), 1);

/** The ids of each sequence of a row. */
export function sequencesIn({ ids, starts = [] }: Pick<LabelledTokens, 'ids' | 'starts'>): number[][] {
  const all = Array.from(ids);
  const ends = [...Array.from(starts), all.length];
  return ends.map((end, at) => all.slice(at === 0 ? 0 : ends[at - 1], end));
}

/** How many positions of a sequence predict a supervised label. */
export function countSupervised({ labels }: LabelledTokens): number {
  let count = 0;
  for (let t = 1; t < labels.length; t++) if (labels[t] >= 0) count++;
  return count;
}

/** How many output rows it needs: one for each supervised label, and in a text that is predicted whole for every token except the first. */
function countPredicted(row: LabelledTokens): number {
  if (!row.whole) return countSupervised(row);
  const [first = row.labels.length] = Array.from(row.starts ?? []);
  let count = 0;
  for (let t = 1; t < first; t++) if (row.ids[t] < FIRST_VIRTUAL) count++;
  for (let t = first + 1; t < row.labels.length; t++) if (row.labels[t] >= 0) count++;
  return count;
}

/**
 * The smallest bucket that a set of sequences fits in exactly.
 *
 * @param mostRanges into which the tokens may fall that a token sees: with one, the sequences do not share their first tokens
 */
export function sizeOfRows(rows: readonly LabelledTokens[], mostRanges = 1): Bucket {
  const sequences = rows.reduce((sum, { starts }) => sum + (starts ? 1 + starts.length : 0), 0);
  const { tokens, ranges } =
    mostRanges > 1
      ? sizeOfSharedPrefixes(rows, mostRanges)
      : { tokens: rows.reduce((sum, row) => sum + row.ids.length, 0), ranges: 1 };
  return {
    tokens,
    rows: rows.reduce((sum, row) => sum + countPredicted(row), 0),
    ...(sequences > 0 && { sequences }),
    ...(ranges > 1 && { ranges }),
  };
}

/** Inputs of a plan and the labels that go with its output rows. */
export interface BatchTensors extends TokenInputs {
  readonly labels: Tensor;
  /** u32 [S, 2]: the first output row with a label of each sequence and the one after its last. Where sequences are kept apart. */
  readonly sequenceRanges?: Tensor;
  /** f32 [R]: for rows of texts that are predicted whole, the rows of the micro-batch for each of their tokens; 0 for others. Where a loss reads it. */
  readonly weights?: Tensor;
  /** f32 [S]: 1 if the row of a sequence is desirable, −1 if it is not. Where a loss reads it. */
  readonly desirable?: Tensor;
  /** Inputs that make one vector of each sequence. Missing if the loss reads none. */
  readonly pooled?: PooledInputs;
}

/** Inputs of a loss over vectors of sequences. S here is whole fours. */
interface PooledInputs {
  readonly pooling: Pooling;
  /** f32 [S, M]: what each token contributes to each sequence. */
  readonly weights: Tensor;
  /** f32 [C], all 1: what a vector of length 1 is multiplied with. */
  readonly ones: Tensor;
  /** u32 [S]: for a query the sequence that answers it, CANDIDATE for all others, NO_TEXT for padding (engine/ops/contrastive_loss.ts). */
  readonly roles: Tensor;
}

export interface BatchOptions {
  /** Whether rows are trained that are looked up by id. */
  readonly trainsEmbedding?: boolean;
  /** Whether tokens see all of their sequence, and have types: in an encoder. */
  readonly bothWays?: boolean;
  /** How many tokens before each its layers read by their rows; 0 for none. */
  readonly recent?: number;
}

/** Declares the inputs of a plan for sequences with labels. */
export function batchTensors(
  tape: Tape,
  { tokens: M, rows: R, sequences: S, ranges = 1 }: Bucket,
  { trainsEmbedding = false, bothWays = false, recent = 0 }: BatchOptions = {},
): BatchTensors {
  const input = (shape: number[], label: string): Tensor => tape.pinned(shape, 'u32', label);
  return {
    ids: input([M], 'ids'),
    positions: input([M], 'positions'),
    types: bothWays ? input([M], 'types') : undefined,
    keyRanges: input([M, 2 * ranges], 'key ranges'),
    queryRanges: tape.training ? input([M, 2], 'query ranges') : undefined,
    rows: input([R], 'rows'),
    inverse: tape.training ? input([M], 'inverse rows') : undefined,
    previous: recent > 0 ? input([M, recent], 'previous tokens') : undefined,
    following: recent > 0 && tape.training ? input([M, recent, 2], 'following tokens') : undefined,
    chain: trainsEmbedding ? input([M, 2], 'occurrences') : undefined,
    positionChain: trainsEmbedding ? input([M, 2], 'occurrences of positions') : undefined,
    labels: input([R], 'labels'),
    sequenceRanges: S === undefined ? undefined : input([S, 2], 'ranges of sequences'),
  };
}

/** Where the tokens of sequences lie. A token sees at most so many ranges of them. */
export type LayoutOf = (parts: readonly SequencePart[], mostRanges: number) => PrefixLayout;

/**
 * Writes rows into a plan's inputs.
 *
 * @param layoutOf of rows that may share prefixes: with these shared, if left out
 * @returns the number of supervised tokens
 * @throws Error if the rows have more tokens, supervised tokens or sequences than the inputs have places, or if an encoder's inputs share prefixes
 */
export function writeBatch(
  plan: Plan,
  tensors: BatchTensors,
  sequences: readonly LabelledTokens[],
  layoutOf: LayoutOf = withSharedPrefixes,
): number {
  const M = tensors.ids.size;
  const R = tensors.rows.size;
  const ids = new Uint32Array(M);
  const positions = new Uint32Array(M);
  const keyRanges = new Uint32Array(tensors.keyRanges.size);
  const queryRanges = new Uint32Array(M * 2);
  const recent = (tensors.previous?.size ?? 0) / M;
  const previous = new Uint32Array(M * recent).fill(NO_ROW);
  const rows = new Uint32Array(R).fill(NO_ROW);
  const inverse = new Uint32Array(M).fill(NO_ROW);
  const labels = new Uint32Array(R).fill(NO_LABEL);
  const sequenceRanges = new Uint32Array(tensors.sequenceRanges?.size ?? 0);
  const weights = new Float32Array(tensors.weights?.size ?? 0);
  const desirable = new Float32Array(tensors.desirable?.size ?? 0);
  const roles = new Uint32Array(tensors.pooled?.roles.size ?? 0).fill(NO_TEXT);
  const shares = new Float32Array(tensors.pooled?.weights.size ?? 0);
  // The tokens of an encoder see what follows them, too.
  const bothWays = tensors.types !== undefined;
  const parts = sequenceParts(sequences);
  const columns = tensors.keyRanges.columns;
  if (columns > 2 && bothWays)
    throw new Error('The tokens of an encoder see what follows them, and share nothing');
  const layout = columns > 2 ? layoutOf(parts, columns / 2) : endToEnd(parts);
  if (layout.tokens > M) throw new Error(`${layout.tokens} tokens do not fit in a bucket of ${M}`);
  let r = 0;
  /** The token at m predicts this one. */
  const predict = (m: number, label: number): void => {
    if (r === R) throw new Error(`More than ${R} supervised tokens in this bucket`);
    rows[r] = m;
    inverse[m] = r;
    labels[r] = label;
    r++;
  };
  parts.forEach(({ row, from, to }, s) => {
    const stretches = layout.stretches[s];
    const own = stretches[stretches.length - 1];
    const last = own.place + own.to - own.from;
    /** Where token t of the row lies. */
    const placeOf = (t: number): number => {
      const stretch = stretches.find((one) => t - from < one.to)!;
      return stretch.place + t - from - stretch.from;
    };
    const whole = row.whole === true && from === 0;
    const beginning = r;
    // Output rows without a label come before those with one.
    if (whole)
      for (let t = 1; t < to; t++)
        if (row.labels[t] < 0 && row.ids[t] < FIRST_VIRTUAL) predict(placeOf(t - 1), row.ids[t]);
    const firstRow = r;
    /** What a token sees: starts and ends of ranges, up to itself. */
    const seen: number[] = [];
    for (const { from: begin, to: stop, place, end } of stretches) {
      // A stretch that lies right behind the one before it continues its range.
      if (place !== seen[seen.length - 1]) seen.push(place, place);
      for (let t = from + begin, m = place; t < from + stop; t++, m++) {
        seen[seen.length - 1] = bothWays ? last : m + 1;
        ids[m] = row.ids[t];
        positions[m] = t - from;
        keyRanges.set(seen, m * columns);
        for (let k = 1; k <= Math.min(recent, t - from); k++) previous[m * recent + k - 1] = placeOf(t - k);
        queryRanges.set([bothWays ? place : m, end], m * 2);
      }
    }
    for (let t = from; t < to; t++) {
      const label = t + 1 < row.labels.length ? row.labels[t + 1] : -100;
      if (label >= 0) predict(placeOf(t), label);
    }
    if (whole) weights.fill(1, beginning, r);
    if (!tensors.sequenceRanges) return;
    if (s === tensors.sequenceRanges.rows) throw new Error(`More than ${s} sequences in this bucket`);
    if (tensors.desirable) desirable[s] = row.desirable ? 1 : -1;
    if (tensors.pooled) {
      // The text that answers a query follows it.
      roles[s] = from === 0 ? s + 1 : CANDIDATE;
      writeShares(shares.subarray(s * M, (s + 1) * M), tensors.pooled.pooling, own.place, last);
    }
    sequenceRanges.set([firstRow, r], 2 * s);
  });
  // The rest are sequences of one token, which are not read.
  for (let m = layout.tokens; m < M; m++) {
    keyRanges.set([m, m + 1], m * columns);
    queryRanges.set([m, m + 1], m * 2);
  }
  const predicted = weights.reduce((sum, weight) => sum + weight, 0);
  plan.write(tensors.ids, ids);
  plan.write(tensors.positions, positions);
  plan.write(tensors.keyRanges, keyRanges);
  if (tensors.queryRanges) plan.write(tensors.queryRanges, queryRanges);
  if (tensors.previous) plan.write(tensors.previous, previous);
  if (tensors.following) plan.write(tensors.following, linkFollowing(previous, recent));
  plan.write(tensors.rows, rows);
  if (tensors.inverse) plan.write(tensors.inverse, inverse);
  if (tensors.chain) plan.write(tensors.chain, linkOccurrences(ids));
  if (tensors.positionChain) plan.write(tensors.positionChain, linkOccurrences(positions));
  plan.write(tensors.labels, labels);
  if (tensors.sequenceRanges) plan.write(tensors.sequenceRanges, sequenceRanges);
  if (tensors.weights)
    plan.write(
      tensors.weights,
      weights.map((weight) => (weight * sequences.length) / predicted),
    );
  if (tensors.desirable) plan.write(tensors.desirable, desirable);
  if (tensors.types) plan.write(tensors.types, new Uint32Array(M));
  if (tensors.pooled) {
    plan.write(tensors.pooled.weights, shares);
    plan.write(tensors.pooled.ones, new Float32Array(tensors.pooled.ones.size).fill(1));
    plan.write(tensors.pooled.roles, roles);
  }
  return r;
}

/** Writes what each token contributes to the vector of the text from `start` to `end`. @param shares [M], zeros */
export function writeShares(shares: Float32Array, pooling: Pooling, start: number, end: number): void {
  if (pooling === 'cls') shares[start] = 1;
  else shares.fill(1 / (end - start), start, end);
}
