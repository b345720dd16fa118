// Sums over the rows of each sequence, and their gradient.
//
//   sequenceSums           y[s] = Σ x[r], r from ranges[s, 0] to ranges[s, 1], the end excluded
//   sequenceSumsBackward   dx[r] = dy[s] for the same rows
//
// x, dx: [R] f32. ranges: [S, 2], each within R; no two that are not empty share a row. y, dy: [S] f32. A unit is a sequence.
import { Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class SequenceSumsArguments {
  x: Read;
  ranges: Read;
  y: Write;
  dy: Read;
  dx: Write;
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
  for (let s = first; s < end; s++) {
    const last = load<i32>(p.ranges + at4(2 * s), 4);
    const dy = load<f32>(p.dy + at4(s));
    for (let r = load<i32>(p.ranges + at4(2 * s)); r < last; r++) store<f32>(p.dx + at4(r), dy);
  }
}
