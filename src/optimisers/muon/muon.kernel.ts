// Muon (Jordan and others, 2024) on the CPU engine: see muon.wgsl. A unit is one element.
import { Read, Write } from '../../engine/cpu/kernels/common';
import { at4, load4, store4 } from '../../engine/cpu/kernels/vectors';

@unmanaged
class MuonArguments {
  hyper: Read;
  outcome: Read;
  x: Read;
  y: Read;
  out: Write;
  momentum: Write;
  p: Write;
  previous: Write;
  size: i32;
  side: i32;
  identity: f32;
  linear: f32;
  square: f32;
  factor: f32;
  rateScale: f32;
}

const EPSILON: f32 = 1e-7;
// Slots of `hyper`: those of every optimiser, then the numbers that muon.ts encodes.
const LR = 2;
const DECAY = 3;
const MOMENTUM = 9;
// Slot of `outcome`, which gradient_norm.ts writes.
const SCALE = 2;

/** a · x + b · y. */
function blend(a: v128, x: v128, b: v128, y: v128): v128 {
  return f32x4.add(f32x4.mul(a, x), f32x4.mul(b, y));
}

export function muon_momentum(p: MuonArguments, first: i32, end: i32, _scratch: usize): void {
  const scale = load<f32>(p.outcome + at4(SCALE));
  if (scale === 0) return;
  const share = v128.load32_splat(p.hyper + at4(MOMENTUM));
  const rest = f32x4.sub(f32x4.splat(1), share);
  for (let i = first; i < end; i += 4) {
    const at = at4(i);
    const left = end - i;
    const gradient = f32x4.mul(load4(p.x + at, left), f32x4.splat(scale));
    const m = blend(share, load4(p.momentum + at, left), rest, gradient);
    store4(p.momentum + at, m, left);
    store4(p.out + at, blend(rest, gradient, share, m), left);
  }
}

export function muon_normalise(p: MuonArguments, first: i32, end: i32, _scratch: usize): void {
  const norm = f32x4.splat(max<f32>(load<f32>(p.y), EPSILON));
  for (let i = first; i < end; i += 4)
    store4(p.out + at4(i), f32x4.div(load4(p.x + at4(i), end - i), norm), end - i);
}

export function muon_polynomial(p: MuonArguments, first: i32, end: i32, _scratch: usize): void {
  const linear = f32x4.splat(p.linear);
  const square = f32x4.splat(p.square);
  for (let i = first; i < end; i += 4) {
    const at = at4(i);
    const left = end - i;
    store4(p.out + at, blend(linear, load4(p.x + at, left), square, load4(p.y + at, left)), left);
  }
  for (let i = first; i < end; i++) {
    if (i / p.side !== i % p.side) continue;
    const at = p.out + at4(i);
    store<f32>(at, load<f32>(at) + p.identity);
  }
}

export function muon_apply(p: MuonArguments, first: i32, end: i32, _scratch: usize): void {
  if (load<f32>(p.outcome + at4(SCALE)) === 0) return;
  const lr = load<f32>(p.hyper + at4(LR)) * p.rateScale;
  const kept = f32x4.splat(<f32>1 - lr * load<f32>(p.hyper + at4(DECAY)));
  const step = f32x4.splat(lr * p.factor);
  for (let i = first; i < end; i += 4) {
    const at = at4(i);
    const left = end - i;
    const value = load4(p.p + at, left);
    store4(p.previous + at, value, left);
    store4(p.p + at, f32x4.sub(f32x4.mul(value, kept), f32x4.mul(step, load4(p.x + at, left))), left);
  }
}
