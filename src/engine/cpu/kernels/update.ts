// One update of a flat range of all trained parameters. An optimiser's own file (src/optimisers/NAME/NAME.kernel.ts) has a class of arguments that
// extends the one here by the planes of state that it keeps, with a method
//
//   updated(at: usize, value: v128, gradient: v128, lr: v128): v128
//
// for the four parameters at a byte of the range, and exports one kernel that calls `update`:
//
//   g ← g · SCALE;  previous ← p;  p ← updated(at, p, g, lr)
//
// Where something was not finite (SCALE 0, see gradient_norm.ts) nothing is updated. `previous` then has the values before the last update, the last
// that are known to give a finite loss. What changes from step to step is data (`hyper`). p, g: [size] f32. A unit is one element; ranges are whole
// vectors.
import { Read, Write } from './common';
import { at4 } from './vectors';

export { Write } from './common';

// Slots of `hyper` that every optimiser has; its own start at OWN: ../../ops/step.ts.
const LR = 2;
const DECAY = 3;
const OWN = 4;
// Slot of `outcome`, which gradient_norm.ts writes.
const SCALE = 2;

@unmanaged
export class UpdateArguments {
  hyper: Read;
  outcome: Read;
  g: Read;
  p: Write;
  previous: Write;
  rateScale: f32;

  /** One of the optimiser's own numbers of the step, as `encode` gives them. */
  own(index: i32): v128 {
    return v128.load32_splat(this.hyper + at4(OWN + index));
  }

  /** Values after the step's weight decay, which is decoupled from the gradient: value · (1 − lr · decay). */
  decayed(value: v128, lr: v128): v128 {
    const decay = v128.load32_splat(this.hyper + at4(DECAY));
    return f32x4.mul(value, f32x4.sub(f32x4.splat(1), f32x4.mul(lr, decay)));
  }
}

export function update<T extends UpdateArguments>(p: T, first: i32, end: i32): void {
  const scale = load<f32>(p.outcome + at4(SCALE));
  if (scale === 0) return;
  const lr = f32x4.splat(load<f32>(p.hyper + at4(LR)) * p.rateScale);
  for (let i = first; i < end; i += 4) {
    const at = at4(i);
    const value = v128.load(p.p + at);
    v128.store(p.previous + at, value);
    const gradient = f32x4.mul(v128.load(p.g + at), f32x4.splat(scale));
    v128.store(p.p + at, p.updated(at, value, gradient, lr));
  }
}
