// A causal convolution of each channel over the tokens of its sequence, which lie in any order.
//
//   depthwiseConv           y[m, c] = Σ_k w[c, L − 1 − k] · x[p_k(m), c] (+ bias[c])      p_0(m) = m, p_k(m) = previous[m, k − 1]
//   depthwiseConvBackward   dx[m, c] (+)= Σ_k w[c, L − 1 − k] · Σ over all n with p_k(n) = m of dy[n, c]
//   depthwiseConvWeight     dw[c, L − 1 − k] += Σ_m dy[m, c] · x[p_k(m), c]
//
// x, y, dy, dx: [M, C]. w, dw: [C, L]. bias: [C]. All f32. previous: [M, L − 1]; from M on these are rows of `state` [N, C], and NONE adds nothing. following:
// [M, L − 1, 2], the first n with p_k(n) = m, and the next n with the p_k of this one. A unit is one row; of depthwiseConvWeight it is one column, dealt in
// multiples of four.
import { madd, Read, Write } from './common';
import { at4, put4, store4 } from './vectors';

@unmanaged
class DepthwiseConvArguments {
  x: Read;
  w: Read;
  bias: Read;
  previous: Read;
  state: Read;
  y: Write;
  following: Read;
  dy: Read;
  dx: Write;
  dw: Write;
  M: i32;
  C: i32;
  L: i32;
  accumulate: i32;
}

const NONE: u32 = 0xffffffff;

/** What channels c … c + 3 multiply the k-th token before by; past the end, zeros. */
function filter4(p: DepthwiseConvArguments, c: i32, k: i32): v128 {
  const left = p.C - c;
  const step = at4(p.L);
  const at = p.w + at4((c + 1) * p.L - 1 - k);
  let x = v128.load32_zero(at);
  if (left > 1) x = v128.load_lane<f32>(at + step, x, 1);
  if (left > 2) x = v128.load_lane<f32>(at + 2 * step, x, 2);
  if (left > 3) x = v128.load_lane<f32>(at + 3 * step, x, 3);
  return x;
}

/** The row of the k-th token before m, k > 0. */
function before(p: DepthwiseConvArguments, m: i32, k: i32): u32 {
  return load<u32>(p.previous + at4(m * (p.L - 1) + k - 1));
}

export function depthwiseConv(p: DepthwiseConvArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let m = first; m < end; m++) {
    const own = p.x + at4(m * C);
    const y = p.y + at4(m * C);
    for (let c = 0; c < C; c += 4) {
      let sum = f32x4.mul(v128.load(own + at4(c)), filter4(p, c, 0));
      if (p.bias) sum = f32x4.add(sum, v128.load(p.bias + at4(c)));
      for (let k = 1; k < p.L; k++) {
        const row = before(p, m, k);
        if (row === NONE) continue;
        const at = <i32>row < p.M ? p.x + at4(<i32>row * C) : p.state + at4((<i32>row - p.M) * C);
        sum = madd(v128.load(at + at4(c)), filter4(p, c, k), sum);
      }
      store4(y + at4(c), sum, C - c);
    }
  }
}

export function depthwiseConvBackward(
  p: DepthwiseConvArguments,
  first: i32,
  end: i32,
  _scratch: usize,
): void {
  const C = p.C;
  const K = p.L - 1;
  for (let m = first; m < end; m++) {
    for (let c = 0; c < C; c += 4) {
      let sum = f32x4.mul(v128.load(p.dy + at4(m * C + c)), filter4(p, c, 0));
      for (let k = 1; k <= K; k++) {
        const filter = filter4(p, c, k);
        let n = load<u32>(p.following + at4((m * K + k - 1) * 2));
        // A chain has at most M tokens: numbers that are none, such as zeros, must not go round for ever.
        for (let count = 0; count < p.M && n < <u32>p.M; count++) {
          sum = madd(v128.load(p.dy + at4(<i32>n * C + c)), filter, sum);
          n = load<u32>(p.following + at4((<i32>n * K + k - 1) * 2 + 1));
        }
      }
      put4(p.dx + at4(m * C + c), sum, C - c, p.accumulate);
    }
  }
}

export function depthwiseConvWeight(p: DepthwiseConvArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let c = first; c < end; c += 4) {
    for (let k = 0; k < p.L; k++) {
      let sum = f32x4.splat(0);
      for (let m = 0; m < p.M; m++) {
        const row = k === 0 ? <u32>m : before(p, m, k);
        if (row === NONE) continue;
        sum = madd(v128.load(p.dy + at4(m * C + c)), v128.load(p.x + at4(<i32>row * C + c)), sum);
      }
      const step = at4(p.L);
      const at = p.dw + at4((c + 1) * p.L - 1 - k);
      add(at, f32x4.extract_lane(sum, 0));
      if (end - c > 1) add(at + step, f32x4.extract_lane(sum, 1));
      if (end - c > 2) add(at + 2 * step, f32x4.extract_lane(sum, 2));
      if (end - c > 3) add(at + 3 * step, f32x4.extract_lane(sum, 3));
    }
  }
}

function add(at: usize, value: f32): void {
  store<f32>(at, load<f32>(at) + value);
}
