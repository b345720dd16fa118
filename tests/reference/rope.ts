/** Rotary position embedding in float64: pairs (i, i + rotary / 2) of each head turn by position · frequency; the rest stays. */
export interface RopeProblem {
  heads: number;
  headSize: number;
  rotary: number;
  attentionScaling?: number;
}

/** `direction` −1 turns back, which is also the gradient. */
export function rope(
  x: Float64Array,
  positions: ArrayLike<number>,
  frequencies: ArrayLike<number>,
  problem: RopeProblem,
  direction = 1,
): Float64Array {
  const { heads, headSize, rotary, attentionScaling = 1 } = problem;
  const y = x.slice();
  for (let row = 0; row < positions.length * heads; row++) {
    for (let i = 0; i < rotary / 2; i++) {
      const angle = direction * positions[Math.floor(row / heads)] * frequencies[i];
      const a = row * headSize + i;
      const b = a + rotary / 2;
      y[a] = attentionScaling * (x[a] * Math.cos(angle) - x[b] * Math.sin(angle));
      y[b] = attentionScaling * (x[b] * Math.cos(angle) + x[a] * Math.sin(angle));
    }
  }
  return y;
}
