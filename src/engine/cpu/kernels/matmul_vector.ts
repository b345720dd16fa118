// Products of a few rows with a matrix, as in decoding: every number of B is used only a few times.
//
//   C[M,N] = scale · A·Bᵀ  + lowRankScale · Z·Lᵀ  + bias  + residual  (+ C)
//
// A [M,K], B [N,K] as numbers or in blocks, Z [M,R], L [N,R]. A unit is one row of B, which is unpacked to the thread's scratch memory if it is not
// f32, and meets all rows of A there.
import { unpack } from './blocks';
import { F32, madd, Read, sum4, Write } from './common';

@unmanaged
class MatmulVectorArguments {
  a: Read;
  b: Read;
  c: Write;
  z: Read;
  l: Read;
  bias: Read;
  residual: Read;
  M: i32;
  N: i32;
  K: i32;
  R: i32;
  pitchA: i32;
  pitchC: i32;
  pitchZ: i32;
  typeB: i32;
  /** Rows of all of B, if it is the start of a matrix in blocks. */
  rowsB: i32;
  scale: f32;
  lowRankScale: f32;
  accumulate: i32;
}

export function matmulVector(p: MatmulVectorArguments, first: i32, end: i32, scratch: usize): void {
  const K = p.K;
  const size = p.rowsB * K;
  for (let n = first; n < end; n++) {
    let row = p.b + ((<usize>n * <usize>K) << 2);
    if (p.typeB !== F32) {
      row = scratch;
      unpack(p.b, p.typeB, size, n * K, K, row);
    }
    for (let m = 0; m < p.M; m++) {
      let x = dot(p.a + ((<usize>m * <usize>p.pitchA) << 2), row, K) * p.scale;
      if (p.R > 0) {
        const z = p.z + ((<usize>m * <usize>p.pitchZ) << 2);
        x += dot(z, p.l + ((<usize>n * <usize>p.R) << 2), p.R) * p.lowRankScale;
      }
      const at = (<usize>m * <usize>p.pitchC + <usize>n) << 2;
      if (p.bias) x += load<f32>(p.bias + ((<usize>n) << 2));
      if (p.residual) x += load<f32>(p.residual + at);
      if (p.accumulate) x += load<f32>(p.c + at);
      store<f32>(p.c + at, x);
    }
  }
}

/** Σ a · b over K numbers: in sixteen sums side by side, so that no product waits for the one before. */
export function dot(a: usize, b: usize, K: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let k = 0;
  for (; k <= K - 16; k += 16) {
    s0 = madd(v128.load(a), v128.load(b), s0);
    s1 = madd(v128.load(a, 16), v128.load(b, 16), s1);
    s2 = madd(v128.load(a, 32), v128.load(b, 32), s2);
    s3 = madd(v128.load(a, 48), v128.load(b, 48), s3);
    a += 64;
    b += 64;
  }
  for (; k <= K - 4; k += 4) {
    s0 = madd(v128.load(a), v128.load(b), s0);
    a += 16;
    b += 16;
  }
  let sum = sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  for (; k < K; k++) {
    sum += load<f32>(a) * load<f32>(b);
    a += 4;
    b += 4;
  }
  return sum;
}
