// Rows times weights that lie in another order.
//
//   scaleRows           y[s, :] (+)= weights[rows[s]] · x[s, :]
//   scaleRowsBackward   dweights[rows[s]] (+)= Σ_f dy[s, f] · x[s, f]
//
// x, y, dy: [P, F] f32. A unit is a row.
import { Read, sum4, Write } from './common';
import { at4, load4, put4 } from './vectors';

@unmanaged
class ScaleRowsArguments {
  x: Read;
  weights: Read;
  rows: Read;
  dy: Read;
  y: Write;
  dweights: Write;
  F: i32;
  accumulate: i32;
}

export function scaleRows(p: ScaleRowsArguments, first: i32, end: i32, _scratch: usize): void {
  const F = p.F;
  for (let s = first; s < end; s++) {
    const w = f32x4.splat(load<f32>(p.weights + at4(<i32>load<u32>(p.rows + at4(s)))));
    const x = p.x + at4(s * F);
    const y = p.y + at4(s * F);
    for (let f = 0; f < F; f += 4) put4(y + at4(f), f32x4.mul(w, v128.load(x + at4(f))), F - f, p.accumulate);
  }
}

export function scaleRowsBackward(p: ScaleRowsArguments, first: i32, end: i32, _scratch: usize): void {
  const F = p.F;
  for (let s = first; s < end; s++) {
    const x = p.x + at4(s * F);
    const dy = p.dy + at4(s * F);
    let sum = f32x4.splat(0);
    for (let f = 0; f < F; f += 4)
      sum = f32x4.add(sum, f32x4.mul(load4(x + at4(f), F - f), load4(dy + at4(f), F - f)));
    const at = p.dweights + at4(<i32>load<u32>(p.rows + at4(s)));
    const before: f32 = p.accumulate ? load<f32>(at) : 0;
    store<f32>(at, before + sum4(sum));
  }
}
