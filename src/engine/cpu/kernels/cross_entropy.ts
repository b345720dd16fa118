// Cross-entropy of rows of logits against labels, and its gradient in place of the logits.
//
//   rows    l[r] = log Σ_v exp(z[r,v]) − z[r, label]        gradient: z[r,v] ← exp(z[r,v] − log Σ) − [v = label]
//   right   l[r] = [no logit of the row is above that of its label, and none before it is equal], from logits without a gradient
//   total   sum[0] (+)= Σ_r l[r]
//
// z: [R, V] f32, its rows `pitch` apart; what lies between V and pitch has no gradient. labels: [R]; NONE is not supervised: no loss, no
// gradient. A unit is one row. The exponentials of a row replace it while they are added up, so that the gradient only has to scale them.
import { Read, Write } from './common';
import { exponentials, highest, NONE, scaleRow } from './softmax';

@unmanaged
class CrossEntropyArguments {
  z: Write;
  labels: Read;
  losses: Write;
  sum: Write;
  R: i32;
  V: i32;
  pitch: i32;
  gradient: i32;
  accumulate: i32;
}

export function crossEntropyRows(p: CrossEntropyArguments, first: i32, end: i32, _scratch: usize): void {
  for (let r = first; r < end; r++) {
    const row = p.z + ((<usize>r * <usize>p.pitch) << 2);
    const label = load<u32>(p.labels + ((<usize>r) << 2));
    if (label === NONE) {
      store<f32>(p.losses + ((<usize>r) << 2), 0.0);
      if (p.gradient) memory.fill(row, 0, (<usize>p.pitch) << 2);
      continue;
    }
    const at = row + ((<usize>label) << 2);
    const score = <f64>load<f32>(at);
    const top = highest(row, p.V);
    const total = exponentials(row, p.V, top, p.gradient);
    store<f32>(p.losses + ((<usize>r) << 2), <f32>(<f64>top + Math.log(total) - score));
    if (!p.gradient) continue;
    scaleRow(row, p.V, p.pitch, <f32>(1.0 / total));
    store<f32>(at, load<f32>(at) - 1.0);
  }
}

export function crossEntropyRight(p: CrossEntropyArguments, first: i32, end: i32, _scratch: usize): void {
  for (let r = first; r < end; r++) {
    const row = p.z + ((<usize>r * <usize>p.pitch) << 2);
    const label = load<u32>(p.labels + ((<usize>r) << 2));
    let right: f32 = 0.0;
    if (label !== NONE) {
      const score = load<f32>(row + ((<usize>label) << 2));
      // Of equal ones the first is chosen.
      const isFirst = label === 0 || score > highest(row, <i32>label);
      if (isFirst && score === highest(row, p.V)) right = 1.0;
    }
    store<f32>(p.losses + ((<usize>r) << 2), right);
  }
}

/** One unit: the order of the sum is fixed. */
export function crossEntropyTotal(p: CrossEntropyArguments, first: i32, end: i32, _scratch: usize): void {
  if (first === end) return;
  let sum: f64 = p.accumulate ? <f64>load<f32>(p.sum) : 0.0;
  for (let r = 0; r < p.R; r++) sum += <f64>load<f32>(p.losses + ((<usize>r) << 2));
  store<f32>(p.sum, <f32>sum);
}
