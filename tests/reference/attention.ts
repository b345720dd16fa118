/** Attention and its gradients in float64, straight from the definition. */
export interface AttentionProblem {
  /** [M, H·D] */
  q: Float64Array;
  /** [N, KV·D] */
  k: Float64Array;
  /** [N, KV·D] */
  v: Float64Array;
  /** [M, 2]: query m sees the keys start … end − 1. */
  keyRanges: ArrayLike<number>;
  heads: number;
  kvHeads: number;
  headSize: number;
  scale: number;
  /** How many of the last keys a query sees; 0 for all. */
  window?: number;
}

export function attention(problem: AttentionProblem): Float64Array {
  const { q, v, headSize: D } = problem;
  const o = new Float64Array(q.length);
  forEachQuery(problem, (query, keys, p) => {
    keys.forEach((key, j) => {
      for (let d = 0; d < D; d++) o[query + d] += p[j] * v[key + d];
    });
  });
  return o;
}

/** The probabilities: [H, M, N], 0 for keys that a query does not see. */
export function attentionMap(problem: AttentionProblem): Float64Array {
  const { q, k, heads: H, kvHeads: KV, headSize: D } = problem;
  const M = q.length / (H * D);
  const N = k.length / (KV * D);
  const map = new Float64Array(H * M * N);
  forEachQuery(problem, (query, keys, p) => {
    const row = query / D;
    const [m, h] = [Math.floor(row / H), row % H];
    keys.forEach((key, j) => (map[(h * M + m) * N + Math.floor(key / (KV * D))] = p[j]));
  });
  return map;
}

export function attentionBackward(
  problem: AttentionProblem,
  dO: Float64Array,
): { dq: Float64Array; dk: Float64Array; dv: Float64Array } {
  const { q, k, v, headSize: D, scale } = problem;
  const dq = new Float64Array(q.length);
  const dk = new Float64Array(k.length);
  const dv = new Float64Array(v.length);
  forEachQuery(problem, (query, keys, p) => {
    const dp = keys.map((key) => dot(dO, query, v, key, D));
    const mean = dp.reduce((sum, value, j) => sum + value * p[j], 0);
    keys.forEach((key, j) => {
      const ds = p[j] * (dp[j] - mean) * scale;
      for (let d = 0; d < D; d++) {
        dq[query + d] += ds * k[key + d];
        dk[key + d] += ds * q[query + d];
        dv[key + d] += p[j] * dO[query + d];
      }
    });
  });
  return { dq, dk, dv };
}

/** Calls `visit` with the index of each query of each head, the indices of its keys, and their probabilities. */
function forEachQuery(
  problem: AttentionProblem,
  visit: (query: number, keys: number[], p: number[]) => void,
): void {
  const { q, k, keyRanges, heads: H, kvHeads: KV, headSize: D, scale, window = 0 } = problem;
  for (let m = 0; m < q.length / (H * D); m++) {
    const start = keyRanges[m * 2];
    const end = keyRanges[m * 2 + 1];
    for (let h = 0; h < H; h++) {
      const query = (m * H + h) * D;
      const keys: number[] = [];
      for (let j = start; j < end; j++) {
        if (window === 0 || end - 1 - j < window) keys.push((j * KV + Math.floor(h / (H / KV))) * D);
      }
      const scores = keys.map((key) => scale * dot(q, query, k, key, D));
      const top = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      visit(
        query,
        keys,
        weights.map((weight) => weight / total),
      );
    }
  }
}

function dot(a: Float64Array, atA: number, b: Float64Array, atB: number, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += a[atA + i] * b[atB + i];
  return sum;
}
