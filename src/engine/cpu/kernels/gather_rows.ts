// y[r, :] (+)= x[rows[r], :], and zero if rows[r] is NONE.
//
// Its backward is itself with the inverse map: dx[m, :] = dy[inverse[m], :], because no row is taken twice. x: [M, C] f32. rows: [R]. y: [R, C] f32.
// A unit is a row of y.
import { Read, Write } from './common';
import { at4, put4 } from './vectors';

@unmanaged
class GatherRowsArguments {
  x: Read;
  rows: Read;
  y: Write;
  C: i32;
  accumulate: i32;
}

const NONE: u32 = 0xffffffff;

export function gatherRows(p: GatherRowsArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let r = first; r < end; r++) {
    const row = load<u32>(p.rows + at4(r));
    const y = p.y + at4(r * C);
    if (row === NONE) {
      if (!p.accumulate) memory.fill(y, 0, at4(C));
      continue;
    }
    const x = p.x + at4(<i32>row * C);
    for (let c = 0; c < C; c += 4) put4(y + at4(c), v128.load(x + at4(c)), C - c, p.accumulate);
  }
}
