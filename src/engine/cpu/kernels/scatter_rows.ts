// goal[rows[m], c] = source[m, c], converted: writes of a key or value cache.
//
// source: [M, C]. rows: [M]; those ≥ T are padding and are skipped, and no two of the others may be equal. goal: [T, C]. Both f32 or f16. A unit is a
// row of the source.
import { F32, numberAt, Read, setNumber, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class ScatterRowsArguments {
  source: Read;
  rows: Read;
  goal: Write;
  C: i32;
  T: u32;
  typeSource: i32;
  typeGoal: i32;
}

export function scatterRows(p: ScatterRowsArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let m = first; m < end; m++) {
    const row = load<u32>(p.rows + at4(m));
    if (row >= p.T) continue;
    const from = m * C;
    const to = <i32>row * C;
    if (p.typeSource === p.typeGoal) {
      const shift: usize = p.typeGoal === F32 ? 2 : 1;
      memory.copy(p.goal + ((<usize>to) << shift), p.source + ((<usize>from) << shift), (<usize>C) << shift);
      continue;
    }
    for (let c = 0; c < C; c++)
      setNumber(p.goal, p.typeGoal, to + c, numberAt(p.source, p.typeSource, from + c));
  }
}
