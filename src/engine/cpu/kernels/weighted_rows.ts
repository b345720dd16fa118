// total[firstSlot] −= Σ weights[r] · x[r], and total[secondSlot] likewise. x, weights: [R] f32. All rows are one unit; the sum is f64.
import { Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class WeightedRowsArguments {
  x: Read;
  weights: Read;
  total: Write;
  R: i32;
  firstSlot: i32;
  secondSlot: i32;
}

export function weightedRows(p: WeightedRowsArguments, first: i32, end: i32, _scratch: usize): void {
  if (first === end) return;
  let sum: f64 = 0;
  for (let r = 0; r < p.R; r++) sum += <f64>load<f32>(p.weights + at4(r)) * <f64>load<f32>(p.x + at4(r));
  const one = p.total + at4(p.firstSlot);
  store<f32>(one, <f32>(load<f32>(one) - sum));
  const other = p.total + at4(p.secondSlot);
  store<f32>(other, <f32>(load<f32>(other) - sum));
}
