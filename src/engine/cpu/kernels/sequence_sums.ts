// Sums over the rows of each sequence, and their gradient.
//
//   sequenceSums           y[s] = Σ x[r], r from ranges[s, 0] to ranges[s, 1], the end excluded
//   sequenceSumsBackward   dx[r] = dy[s] for the same rows, 0 for rows of no sequence
//
// x, dx: [R] f32. ranges: [S, 2], each within R; no two that are not empty share a row. y, dy: [S] f32. A unit is a sequence; in the backward pass, a row.
import { Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class SequenceSumsArguments {
  x: Read;
  ranges: Read;
  y: Write;
  dy: Read;
  dx: Write;
  S: i32;
}

export function sequenceSums(p: SequenceSumsArguments, first: i32, end: i32, _scratch: usize): void {
  for (let s = first; s < end; s++) {
    const last = load<i32>(p.ranges + at4(2 * s), 4);
    let sum: f64 = 0;
    for (let r = load<i32>(p.ranges + at4(2 * s)); r < last; r++) sum += load<f32>(p.x + at4(r));
    store<f32>(p.y + at4(s), <f32>sum);
  }
}

export function sequenceSumsBackward(p: SequenceSumsArguments, first: i32, end: i32, _scratch: usize): void {
  for (let r = first; r < end; r++) {
    let value: f32 = 0;
    for (let s = 0; s < p.S; s++) {
      const range = p.ranges + at4(2 * s);
      if (r >= load<i32>(range) && r < load<i32>(range, 4)) value = load<f32>(p.dy + at4(s));
    }
    store<f32>(p.dx + at4(r), value);
  }
}
