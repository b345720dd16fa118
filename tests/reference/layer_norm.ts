/** Layer normalisation and its gradients in float64, straight from the definition. */
export function layerNorm(
  x: Float64Array,
  w: Float64Array,
  b: Float64Array,
  eps: number,
): { y: Float64Array; normal: Float64Array; scale: Float64Array } {
  const C = w.length;
  const scale = new Float64Array(x.length / C);
  const normal = new Float64Array(x.length);
  for (let m = 0; m < scale.length; m++) {
    const row = x.subarray(m * C, (m + 1) * C);
    const mean = row.reduce((sum, value) => sum + value, 0) / C;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / C;
    scale[m] = 1 / Math.sqrt(variance + eps);
    row.forEach((value, c) => (normal[m * C + c] = (value - mean) * scale[m]));
  }
  return { y: normal.map((value, i) => value * w[i % C] + b[i % C]), normal, scale };
}

export function layerNormBackward(
  x: Float64Array,
  w: Float64Array,
  dy: Float64Array,
  eps: number,
): { dx: Float64Array; dw: Float64Array; db: Float64Array } {
  const C = w.length;
  const { normal, scale } = layerNorm(x, w, w, eps);
  const [dw, db] = [new Float64Array(C), new Float64Array(C)];
  const dx = new Float64Array(x.length);
  scale.forEach((factor, m) => {
    let [mean, along] = [0, 0];
    for (let c = 0; c < C; c++) {
      const i = m * C + c;
      dw[c] += dy[i] * normal[i];
      db[c] += dy[i];
      mean += (dy[i] * w[c]) / C;
      along += (dy[i] * w[c] * normal[i]) / C;
    }
    for (let c = 0; c < C; c++) {
      const i = m * C + c;
      dx[i] = factor * (dy[i] * w[c] - mean - normal[i] * along);
    }
  });
  return { dx, dw, db };
}
