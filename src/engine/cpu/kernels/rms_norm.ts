// RMSNorm (Zhang and Sennrich, 2019), over the last dimension.
//
//   rmsNorm           r[m] = 1 / sqrt(mean_c x[m,c]² + eps)      y[m,c] = x[m,c] · r[m] · gain[c]      gain[c] = scale · (offset + w[c])
//   rmsNormBackward   g[m,c] = dy[m,c] · gain[c]                 dx[m,c] (+)= r · (g − x · r² · mean_c(g · x))
//   rmsNormWeight     dw[c] += scale · Σ_m dy[m,c] · x[m,c] · r[m]
//
// x, y, dy, dx: [M, C]; a norm of each head treats the heads of a token as separate rows. w: [C]. r: [M], saved by the forward. All f32.
// A unit is one row; of rmsNormWeight it is one column, dealt in multiples of four, and the sum goes down the rows.
import { madd, Read, sum4, Write } from './common';
import { at4, load4, put4, store4 } from './vectors';

@unmanaged
class RmsNormArguments {
  x: Read;
  w: Read;
  y: Write;
  r: Write;
  saved: Read;
  dy: Read;
  dx: Write;
  dw: Write;
  M: i32;
  C: i32;
  eps: f32;
  offset: f32;
  scale: f32;
  accumulate: i32;
}

function gain(p: RmsNormArguments, c: i32): v128 {
  return f32x4.mul(f32x4.splat(p.scale), f32x4.add(f32x4.splat(p.offset), load4(p.w + at4(c), p.C - c)));
}

export function rmsNorm(p: RmsNormArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let m = first; m < end; m++) {
    const x = p.x + at4(m * C);
    const y = p.y + at4(m * C);
    let squares = f32x4.splat(0);
    for (let c = 0; c < C; c += 4) {
      const value = load4(x + at4(c), C - c);
      squares = madd(value, value, squares);
    }
    const r: f32 = <f32>1 / sqrt<f32>(sum4(squares) / <f32>C + p.eps);
    store<f32>(p.r + at4(m), r);
    const r4 = f32x4.splat(r);
    for (let c = 0; c < C; c += 4)
      store4(y + at4(c), f32x4.mul(f32x4.mul(v128.load(x + at4(c)), r4), gain(p, c)), C - c);
  }
}

export function rmsNormBackward(p: RmsNormArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let m = first; m < end; m++) {
    const x = p.x + at4(m * C);
    const dy = p.dy + at4(m * C);
    const dx = p.dx + at4(m * C);
    let sum = f32x4.splat(0);
    for (let c = 0; c < C; c += 4)
      sum = madd(f32x4.mul(load4(dy + at4(c), C - c), gain(p, c)), load4(x + at4(c), C - c), sum);
    const r = load<f32>(p.saved + at4(m));
    const r4 = f32x4.splat(r);
    const share = f32x4.splat(r * r * (sum4(sum) / <f32>C));
    for (let c = 0; c < C; c += 4) {
      const g = f32x4.mul(v128.load(dy + at4(c)), gain(p, c));
      const d = f32x4.mul(r4, f32x4.sub(g, f32x4.mul(v128.load(x + at4(c)), share)));
      put4(dx + at4(c), d, C - c, p.accumulate);
    }
  }
}

export function rmsNormWeight(p: RmsNormArguments, first: i32, end: i32, _scratch: usize): void {
  for (let c = first; c < end; c += 4) {
    let sum = f32x4.splat(0);
    for (let m = 0; m < p.M; m++) {
      const at = at4(m * p.C + c);
      const product = f32x4.mul(v128.load(p.dy + at), v128.load(p.x + at));
      sum = madd(product, v128.load32_splat(p.saved + at4(m)), sum);
    }
    put4(p.dw + at4(c), f32x4.mul(f32x4.splat(p.scale), sum), end - c, 1);
  }
}
