// y[m, :] (+)= Σ_j x[places[m · kept + j], :] + residual[m, :]. x: [M · kept, C] f32. y: [M, C] f32. A unit is a row of y.
import { Read, Write } from './common';
import { at4, put4 } from './vectors';

@unmanaged
class ExpertSumArguments {
  x: Read;
  places: Read;
  residual: Read;
  y: Write;
  C: i32;
  kept: i32;
  accumulate: i32;
}

export function expertSum(p: ExpertSumArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let m = first; m < end; m++) {
    const places = p.places + at4(m * p.kept);
    for (let c = 0; c < C; c += 4) {
      let sum = f32x4.splat(0);
      for (let j = 0; j < p.kept; j++) {
        const row = <i32>load<u32>(places + at4(j));
        sum = f32x4.add(sum, v128.load(p.x + at4(row * C + c)));
      }
      if (p.residual) sum = f32x4.add(sum, v128.load(p.residual + at4(m * C + c)));
      put4(p.y + at4(m * C + c), sum, C - c, p.accumulate);
    }
  }
}
