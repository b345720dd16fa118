// Layer normalisation (Ba, Kiros and Hinton, 2016), over the last dimension.
//
//   layerNorm           n[m,c] = (x[m,c] − mean[m]) · r[m]      y[m,c] = n[m,c] · w[c] + b[c]      r[m] = 1 / sqrt(mean_c (x − mean)² + eps)
//   layerNormBackward   g[m,c] = dy[m,c] · w[c]                 dx[m,c] (+)= r[m] · (g − mean_c g − n · mean_c(g · n))
//   layerNormWeight     dw[c] += Σ_m dy[m,c] · n[m,c]           (db is the sum of dy over m: column_sum.ts)
//
// x, y, dy, dx: [M, C]. w, b: [C]. stats: [M, 2], mean and r, saved by the forward. All f32; the variance is taken around the mean, in a second
// pass, since E[x²] − E[x]² would cancel. A unit is one row; of layerNormWeight it is one column, dealt in multiples of four.
import { madd, Read, sum4, Write } from './common';
import { at4, load4, put4, store4 } from './vectors';

@unmanaged
class LayerNormArguments {
  x: Read;
  w: Read;
  b: Read;
  y: Write;
  stats: Write;
  saved: Read;
  dy: Read;
  dx: Write;
  dw: Write;
  M: i32;
  C: i32;
  eps: f32;
  accumulate: i32;
}

export function layerNorm(p: LayerNormArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let m = first; m < end; m++) {
    const x = p.x + at4(m * C);
    const y = p.y + at4(m * C);
    let sum = f32x4.splat(0);
    for (let c = 0; c < C; c += 4) sum = f32x4.add(sum, load4(x + at4(c), C - c));
    const mean = sum4(sum) / <f32>C;
    const mean4 = f32x4.splat(mean);
    let squares = f32x4.splat(0);
    let c = 0;
    for (; c <= C - 4; c += 4) {
      const value = f32x4.sub(v128.load(x + at4(c)), mean4);
      squares = madd(value, value, squares);
    }
    let all = sum4(squares);
    for (; c < C; c++) {
      const value = load<f32>(x + at4(c)) - mean;
      all += value * value;
    }
    const r: f32 = <f32>1 / sqrt<f32>(all / <f32>C + p.eps);
    store<f32>(p.stats + at4(2 * m), mean);
    store<f32>(p.stats + at4(2 * m), r, 4);
    const r4 = f32x4.splat(r);
    for (let c = 0; c < C; c += 4) {
      const n = f32x4.mul(f32x4.sub(v128.load(x + at4(c)), mean4), r4);
      store4(y + at4(c), f32x4.add(f32x4.mul(n, v128.load(p.w + at4(c))), v128.load(p.b + at4(c))), C - c);
    }
  }
}

export function layerNormBackward(p: LayerNormArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let m = first; m < end; m++) {
    const x = p.x + at4(m * C);
    const dy = p.dy + at4(m * C);
    const dx = p.dx + at4(m * C);
    const mean = v128.load32_splat(p.saved + at4(2 * m));
    const r = v128.load32_splat(p.saved + at4(2 * m), 4);
    let sum = f32x4.splat(0);
    let products = f32x4.splat(0);
    for (let c = 0; c < C; c += 4) {
      // dy is zero past the end of the row, which keeps padding out of both sums.
      const g = f32x4.mul(load4(dy + at4(c), C - c), load4(p.w + at4(c), C - c));
      sum = f32x4.add(sum, g);
      products = madd(g, f32x4.mul(f32x4.sub(load4(x + at4(c), C - c), mean), r), products);
    }
    const meanG = f32x4.splat(sum4(sum) / <f32>C);
    const meanProduct = f32x4.splat(sum4(products) / <f32>C);
    for (let c = 0; c < C; c += 4) {
      const g = f32x4.mul(v128.load(dy + at4(c)), v128.load(p.w + at4(c)));
      const n = f32x4.mul(f32x4.sub(v128.load(x + at4(c)), mean), r);
      const d = f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(n, meanProduct));
      put4(dx + at4(c), f32x4.mul(r, d), C - c, p.accumulate);
    }
  }
}

export function layerNormWeight(p: LayerNormArguments, first: i32, end: i32, _scratch: usize): void {
  for (let c = first; c < end; c += 4) {
    let sum = f32x4.splat(0);
    for (let m = 0; m < p.M; m++) {
      const at = at4(m * p.C + c);
      const centred = f32x4.sub(v128.load(p.x + at), v128.load32_splat(p.saved + at4(2 * m)));
      const n = f32x4.mul(centred, v128.load32_splat(p.saved + at4(2 * m), 4));
      sum = madd(v128.load(p.dy + at), n, sum);
    }
    put4(p.dw + at4(c), sum, end - c, 1);
  }
}
