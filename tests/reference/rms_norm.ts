/** RMSNorm and its gradients in float64, straight from the definition. */
export function rmsNorm(x: Float64Array, w: Float64Array, C: number, eps: number, offset = 0): Float64Array {
  return x.map((value, i) => value * rstd(x, i, C, eps) * (offset + w[i % C]));
}

export function rmsNormBackward(
  x: Float64Array,
  w: Float64Array,
  dy: Float64Array,
  C: number,
  eps: number,
  offset = 0,
): { dx: Float64Array; dw: Float64Array } {
  const dw = new Float64Array(C);
  const dx = x.map((value, i) => {
    const row = i - (i % C);
    const r = rstd(x, i, C, eps);
    let mean = 0;
    for (let c = 0; c < C; c++) mean += (dy[row + c] * (offset + w[c]) * x[row + c]) / C;
    dw[i % C] += dy[i] * value * r;
    return r * (dy[i] * (offset + w[i % C]) - value * r * r * mean);
  });
  return { dx, dw };
}

function rstd(x: Float64Array, i: number, C: number, eps: number): number {
  const row = i - (i % C);
  let sum = 0;
  for (let c = 0; c < C; c++) sum += x[row + c] ** 2;
  return 1 / Math.sqrt(sum / C + eps);
}
