/**
 * The largest singular values and vectors of matrices on a device, by subspace iteration (Halko et al., 2011): the device multiplies, the
 * host makes rows orthogonal.
 *
 *   Q ← orthogonal rows of (Q · Wᵀ) · W        until the leading vectors stay as they are
 *   Y = Q · Wᵀ      Y · Yᵀ = V · Λ · Vᵀ       σ = √Λ      right = Vᵀ · Q      left = Vᵀ · Y / σ
 *
 * W [N, K]; Q [L, K], with more rows than are wanted, so that the wanted ones converge soon.
 */
import type { Device } from '../../engine/device.ts';
import { matmul } from '../../engine/ops/matmul.ts';
import { Tape } from '../../engine/tape.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { Random } from '../../random.ts';

/** A matrix [N, K], numbers or blocks, and how many of its singular values are wanted. */
export interface Wanted {
  readonly matrix: Tensor;
  readonly rank: number;
}

/** The largest singular values, largest first, with their vectors as rows. */
export interface Decomposition {
  readonly values: Float64Array;
  /** [rank, N]. */
  readonly left: readonly Float64Array[];
  /** [rank, K]. */
  readonly right: readonly Float64Array[];
}

/** Rows beyond those that are wanted. */
const MORE_ROWS = 28;
const MOST_ITERATIONS = 64;
/** Iterations from one look at the vectors to the next: a look takes the host longer than an iteration. */
const LOOK_EVERY = 4;
/** A vector has settled once an iteration turns it by no more than this: the square of the angle, halved. */
const SETTLED = 1e-11;
/** Matrices that are multiplied in one replay. */
const AT_ONCE = 8;

/** @returns in the order of what is wanted; the same seed gives the same bits on the same device. Awaits the device */
export async function leadingVectors(
  device: Device,
  wanted: readonly Wanted[],
  random: Random,
): Promise<Decomposition[]> {
  const found: Decomposition[] = [];
  for (let start = 0; start < wanted.length; start += AT_ONCE)
    found.push(...(await decompose(device, wanted.slice(start, start + AT_ONCE), random)));
  return found;
}

interface Search {
  readonly rank: number;
  readonly q: Tensor;
  readonly y: Tensor;
  readonly z: Tensor;
  /** Orthogonal rows. */
  basis: Float64Array[];
  found: Decomposition | undefined;
  settled: boolean;
}

async function decompose(
  device: Device,
  wanted: readonly Wanted[],
  random: Random,
): Promise<Decomposition[]> {
  const tape = new Tape(device);
  const searches = wanted.map(({ matrix, rank }): Search => {
    const { rows: N, columns: K } = matrix;
    const L = Math.min(N, K, Math.max(2 * rank, rank + MORE_ROWS));
    const q = tape.pinned([L, K], 'f32', 'rows');
    const y = tape.pinned([L, N], 'f32', 'rows by the transposed matrix');
    const z = tape.pinned([L, K], 'f32', 'rows by the square');
    matmul(tape, { a: q, b: matrix, layout: 'NT', c: y });
    matmul(tape, { a: y, b: matrix, layout: 'NN', c: z });
    const drawn = Array.from({ length: L }, () =>
      Float64Array.from({ length: K }, () => 2 * random.float() - 1),
    );
    return { rank, q, y, z, basis: orthogonal(drawn), found: undefined, settled: false };
  });
  const plan = await device.compile(tape, device.createPool());
  for (let done = 1; done <= MOST_ITERATIONS && searches.some(({ settled }) => !settled); done++) {
    for (const { q, basis } of searches) plan.write(q, flat(basis));
    plan.run();
    for (const search of searches) {
      if (search.settled) continue;
      if (done % LOOK_EVERY === 0) {
        const y = rowsOf(await plan.read(search.y), search.y.columns);
        const found = decomposition(search.basis, y, search.rank);
        search.settled = search.found !== undefined && isSettled(search.found, found);
        search.found = found;
      }
      if (!search.settled) search.basis = orthogonal(rowsOf(await plan.read(search.z), search.z.columns));
    }
  }
  await device.settle();
  plan.destroy();
  return searches.map(({ found }) => found!);
}

function isSettled(before: Decomposition, now: Decomposition): boolean {
  return now.right.every((row, i) => 1 - Math.abs(dot(row, before.right[i])) < SETTLED);
}

/** The decomposition that rows Q and Y = Q · Wᵀ give. */
function decomposition(q: readonly Float64Array[], y: readonly Float64Array[], rank: number): Decomposition {
  const { values, vectors } = symmetric(y.map((row) => Float64Array.from(y, (other) => dot(row, other))));
  const leading = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, rank);
  const sigma = Float64Array.from(leading, (i) => Math.sqrt(Math.max(0, values[i])));
  const combined = (rows: readonly Float64Array[], i: number, factor: number): Float64Array => {
    const sum = new Float64Array(rows[0].length);
    rows.forEach((row, j) => addScaled(sum, row, vectors[i][j] * factor));
    return sum;
  };
  return {
    values: sigma,
    right: leading.map((i) => combined(q, i, 1)),
    left: leading.map((i, at) => combined(y, i, sigma[at] > 0 ? 1 / sigma[at] : 0)),
  };
}

/** Rows that span the same, each of length 1 (Gram and Schmidt; once more where a pass takes most of a row, for the digits that it loses). */
function orthogonal(rows: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const given of rows) {
    const row = given.slice();
    let left = dot(row, row);
    for (let pass = 0, before = Infinity; pass < 2 && left < before / 2; pass++) {
      before = left;
      for (const other of done) addScaled(row, other, -dot(row, other));
      left = dot(row, row);
    }
    const length = Math.sqrt(left);
    if (length > 0) for (let i = 0; i < row.length; i++) row[i] /= length;
    done.push(row);
  }
  return done;
}

/**
 * Eigenvalues and eigenvectors (in rows) of a symmetric matrix, by Jacobi's rotations.
 *
 * @param a is used up
 */
function symmetric(a: readonly Float64Array[]): { values: Float64Array; vectors: readonly Float64Array[] } {
  const n = a.length;
  const vectors = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)),
  );
  const MOST_SWEEPS = 30;
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p][q]) <= Number.EPSILON * Math.sqrt(Math.abs(a[p][p] * a[q][q]))) continue;
        rotated = true;
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        rotate(a, vectors, p, q, c, t * c);
      }
    }
    if (!rotated) break;
  }
  return { values: Float64Array.from(a, (row, i) => row[i]), vectors };
}

/** Turns rows and columns p and q of a, and the two vectors. */
function rotate(
  a: readonly Float64Array[],
  vectors: readonly Float64Array[],
  p: number,
  q: number,
  c: number,
  s: number,
): void {
  turn(vectors[p], vectors[q], c, s);
  turn(a[p], a[q], c, s);
  for (const row of a) {
    const x = row[p];
    const y = row[q];
    row[p] = c * x - s * y;
    row[q] = s * x + c * y;
  }
}

function turn(first: Float64Array, second: Float64Array, c: number, s: number): void {
  for (let k = 0; k < first.length; k++) {
    const x = first[k];
    const y = second[k];
    first[k] = c * x - s * y;
    second[k] = s * x + c * y;
  }
}

/** In four sums, none of which waits for another. */
function dot(a: Float64Array, b: Float64Array): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < a.length; i += 4) {
    s += a[i] * b[i];
    t += a[i + 1] * b[i + 1];
    u += a[i + 2] * b[i + 2];
    v += a[i + 3] * b[i + 3];
  }
  for (; i < a.length; i++) s += a[i] * b[i];
  return s + t + (u + v);
}

function addScaled(target: Float64Array, row: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] += factor * row[i];
}

function flat(rows: readonly Float64Array[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(rows.length * rows[0].length);
  rows.forEach((row, i) => out.set(row, i * row.length));
  return out;
}

function rowsOf(buffer: ArrayBuffer, columns: number): Float64Array[] {
  const all = new Float32Array(buffer);
  return Array.from({ length: all.length / columns }, (_, row) =>
    Float64Array.from(all.subarray(row * columns, (row + 1) * columns)),
  );
}
