// y[i] (+)= weight · x[i], f32. For sums of losses. A unit is one element.
import { Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class ScaledArguments {
  x: Read;
  y: Write;
  weight: f32;
  accumulate: i32;
}

export function scaled(p: ScaledArguments, first: i32, end: i32, _scratch: usize): void {
  for (let i = first; i < end; i++) {
    const y = p.y + at4(i);
    const value = p.weight * load<f32>(p.x + at4(i));
    store<f32>(y, p.accumulate ? load<f32>(y) + value : value);
  }
}
