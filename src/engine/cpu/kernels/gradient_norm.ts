// The global norm of all gradients, and the factor that an update multiplies them by: one over the tokens, and clipping.
//
//   normParts   parts[base + unit] = Σ g² of PART elements, in f64: how parameters are grouped must not show in the norm
//   normTotal   stats[NORM] = √Σ parts · rate        rate = 1 / number of supervised tokens: gradients arrive as sums
//               stats[SCALE] = rate · min(1, clip / (norm + 1e-6)), as in PyTorch's clip_grad_norm_; 0 if the norm is not finite
//
// Where the loss or the norm is not finite, neither this step nor any later one updates anything, however late the host learns of it. g: [size] f32.
// normTotal is one unit.
import { Read, Write } from './common';
import { at4, load4 } from './vectors';

@unmanaged
class GradientNormArguments {
  hyper: Read;
  g: Read;
  parts: Write;
  allParts: Read;
  stats: Write;
  size: i32;
  base: i32;
}

/** Elements of a part: as in ../lower/optimiser.ts. */
const PART = 4096;
// Slots of `hyper`, written by the host once a step: ../../ops/step.ts.
const CLIP = 0; // 0: no clipping
const TOKEN_RATE = 1; // 1 / supervised tokens of the step
// Slots of `stats`, read by the host after a step.
const LOSS = 0; // summed over the supervised tokens
const NORM = 1;
const SCALE = 2;
const BROKEN = 3; // not 0 once something was not finite; never cleared

export function normParts(p: GradientNormArguments, first: i32, end: i32, _scratch: usize): void {
  for (let part = first; part < end; part++) {
    const last = min(p.size, (part + 1) * PART);
    let sum0 = f64x2.splat(0);
    let sum1 = f64x2.splat(0);
    for (let i = part * PART; i < last; i += 4) {
      const g = load4(p.g + at4(i), last - i);
      const low = f64x2.promote_low_f32x4(g);
      const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(g, g, 1, 1));
      sum0 = f64x2.add(sum0, f64x2.mul(low, low));
      sum1 = f64x2.add(sum1, f64x2.mul(high, high));
    }
    const sum = f64x2.add(sum0, sum1);
    const whole = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
    store<f64>(p.parts + ((<usize>(p.base + part)) << 3), whole);
  }
}

export function normTotal(p: GradientNormArguments, first: i32, end: i32, _scratch: usize): void {
  if (first === end) return;
  let sum: f64 = 0;
  for (let i = 0; i < p.size; i++) sum += load<f64>(p.allParts + ((<usize>i) << 3));
  const rate = load<f32>(p.hyper + at4(TOKEN_RATE));
  const clip = load<f32>(p.hyper + at4(CLIP));
  const norm = <f32>sqrt<f64>(sum) * rate;
  let scale = rate;
  if (clip > 0) scale *= min<f32>(1, clip / (norm + <f32>1e-6));
  if (!isFinite<f32>(norm) || !isFinite<f32>(load<f32>(p.stats + at4(LOSS))))
    store<f32>(p.stats + at4(BROKEN), 1);
  if (load<f32>(p.stats + at4(BROKEN)) !== 0) scale = 0;
  store<f32>(p.stats + at4(NORM), norm);
  store<f32>(p.stats + at4(SCALE), scale);
}
