// The length of each row: y[m] = sqrt(Σ_c x[m,c]²). x: [M, C]. y: [M]. Both f32. A unit is a row.
import { madd, Read, sum4, Write } from './common';
import { at4, load4 } from './vectors';

@unmanaged
class RowNormArguments {
  x: Read;
  y: Write;
  C: i32;
}

export function rowNorm(p: RowNormArguments, first: i32, end: i32, _scratch: usize): void {
  for (let m = first; m < end; m++) {
    const x = p.x + at4(m * p.C);
    let sum = f32x4.splat(0);
    for (let c = 0; c < p.C; c += 4) {
      const value = load4(x + at4(c), p.C - c);
      sum = madd(value, value, sum);
    }
    store<f32>(p.y + at4(m), sqrt<f32>(sum4(sum)));
  }
}
