import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import { Tensor } from '../tensor.ts';

export interface RopeAttributes {
  heads: number;
  /** Heads of a second matrix; 0 without one. */
  otherHeads: number;
  headSize: number;
  /** Pairs of each head that turn. */
  pairs: number;
  scaling: number;
}

type Common = Record<'positions' | 'inverseFrequencies', Tensor>;

/** Turns `turned` [M, H·D] where it lies, and `other` [M, G·D]. */
export const ropeKind = operationKind<Common & { turned: Tensor; other?: Tensor }, RopeAttributes>('rope');
/** y (+)= x, turned the other way; the same for the other pair. */
export const ropeBackward = operationKind<
  Common & { x: Tensor; y: Tensor; otherX?: Tensor; otherY?: Tensor },
  RopeAttributes & { accumulate: boolean; accumulateOther: boolean }
>('rope.backward');
/** Turns q where it lies; keys[rows[m]] = k turned, values[rows[m]] = v. */
export const ropeIntoCacheKind = operationKind<
  Common & { q: Tensor; k: Tensor; v: Tensor; rows: Tensor; keys: Tensor; values: Tensor },
  RopeAttributes
>('rope.into_cache');

interface RopesOptions {
  headSize: number;
  /** How many numbers of each head turn, from its first; even. All if left out. */
  rotary?: number;
  /** f32 [rotary / 2], external: radians per position of each pair, already scaled as the model wants. */
  inverseFrequencies: Tensor;
  /** Multiplies cosine and sine (YaRN's attention factor). */
  attentionScaling?: number;
}

interface RopeOptions extends RopesOptions {
  heads: number;
}

/** A matrix of heads: [M, H·D]. */
interface Heads {
  readonly x: Tensor;
  readonly heads: number;
}

/**
 * Rotary position embedding (Su and others, 2021), in place: x [M, H·D] in any float type is turned where it lies, and the result is the same memory, so
 * nothing may read x afterwards. positions u32 [M].
 *
 * @throws Error if x is not [M, H·D], if D or `rotary` is odd, or if positions or frequencies have another number of elements
 */
export function rope(tape: Tape, x: Tensor, positions: Tensor, { heads, ...options }: RopeOptions): Tensor {
  return ropes(tape, [{ x, heads }], positions, options)[0];
}

/** The same for one or two matrices of the same rows: queries and keys. @throws Error as `rope` */
export function ropes(
  tape: Tape,
  matrices: readonly [Heads] | readonly [Heads, Heads],
  positions: Tensor,
  options: RopesOptions,
): Tensor[] {
  const attributes = attributesOf(matrices, positions, options);
  const { inverseFrequencies } = options;
  const ys = matrices.map(({ x }) => new Tensor(x.storage, x.shape, x.dtype, x.offset));
  const [turned, other] = ys as [Tensor, Tensor?];
  tape.append(ropeKind, { positions, inverseFrequencies, turned, other }, attributes);

  const backward = (x: Tensor, y: Tensor, heads: number): void => {
    const dy = tape.gradient(y);
    const one = { ...attributes, heads, otherHeads: 0, accumulateOther: false };
    tape.addGradient(x, (dx, accumulate) =>
      tape.append(ropeBackward, { positions, inverseFrequencies, x: dy, y: dx }, { ...one, accumulate }),
    );
  };
  const inputs = matrices.map(({ x }) => x);
  // Other tensors may share the gradient of y (a residual's, for example), so it is not rotated in place.
  tape.record(
    ys.filter((_, i) => inputs[i].requiresGrad),
    inputs,
    () => {
      const [first, second] = matrices;
      if (
        !second ||
        !other ||
        ![first, second].every(({ x }) => x.requiresGrad) ||
        !ys.every((y) => tape.hasGradient(y))
      ) {
        matrices.forEach(({ x, heads }, i) => tape.hasGradient(ys[i]) && backward(x, ys[i], heads));
        return;
      }
      const [x, otherX] = [tape.gradient(turned), tape.gradient(other)];
      tape.addGradient(first.x, (y, accumulate) =>
        tape.addGradient(second.x, (otherY, accumulateOther) =>
          tape.append(
            ropeBackward,
            { positions, inverseFrequencies, x, y, otherX, otherY },
            { ...attributes, accumulate, accumulateOther },
          ),
        ),
      );
    },
  );
  return ys;
}

/**
 * Turns the queries q [M, H·D] in place, and writes the turned keys k and the values v, both [M, G·D], to rows of a cache [T, G·D] of their type: for
 * generation, so without a gradient. A row ≥ T is padding and is skipped. Nothing may read k afterwards.
 *
 * @returns the turned queries
 * @throws Error as `rope`, and if the cache has other columns or the rows are not M
 */
export function ropeIntoCache(
  tape: Tape,
  { q, k, v }: { readonly q: Heads; readonly k: Heads; readonly v: Tensor },
  cache: { readonly keys: Tensor; readonly values: Tensor; readonly rows: Tensor },
  positions: Tensor,
  options: RopesOptions,
): Tensor {
  const attributes = attributesOf([q, k], positions, options);
  const { inverseFrequencies } = options;
  if (
    [cache.keys, cache.values, v].some(({ columns }) => columns !== k.x.columns) ||
    cache.rows.size !== q.x.rows
  )
    throw new Error(`rope: the cache [${cache.keys.shape}] does not fit keys [${k.x.shape}]`);
  const turned = new Tensor(q.x.storage, q.x.shape, q.x.dtype, q.x.offset);
  tape.append(
    ropeIntoCacheKind,
    { positions, inverseFrequencies, q: turned, k: k.x, v, ...cache },
    attributes,
  );
  return turned;
}

function attributesOf(
  matrices: readonly Heads[],
  positions: Tensor,
  { headSize: D, rotary = D, inverseFrequencies, attentionScaling = 1 }: RopesOptions,
): RopeAttributes {
  const M = matrices[0].x.rows;
  const R = rotary / 2;
  for (const { x, heads: H } of matrices)
    if (x.rows !== M || x.columns !== H * D || rotary > D || rotary % 2 !== 0 || D % 2 !== 0)
      throw new Error(`rope: [${x.shape}] is not ${H} heads of ${D} with ${rotary} to turn`);
  if (positions.size !== M || inverseFrequencies.size !== R)
    throw new Error(`rope: ${M} positions and ${R} frequencies are needed`);
  const [heads, otherHeads = 0] = matrices.map((matrix) => matrix.heads);
  return { heads, otherHeads, headSize: D, pairs: R, scaling: attentionScaling };
}
