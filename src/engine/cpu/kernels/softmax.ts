// Rows of scores that become probabilities: shared by cross-entropy and log-probabilities.
import { exp1, exp4, max4, sum4 } from './common';

/** The label of a row that has none. */
export const NONE: u32 = 0xffffffff;

/** Vectors whose exponentials are added in f32 before the sum continues in f64: few enough that rounding does not add up. */
const BLOCK: i32 = 64;

/** The largest number of a row; NaN if one is there. */
export function highest(row: usize, V: i32): f32 {
  let top = f32x4.splat(-Infinity);
  let v = 0;
  for (; v <= V - 4; v += 4) top = f32x4.max(top, v128.load(row + ((<usize>v) << 2)));
  let most = max4(top);
  for (; v < V; v++) most = max(most, load<f32>(row + ((<usize>v) << 2)));
  return most;
}

/** Σ exp(z − top) over a row. If kept, the exponentials replace the row's numbers. */
export function exponentials(row: usize, V: i32, top: f32, keep: i32): f64 {
  const t = f32x4.splat(top);
  let total: f64 = 0.0;
  let v = 0;
  while (v <= V - 4) {
    const end = min(v + 4 * BLOCK, V - 3);
    let sum = f32x4.splat(0.0);
    for (; v < end; v += 4) {
      const at = row + ((<usize>v) << 2);
      const e = exp4(f32x4.sub(v128.load(at), t));
      if (keep) v128.store(at, e);
      sum = f32x4.add(sum, e);
    }
    total += <f64>sum4(sum);
  }
  for (; v < V; v++) {
    const at = row + ((<usize>v) << 2);
    const e = exp1(load<f32>(at) - top);
    if (keep) store<f32>(at, e);
    total += <f64>e;
  }
  return total;
}

/** Multiplies the V numbers of a row, and clears its padding. */
export function scaleRow(row: usize, V: i32, pitch: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  let v = 0;
  for (; v <= V - 4; v += 4) {
    const at = row + ((<usize>v) << 2);
    v128.store(at, f32x4.mul(v128.load(at), f));
  }
  for (; v < V; v++) {
    const at = row + ((<usize>v) << 2);
    store<f32>(at, load<f32>(at) * factor);
  }
  for (; v < pitch; v++) store<f32>(row + ((<usize>v) << 2), 0.0);
}
