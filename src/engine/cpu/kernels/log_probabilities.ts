// The log-probabilities of the labels of each row of logits, and the gradient of one label a row in place of the logits.
//
//   forward    y[r,l] = z[r, label[r,l]] − log Σ_v exp(z[r,v])
//   backward   z[r,v] ← sign · weight[r] · ([v = label] − exp(z[r,v] − log Σ))
//
// z: [R, V] f32, its rows `pitch` apart; what lies between V and pitch has no gradient. labels: [R, L]; NONE gives 0 and no gradient. weights: [R], or
// one for all rows if `shared`. A unit is one row.
import { Read, Write } from './common';
import { exponentials, highest, NONE, scaleRow } from './softmax';

@unmanaged
class LogProbabilitiesArguments {
  z: Write;
  labels: Read;
  y: Write;
  weights: Read;
  V: i32;
  pitch: i32;
  /** L. */
  labelsOfRow: i32;
  sign: f32;
  shared: i32;
}

export function logProbabilities(p: LogProbabilitiesArguments, first: i32, end: i32, _scratch: usize): void {
  for (let r = first; r < end; r++) {
    const row = p.z + ((<usize>r * <usize>p.pitch) << 2);
    // A row without a first label has none.
    const start = r * p.labelsOfRow;
    let top: f64 = 0.0;
    let log: f64 = 0.0;
    if (load<u32>(p.labels + ((<usize>start) << 2)) !== NONE) {
      const most = highest(row, p.V);
      top = <f64>most;
      log = Math.log(exponentials(row, p.V, most, 0));
    }
    for (let i = start; i < start + p.labelsOfRow; i++) {
      const label = load<u32>(p.labels + ((<usize>i) << 2));
      const value = label === NONE ? 0.0 : <f64>load<f32>(row + ((<usize>label) << 2)) - top - log;
      store<f32>(p.y + ((<usize>i) << 2), <f32>value);
    }
  }
}

export function logProbabilitiesBackward(
  p: LogProbabilitiesArguments,
  first: i32,
  end: i32,
  _scratch: usize,
): void {
  for (let r = first; r < end; r++) {
    const row = p.z + ((<usize>r * <usize>p.pitch) << 2);
    const label = load<u32>(p.labels + ((<usize>r) << 2));
    if (label === NONE) {
      memory.fill(row, 0, (<usize>p.pitch) << 2);
      continue;
    }
    const weight = p.sign * load<f32>(p.weights + (p.shared ? 0 : (<usize>r) << 2));
    const total = exponentials(row, p.V, highest(row, p.V), 1);
    scaleRow(row, p.V, p.pitch, -weight * <f32>(1.0 / total));
    const at = row + ((<usize>label) << 2);
    store<f32>(at, load<f32>(at) + weight);
  }
}
