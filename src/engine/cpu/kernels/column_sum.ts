// y[n] += Σ_m x[m, n]: the gradient of a bias. x: [M, N]. y: [N]. Both f32. A unit is one column, dealt in multiples of four.
import { Read, Write } from './common';
import { at4, put4 } from './vectors';

@unmanaged
class ColumnSumArguments {
  x: Read;
  y: Write;
  M: i32;
  N: i32;
}

export function columnSum(p: ColumnSumArguments, first: i32, end: i32, _scratch: usize): void {
  for (let n = first; n < end; n += 4) {
    let sum = f32x4.splat(0);
    for (let m = 0; m < p.M; m++) sum = f32x4.add(sum, v128.load(p.x + at4(m * p.N + n)));
    put4(p.y + at4(n), sum, end - n, 1);
  }
}
