import type { Layout } from '../../src/engine/ops/matmul.ts';

export interface Product {
  a: Float64Array;
  b: Float64Array;
  layout: Layout;
  M: number;
  N: number;
  K: number;
  scale?: number;
  /** z [M, R], l as b. */
  lowRank?: { z: Float64Array; l: Float64Array; R: number; scale: number };
  bias?: Float64Array;
  residual?: Float64Array;
  /** The previous values of C. */
  before?: Float64Array;
}

/** scale · op(A)·op(B) + lowRank.scale · Z·op(L) + bias + residual + the previous values. */
export function matmul({
  a,
  b,
  layout,
  M,
  N,
  K,
  scale = 1,
  lowRank,
  bias,
  residual,
  before,
}: Product): Float64Array {
  const c = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++)
        sum += a[layout === 'TN' ? k * M + m : m * K + k] * b[layout === 'NT' ? n * K + k : k * N + n];
      sum *= scale;
      if (lowRank) {
        const { z, l, R } = lowRank;
        for (let r = 0; r < R; r++)
          sum += lowRank.scale * z[m * R + r] * l[layout === 'NT' ? n * R + r : r * N + n];
      }
      const i = m * N + n;
      c[i] = sum + (bias?.[n] ?? 0) + (residual?.[i] ?? 0) + (before?.[i] ?? 0);
    }
  }
  return c;
}
