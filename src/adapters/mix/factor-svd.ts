/**
 * The singular value decomposition of a product of two thin matrices, in float64, without the product itself. ΔW = L · R has a rank of at most their
 * inner size n, so n × n numbers have all of it:
 *
 *   L = Q · S      Rᵀ = P · T      S · Tᵀ = U · Σ · Vᵀ      ΔW = (Q · U · Σ) · (P · V)ᵀ
 *
 * Q and P by Householder's reflections; U, Σ and V by one-sided Jacobi rotations (Golub & Van Loan, Matrix Computations, 5.2 and 8.6), which are exact
 * for small singular values too.
 */
import { addScaled, dot, turn } from '../vectors.ts';

/** ΔW = Σᵢ left[i] · right[i]ᵀ, largest singular value first. */
interface FactorSvd {
  readonly values: Float64Array;
  /** Left singular vectors times their singular values: [count][rows of ΔW]. */
  readonly left: readonly Float64Array[];
  /** Right singular vectors, orthogonal and of length 1: [count][columns of ΔW]. */
  readonly right: readonly Float64Array[];
}

/** @param left columns of L, n vectors of one length @param right rows of R, n vectors of one length; n is at least 1 */
export function factorSvd(left: readonly Float64Array[], right: readonly Float64Array[]): FactorSvd {
  const [l, r] = [decompose(left), decompose(right)];
  // Columns of S · Tᵀ: the j-th is the sum of S's columns, each times T's number in row j.
  const product = Array.from({ length: r.size }, (_, j) => {
    const column = new Float64Array(l.size);
    l.triangle.forEach((one, k) => addScaled(column, one, r.triangle[k][j]));
    return column;
  });
  const vectors = orthogonalise(product);
  const norms = product.map((column) => Math.sqrt(dot(column, column)));
  const order = [...norms.keys()].sort((a, b) => norms[b] - norms[a]).slice(0, Math.min(l.size, r.size));
  return {
    values: Float64Array.from(order, (i) => norms[i]),
    left: order.map((i) => l.times(product[i])),
    right: order.map((i) => r.times(vectors[i])),
  };
}

interface Decomposed {
  /** The number of orthogonal columns: the smaller of the length and the number of vectors. */
  readonly size: number;
  /** Columns of the triangular factor, [n][size]. */
  readonly triangle: readonly Float64Array[];
  /** The orthogonal factor times a vector of `size` numbers. */
  readonly times: (vector: Float64Array) => Float64Array;
}

/** QR by Householder's reflections, which keep Q orthogonal if columns depend on each other. */
function decompose(given: readonly Float64Array[]): Decomposed {
  const columns = given.map((column) => column.slice());
  const size = Math.min(columns.length, columns[0].length);
  const mirrors: Float64Array[] = [];
  for (let i = 0; i < size; i++) {
    const mirror = columns[i].slice();
    mirror.fill(0, 0, i);
    mirror[i] += (mirror[i] < 0 ? -1 : 1) * Math.sqrt(dot(mirror, mirror));
    mirrors.push(mirror);
    for (const column of columns.slice(i)) reflect(column, mirror);
  }
  return {
    size,
    triangle: columns.map((column) => column.slice(0, size)),
    times(vector) {
      const out = new Float64Array(columns[0].length);
      out.set(vector);
      for (const mirror of mirrors.toReversed()) reflect(out, mirror);
      return out;
    },
  };
}

/** Reflects x at the plane across a vector; a vector of zeros changes nothing. */
function reflect(x: Float64Array, across: Float64Array): void {
  const square = dot(across, across);
  if (square > 0) addScaled(x, across, (-2 * dot(across, x)) / square);
}

const MAX_SWEEPS = 60;

/**
 * Turns pairs of columns until all are orthogonal.
 *
 * @param columns are overwritten by U · Σ
 * @returns columns of V
 */
function orthogonalise(columns: readonly Float64Array[]): Float64Array[] {
  const n = columns.length;
  const vectors = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(n);
    row[i] = 1;
    return row;
  });
  const total = columns.reduce((sum, column) => sum + dot(column, column), 0);
  // A column below the rounding of the whole matrix is zero: its direction is noise, which no rotation settles.
  const nothing = Number.EPSILON ** 2 * total;
  for (let sweep = 0, turned = true; turned && sweep < MAX_SWEEPS; sweep++) {
    turned = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const [a, b, both] = [
          dot(columns[p], columns[p]),
          dot(columns[q], columns[q]),
          dot(columns[p], columns[q]),
        ];
        if (Math.min(a, b) <= nothing || Math.abs(both) <= 4 * Number.EPSILON * Math.sqrt(a * b)) continue;
        turned = true;
        const zeta = (b - a) / (2 * both);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const c = 1 / Math.sqrt(1 + t * t);
        turn(columns[p], columns[q], c, t * c);
        turn(vectors[p], vectors[q], c, t * c);
      }
    }
  }
  return vectors;
}
