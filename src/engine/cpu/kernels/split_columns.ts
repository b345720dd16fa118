// Columns start … start + N − 1 of a matrix as a matrix of their own, and back: what a fused projection computes side by side.
//
//   takeColumns   part[m, n] = whole[m, start + n]
//   putColumns    whole[m, start + n] (+)= part[m, n]
//
// whole: [M, C]. part: [M, N]. Both f32. A unit is a row.
import { Read, Write } from './common';
import { at4, put4 } from './vectors';

@unmanaged
class SplitColumnsArguments {
  source: Read;
  goal: Write;
  N: i32;
  C: i32;
  start: i32;
  accumulate: i32;
}

export function takeColumns(p: SplitColumnsArguments, first: i32, end: i32, _scratch: usize): void {
  for (let m = first; m < end; m++)
    memory.copy(p.goal + at4(m * p.N), p.source + at4(m * p.C + p.start), at4(p.N));
}

export function putColumns(p: SplitColumnsArguments, first: i32, end: i32, _scratch: usize): void {
  for (let m = first; m < end; m++) {
    const part = p.source + at4(m * p.N);
    const whole = p.goal + at4(m * p.C + p.start);
    for (let n = 0; n < p.N; n += 4) put4(whole + at4(n), v128.load(part + at4(n)), p.N - n, p.accumulate);
  }
}
