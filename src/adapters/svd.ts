/**
 * The largest singular values and vectors of matrices on a device, by subspace iteration (Halko et al., 2011): the device multiplies, the
 * host makes rows orthogonal.
 *
 *   Q ← orthogonal rows of (Q · Wᵀ) · W        until the leading vectors stay as they are
 *   Y = Q · Wᵀ      Y · Yᵀ = V · Λ · Vᵀ       σ = √Λ      right = Vᵀ · Q      left = Vᵀ · Y / σ
 *
 * W [N, K]; Q [L, K], with more rows than are wanted, so that the wanted ones converge soon.
 */
import type { Device } from '../engine/device.ts';
import { matmul } from '../engine/ops/matmul.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { Random } from '../random.ts';
import { addScaled, dot, turn } from './vectors.ts';

/** A matrix [N, K], numbers or blocks, and how many of its singular values are wanted. */
export interface RequestedVectors {
  readonly matrix: Tensor;
  readonly rank: number;
  /** f32 [K, 4], for a symmetric matrix: less · lessᵀ is subtracted from it. */
  readonly less?: Tensor;
  /** A first guess of the vectors: orthogonal rows. */
  readonly near?: readonly Float64Array[];
}

/** The largest singular values, largest first, with their vectors as rows. */
export interface Decomposition {
  readonly values: Float64Array;
  /** [rank, N]. */
  readonly left: readonly Float64Array[];
  /** [rank, K]. */
  readonly right: readonly Float64Array[];
}

export interface SvdOptions {
  readonly random: Random;
  /** The number of iterations; if left out, until all vectors have settled. */
  readonly iterations?: number;
  /** A vector has settled once the iterations between two checks turn it by no more than this: the square of the angle, halved. */
  readonly settled?: number;
  /** Called with the number of finished matrices, of all. Throwing ends the search. */
  readonly report?: (done: number, total: number) => void;
}

/** Rows beyond the wanted ones. */
const MORE_ROWS = 28;
const MAX_ITERATIONS = 64;
/** Iterations between two checks: a check costs the host more than an iteration. */
const LOOK_EVERY = 4;
/** The default of `settled`. */
const SETTLED = 1e-11;
/** Matrices that are multiplied in one replay. */
const AT_ONCE = 8;

/**
 * @returns in the order of `wanted`; the same seed gives the same bits on the same device. Awaits the device
 * @throws what `report` throws
 */
export async function leadingVectors(
  device: Device,
  wanted: readonly RequestedVectors[],
  options: SvdOptions,
): Promise<Decomposition[]> {
  const found: Decomposition[] = [];
  const report = (done: number): void => options.report?.(done, wanted.length);
  report(0);
  for (let start = 0; start < wanted.length; start += AT_ONCE)
    found.push(
      ...(await decompose(device, wanted.slice(start, start + AT_ONCE), {
        ...options,
        report: (done) => report(start + done),
      })),
    );
  return found;
}

/** Allocates what a search for these vectors needs and frees it: for a device that only counts. */
export async function planSearch(device: Device, wanted: readonly RequestedVectors[]): Promise<void> {
  for (let start = 0; start < wanted.length; start += AT_ONCE) {
    const { tape } = record(device, wanted.slice(start, start + AT_ONCE));
    (await device.compile(tape, device.createPool())).destroy();
  }
}

/** The tensors of a search. */
interface Recorded {
  readonly wanted: RequestedVectors;
  readonly q: Tensor;
  readonly y: Tensor;
  readonly z: Tensor;
}

interface Search extends Recorded {
  /** Orthogonal rows. */
  basis: Float64Array[];
  found: Decomposition | undefined;
  settled: boolean;
}

function record(device: Device, wanted: readonly RequestedVectors[]): { tape: Tape; recorded: Recorded[] } {
  const tape = new Tape(device);
  const recorded = wanted.map((one): Recorded => {
    const { matrix, rank, less } = one;
    const { rows: N, columns: K } = matrix;
    const L = Math.min(N, K, Math.max(2 * rank, rank + MORE_ROWS));
    const q = tape.pinned([L, K], 'f32', 'rows');
    const y = tape.pinned([L, N], 'f32', 'rows by the transposed matrix');
    const z = tape.pinned([L, K], 'f32', 'rows by the square');
    if (less) {
      multiplySymmetric(tape, { rows: q, matrix, less, c: y });
      multiplySymmetric(tape, { rows: y, matrix, less, c: z });
    } else {
      matmul(tape, { a: q, b: matrix, layout: 'NT', c: y });
      matmul(tape, { a: y, b: matrix, layout: 'NN', c: z });
    }
    return { wanted: one, q, y, z };
  });
  return { tape, recorded };
}

/** c = rows · (matrix − less · lessᵀ). */
function multiplySymmetric(
  tape: Tape,
  { rows, matrix, less, c }: { rows: Tensor; matrix: Tensor; less: Tensor; c: Tensor },
): void {
  const z = matmul(tape, { a: rows, b: less, layout: 'NN' });
  matmul(tape, { a: rows, b: matrix, layout: 'NT', c, lowRank: { z, l: less, scale: -1 } });
}

async function decompose(
  device: Device,
  wanted: readonly RequestedVectors[],
  { random, report, ...until }: Omit<SvdOptions, 'report'> & { readonly report: (done: number) => void },
): Promise<Decomposition[]> {
  const { tape, recorded } = record(device, wanted);
  const searches = recorded.map((one): Search => {
    const [L, K] = one.q.shape;
    const { near = [] } = one.wanted;
    const drawn = Array.from({ length: L }, (_, at) => near.at(at) ?? noise(K, random));
    return { ...one, basis: orthogonal(drawn), found: undefined, settled: false };
  });
  const plan = await device.compile(tape, device.createPool());
  try {
    await iterate(plan, searches, until, report);
  } finally {
    if (!device.failure) await device.settle();
    plan.destroy();
  }
  return searches.map(({ found }) => found!);
}

/** Iterates until the rows have settled, or a given number of times; then finds all vectors. */
async function iterate(
  plan: Plan,
  searches: readonly Search[],
  { iterations, settled = SETTLED }: Pick<SvdOptions, 'iterations' | 'settled'>,
  report: (done: number) => void,
): Promise<void> {
  const last = iterations ?? MAX_ITERATIONS - 1;
  for (let at = 0; at <= last; at++) {
    const open = searches.filter(({ settled }) => !settled);
    for (const { q, basis } of open) plan.write(q, flat(basis));
    plan.run();
    const looks = at === last || (iterations === undefined && at % LOOK_EVERY === LOOK_EVERY - 1);
    for (const search of open) {
      if (looks) look(search, rowsOf(await plan.read(search.y), search.y.columns), settled);
      if (!search.settled && at < last)
        search.basis = orthogonal(rowsOf(await plan.read(search.z), search.z.columns));
    }
    const done = at === last ? searches.length : searches.filter(({ settled }) => settled).length;
    report(done);
    if (done === searches.length) return;
  }
}

function look(search: Search, y: readonly Float64Array[], settled: number): void {
  const found = decomposition(search.basis, y, search.wanted.rank);
  search.settled =
    search.found?.right.every((row, i) => 1 - Math.abs(dot(row, found.right[i])) < settled) ?? false;
  search.found = found;
}

function noise(length: number, random: Random): Float64Array {
  return Float64Array.from({ length }, () => 2 * random.float() - 1);
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

/** Rows that span the same space, each of length 1 (Gram and Schmidt; a second pass if the first takes most of a row, for the digits lost). */
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
 * @param a is overwritten
 */
function symmetric(a: readonly Float64Array[]): { values: Float64Array; vectors: readonly Float64Array[] } {
  const n = a.length;
  const vectors = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)),
  );
  const MAX_SWEEPS = 30;
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
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
