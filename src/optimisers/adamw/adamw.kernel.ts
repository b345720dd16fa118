// AdamW (Loshchilov and Hutter, 2019) on the CPU engine: see adamw.wgsl.
import { update, UpdateArguments, Write } from '../../engine/cpu/kernels/update';

@unmanaged
class AdamWArguments extends UpdateArguments {
  first: Write;
  second: Write;

  updated(at: usize, value: v128, gradient: v128, lr: v128): v128 {
    const beta1 = this.own(0);
    const beta2 = this.own(1);
    const one = f32x4.splat(1);
    const square = f32x4.mul(f32x4.mul(f32x4.sub(one, beta2), gradient), gradient);
    const m = f32x4.add(
      f32x4.mul(beta1, v128.load(this.first + at)),
      f32x4.mul(f32x4.sub(one, beta1), gradient),
    );
    const v = f32x4.add(f32x4.mul(beta2, v128.load(this.second + at)), square);
    v128.store(this.first + at, m);
    v128.store(this.second + at, v);
    const root = f32x4.add(f32x4.div(f32x4.sqrt(v), this.own(4)), this.own(2));
    const step = f32x4.div(f32x4.mul(f32x4.div(lr, this.own(3)), m), root);
    return f32x4.sub(this.decayed(value, lr), step);
  }
}

export function adamw(p: AdamWArguments, first: i32, end: i32, _scratch: usize): void {
  update<AdamWArguments>(p, first, end);
}
