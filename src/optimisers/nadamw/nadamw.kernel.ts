// NAdam (Dozat, 2016) with decoupled weight decay on the CPU engine: see nadamw.wgsl.
import { update, UpdateArguments, Write } from '../../engine/cpu/kernels/update';

/** beta · mean + (1 − beta) · x. */
function blend(beta: v128, mean: v128, x: v128): v128 {
  return f32x4.add(f32x4.mul(beta, mean), f32x4.mul(f32x4.sub(f32x4.splat(1), beta), x));
}

@unmanaged
class NAdamWArguments extends UpdateArguments {
  first: Write;
  second: Write;

  updated(at: usize, value: v128, gradient: v128, lr: v128): v128 {
    const m = blend(this.own(0), v128.load(this.first + at), gradient);
    const v = blend(this.own(1), v128.load(this.second + at), f32x4.mul(gradient, gradient));
    v128.store(this.first + at, m);
    v128.store(this.second + at, v);
    const ahead = f32x4.add(f32x4.mul(this.own(4), gradient), f32x4.mul(this.own(5), m));
    const root = f32x4.add(f32x4.div(f32x4.sqrt(v), this.own(3)), this.own(2));
    return f32x4.sub(this.decayed(value, lr), f32x4.div(f32x4.mul(lr, ahead), root));
  }
}

export function nadamw(p: NAdamWArguments, first: i32, end: i32, _scratch: usize): void {
  update<NAdamWArguments>(p, first, end);
}
