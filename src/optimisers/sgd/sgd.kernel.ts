// Stochastic gradient descent with momentum on the CPU engine: see sgd.wgsl.
import { update, UpdateArguments, Write } from '../../engine/cpu/kernels/update';

@unmanaged
class SgdArguments extends UpdateArguments {
  first: Write;

  updated(at: usize, value: v128, gradient: v128, lr: v128): v128 {
    const m = f32x4.add(f32x4.mul(this.own(0), v128.load(this.first + at)), gradient);
    v128.store(this.first + at, m);
    return f32x4.sub(this.decayed(value, lr), f32x4.mul(lr, m));
  }
}

export function sgd(p: SgdArguments, first: i32, end: i32, _scratch: usize): void {
  update<SgdArguments>(p, first, end);
}
