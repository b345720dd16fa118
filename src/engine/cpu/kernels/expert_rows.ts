// Sorts the choices of all tokens by expert, in their order within an expert.
//
//   offsets[e]   choices of experts below e            rows[s]   the choice of row s            places[rows[s]] = s
//
// chosen: [P]. A unit is an expert: it counts the choices of those below, and its own find their rows.
import { Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class ExpertRowsArguments {
  chosen: Read;
  offsets: Write;
  rows: Write;
  places: Write;
  P: i32;
  E: i32;
}

export function expertRows(p: ExpertRowsArguments, first: i32, end: i32, _scratch: usize): void {
  for (let e = first; e < end; e++) {
    let below = 0;
    for (let i = 0; i < p.P; i++) below += i32(<i32>load<u32>(p.chosen + at4(i)) < e);
    store<u32>(p.offsets + at4(e), <u32>below);
    if (e === p.E - 1) store<u32>(p.offsets + at4(p.E), <u32>p.P);
    for (let i = 0; i < p.P; i++) {
      if (<i32>load<u32>(p.chosen + at4(i)) !== e) continue;
      store<u32>(p.rows + at4(below), <u32>i);
      store<u32>(p.places + at4(i), <u32>below);
      below++;
    }
  }
}
