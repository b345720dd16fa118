// Each column times a learned factor: y[m,n] = x[m,n] · s[n] (/ d[n]) (+ bias[n]) (+ residual[m,n]).
//
//   scaleColumnsBackward   dx[m,n] (+)= dy[m,n] · s[n] (/ d[n])
//   scaleColumnsFactor     ds[n] += Σ_m dy[m,n] · x[m,n] (/ d[n])
//
// x, y, residual, dy, dx: [M, N]. s, d, bias, ds: [N]. All f32; d is a constant to the gradient. A unit is one row; of scaleColumnsFactor it is
// one column, dealt in multiples of four, and the sum goes down the rows.
import { madd, Read, Write } from './common';
import { at4, put4, store4 } from './vectors';

@unmanaged
class ScaleColumnsArguments {
  x: Read;
  s: Read;
  d: Read;
  bias: Read;
  residual: Read;
  y: Write;
  dy: Read;
  dx: Write;
  ds: Write;
  M: i32;
  N: i32;
  accumulate: i32;
}

/** What columns n … n + 3 are multiplied by. */
function factor(p: ScaleColumnsArguments, n: i32): v128 {
  const s = v128.load(p.s + at4(n));
  return p.d ? f32x4.div(s, v128.load(p.d + at4(n))) : s;
}

export function scaleColumns(p: ScaleColumnsArguments, first: i32, end: i32, _scratch: usize): void {
  for (let m = first; m < end; m++) {
    for (let n = 0; n < p.N; n += 4) {
      const at = at4(m * p.N + n);
      let value = f32x4.mul(v128.load(p.x + at), factor(p, n));
      if (p.bias) value = f32x4.add(value, v128.load(p.bias + at4(n)));
      if (p.residual) value = f32x4.add(value, v128.load(p.residual + at));
      store4(p.y + at, value, p.N - n);
    }
  }
}

export function scaleColumnsBackward(p: ScaleColumnsArguments, first: i32, end: i32, _scratch: usize): void {
  for (let m = first; m < end; m++) {
    for (let n = 0; n < p.N; n += 4) {
      const at = at4(m * p.N + n);
      put4(p.dx + at, f32x4.mul(v128.load(p.dy + at), factor(p, n)), p.N - n, p.accumulate);
    }
  }
}

export function scaleColumnsFactor(p: ScaleColumnsArguments, first: i32, end: i32, _scratch: usize): void {
  for (let n = first; n < end; n += 4) {
    let sum = f32x4.splat(0);
    for (let m = 0; m < p.M; m++) {
      const at = at4(m * p.N + n);
      sum = madd(v128.load(p.dy + at), v128.load(p.x + at), sum);
    }
    if (p.d) sum = f32x4.div(sum, v128.load(p.d + at4(n)));
    put4(p.ds + at4(n), sum, end - n, 1);
  }
}
