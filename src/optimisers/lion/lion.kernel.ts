// Lion (Chen et al., 2023) on the CPU engine: see lion.wgsl.
import { update, UpdateArguments, Write } from '../../engine/cpu/kernels/update';

/** −1, 0 or 1. */
function sign(x: v128): v128 {
  const zero = f32x4.splat(0);
  const positive = v128.and(f32x4.gt(x, zero), f32x4.splat(1));
  return v128.or(positive, v128.and(f32x4.lt(x, zero), f32x4.splat(-1)));
}

/** beta · m + (1 − beta) · g. */
function mean(beta: v128, m: v128, g: v128): v128 {
  return f32x4.add(f32x4.mul(beta, m), f32x4.mul(f32x4.sub(f32x4.splat(1), beta), g));
}

@unmanaged
class LionArguments extends UpdateArguments {
  first: Write;

  updated(at: usize, value: v128, gradient: v128, lr: v128): v128 {
    const m = v128.load(this.first + at);
    v128.store(this.first + at, mean(this.own(1), m, gradient));
    const direction = sign(mean(this.own(0), m, gradient));
    return f32x4.sub(this.decayed(value, lr), f32x4.mul(lr, direction));
  }
}

export function lion(p: LionArguments, first: i32, end: i32, _scratch: usize): void {
  update<LionArguments>(p, first, end);
}
