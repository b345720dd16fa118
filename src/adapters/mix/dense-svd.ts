/**
 * The singular value decomposition of a whole matrix W [N, K], in float64, by the eigenvalues of its smaller square:
 *
 *   W · Wᵀ = U · Σ² · Uᵀ      right = Uᵀ · W / Σ      (or the same of Wᵀ · W if K is smaller)
 *
 * Householder's reflections make the square tridiagonal and implicit QL steps make it diagonal (EISPACK's tred2 and tql2, after Bowdler, Martin, Reinsch
 * & Wilkinson, Numerische Mathematik 11, 1968). Squaring costs half of the digits of the smallest values: those below 1e-8 of the largest are noise. A cut
 * to a rank has the large ones.
 */
import { addScaled, dot, turn } from '../vectors.ts';

/** W ≈ Σᵢ left[i] · right[i]ᵀ, largest singular value first. */
interface DenseSvd {
  /** All of them, min(N, K). */
  readonly values: Float64Array;
  /** Left singular vectors times their singular values: [rank][N]. */
  readonly left: readonly Float64Array[];
  /** Right singular vectors: [rank][K]. */
  readonly right: readonly Float64Array[];
}

/** @param matrix [N, columns] @param rank how many vectors are wanted; fewer come of a smaller matrix */
export function denseSvd(matrix: Float32Array, columns: number, rank: number): DenseSvd {
  const N = matrix.length / columns;
  const wide = N <= columns;
  // The vectors of the smaller side, so that the square is small.
  const vectors = wide
    ? Array.from({ length: N }, (_, n) => Float64Array.from(matrix.subarray(n * columns, (n + 1) * columns)))
    : Array.from({ length: columns }, (_, k) =>
        Float64Array.from({ length: N }, (_, n) => matrix[n * columns + k]),
      );
  const { values, vectors: found } = symmetricEigen(
    vectors.map((row, i) => Float64Array.from(vectors, (other, j) => (j <= i ? dot(row, other) : 0))),
  );
  const order = [...values.keys()].sort((a, b) => values[b] - values[a]);
  const sigma = Float64Array.from(order, (i) => Math.sqrt(Math.max(0, values[i])));
  const short = order.slice(0, rank).map((i) => found[i]);
  const long = short.map((one) => {
    const sum = new Float64Array(vectors[0].length);
    vectors.forEach((row, i) => addScaled(sum, row, one[i]));
    return sum;
  });
  // A wide matrix has σ · right in `long`, a tall one σ · left.
  return wide
    ? {
        values: sigma,
        left: short.map((one, i) => one.map((value) => value * sigma[i])),
        right: long.map((one, i) => one.map((value) => (sigma[i] > 0 ? value / sigma[i] : 0))),
      }
    : { values: sigma, left: long, right: short };
}

/**
 * Eigenvalues of a symmetric matrix, in no order, and its eigenvectors as rows.
 *
 * @param a its lower half, which is overwritten
 */
function symmetricEigen(a: readonly Float64Array[]): { values: Float64Array; vectors: Float64Array[] } {
  const n = a.length;
  const diagonal = new Float64Array(n);
  /** off[i] is next to diagonal[i] and diagonal[i + 1]. */
  const off = new Float64Array(n);
  /** Reflections, the last first: each is I − factor · mirror · mirrorᵀ. */
  const mirrors: { mirror: Float64Array; factor: number }[] = [];
  for (let i = n - 1; i > 0; i--) {
    // Takes row i to one number next to the diagonal.
    const mirror = a[i].slice(0, i);
    const length = Math.sqrt(dot(mirror, mirror));
    diagonal[i] = a[i][i];
    off[i - 1] = mirror[i - 1] > 0 ? -length : length;
    mirror[i - 1] -= off[i - 1];
    const square = dot(mirror, mirror);
    if (square === 0) {
      mirrors.push({ mirror, factor: 0 });
      continue;
    }
    const factor = 2 / square;
    mirrors.push({ mirror, factor });
    const product = new Float64Array(i);
    for (let j = 0; j < i; j++) {
      const row = a[j].subarray(0, j);
      product[j] += dot(row, mirror.subarray(0, j)) + a[j][j] * mirror[j];
      addScaled(product.subarray(0, j), row, mirror[j]);
    }
    for (let j = 0; j < i; j++) product[j] *= factor;
    addScaled(product, mirror, (-factor / 2) * dot(product, mirror));
    for (let j = 0; j < i; j++) {
      const row = a[j].subarray(0, j + 1);
      addScaled(row, product.subarray(0, j + 1), -mirror[j]);
      addScaled(row, mirror.subarray(0, j + 1), -product[j]);
    }
  }
  diagonal[0] = a[0][0];
  const vectors = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(n);
    row[i] = 1;
    return row;
  });
  implicitQl(diagonal, off, vectors);
  for (const vector of vectors)
    for (const { mirror, factor } of mirrors.toReversed())
      addScaled(
        vector.subarray(0, mirror.length),
        mirror,
        -factor * dot(vector.subarray(0, mirror.length), mirror),
      );
  return { values: diagonal, vectors };
}

const MAX_STEPS = 60;

/** Makes a tridiagonal matrix diagonal, and turns the rows of `vectors` with it. */
function implicitQl(d: Float64Array, e: Float64Array, vectors: readonly Float64Array[]): void {
  const n = d.length;
  for (let l = 0; l < n; l++) {
    for (let step = 0; step < MAX_STEPS; step++) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]) > Number.EPSILON * (Math.abs(d[m]) + Math.abs(d[m + 1]))) m++;
      if (m === l) break;
      const half = (d[l + 1] - d[l]) / (2 * e[l]);
      const root = Math.hypot(half, 1);
      let g = d[m] - d[l] + e[l] / (half + (half < 0 ? -root : root));
      let [s, c, p] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const [f, b] = [s * e[i], c * e[i]];
        const r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        const t = (d[i] - g) * s + 2 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
        turn(vectors[i], vectors[i + 1], c, s);
      }
      if (i >= l) continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
}
