// Activations, alone or as a gate (Shazeer, 2020, "GLU variants"):
//
//   SiLU            x · σ(x)                                         y = a(g) · u is SwiGLU
//   GELU by tanh    x · σ(2 · √(2/π) · (x + 0.044715 · x³))          y = a(g) · u is GeGLU;  ½ (1 + tanh z) = σ(2 z)
//   GELU            x · Φ(x),  Φ(x) = ½ (1 + erf(x / √2))            erf by Abramowitz and Stegun, 7.1.26: within 1.5e-7
//   identity        x                                                y = g · u, the bilinear layer
//
//   activate   y = a(g)                  dg (+)= dy · a′(g)
//   gated      y = a(g) · u              dg (+)= dy · u · a′(g)        du (+)= dy · a(g)
//
// with a′(x) = σ · (1 + x · (1 − σ) · k′(x)) for a(x) = x · σ(k(x)), and Φ(x) + x · Φ′(x) for GELU. g, u, y and their gradients: [M, F] f32. A unit is one element. dx is dg.
import { clamped, exp4, Read, Write } from './common';
import { load4, put4, store4 } from './vectors';

@unmanaged
class ActivationArguments {
  g: Read;
  u: Read;
  y: Write;
  dy: Read;
  dx: Write;
  du: Write;
  // 0: SiLU, 1: GELU by tanh, 2: GELU, 3: the identity.
  kind: i32;
  accumulate: i32;
  accumulateUp: i32;
}

const SCALE: f32 = 1.5957691216057308;
const CUBE: f32 = 0.044715;
// σ of this is already 0 or 1 in f32: x³ must not become infinite or be multiplied by zero.
const FLAT: f32 = 30.0;

function sigmoid(v: v128): v128 {
  const one = f32x4.splat(1.0);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(v))));
}

function bounded(x: v128): v128 {
  return clamped(x, -FLAT, FLAT);
}

/** e^(−v²/2). */
function bell(v: v128): v128 {
  return exp4(f32x4.mul(f32x4.splat(-0.5), f32x4.mul(v, v)));
}

/** Φ(v), given e^(−v²/2). */
function normal(v: v128, e: v128): v128 {
  const one = f32x4.splat(1.0);
  const t = f32x4.div(
    one,
    f32x4.add(one, f32x4.mul(f32x4.splat(<f32>(0.3275911 * 0.70710678)), f32x4.abs(v))),
  );
  let sum = f32x4.splat(1.061405429);
  sum = f32x4.add(f32x4.splat(-1.453152027), f32x4.mul(t, sum));
  sum = f32x4.add(f32x4.splat(1.421413741), f32x4.mul(t, sum));
  sum = f32x4.add(f32x4.splat(-0.284496736), f32x4.mul(t, sum));
  sum = f32x4.add(f32x4.splat(0.254829592), f32x4.mul(t, sum));
  const tail = f32x4.mul(f32x4.mul(f32x4.splat(0.5), e), f32x4.mul(t, sum));
  return v128.bitselect(f32x4.sub(one, tail), tail, f32x4.gt(v, f32x4.splat(0.0)));
}

/** a(x) / x. */
function gate(x: v128, kind: i32): v128 {
  if (kind === 3) return f32x4.splat(1.0);
  if (kind === 0) return sigmoid(x);
  const v = bounded(x);
  if (kind === 2) return normal(v, bell(v));
  const square = f32x4.mul(v, v);
  const k = f32x4.mul(v, f32x4.add(f32x4.splat(1.0), f32x4.mul(f32x4.splat(CUBE), square)));
  return sigmoid(f32x4.mul(f32x4.splat(SCALE), k));
}

/** a(x). @param kind as in the arguments */
export function activated(x: v128, kind: i32): v128 {
  return f32x4.mul(x, gate(x, kind));
}

/** a′(x), given s = a(x) / x. */
function slope(x: v128, s: v128, kind: i32): v128 {
  const one = f32x4.splat(1.0);
  if (kind === 3) return one;
  const rest = f32x4.sub(one, s);
  if (kind === 0) return f32x4.mul(s, f32x4.add(one, f32x4.mul(x, rest)));
  const v = bounded(x);
  if (kind === 2) return f32x4.add(s, f32x4.mul(v, f32x4.mul(f32x4.splat(0.3989422804), bell(v))));
  const inner = f32x4.add(one, f32x4.mul(f32x4.splat(3.0 * CUBE), f32x4.mul(v, v)));
  const k = f32x4.mul(f32x4.splat(SCALE), inner);
  return f32x4.mul(s, f32x4.add(one, f32x4.mul(f32x4.mul(v, rest), k)));
}

export function activate(p: ActivationArguments, first: i32, end: i32, _scratch: usize): void {
  for (let i = first; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const x = load4(p.g + at, end - i);
    store4(p.y + at, activated(x, p.kind), end - i);
  }
}

export function activateBackward(p: ActivationArguments, first: i32, end: i32, _scratch: usize): void {
  for (let i = first; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const left = end - i;
    const x = load4(p.g + at, left);
    const d = load4(p.dy + at, left);
    put4(p.dx + at, f32x4.mul(d, slope(x, gate(x, p.kind), p.kind)), left, p.accumulate);
  }
}

export function gated(p: ActivationArguments, first: i32, end: i32, _scratch: usize): void {
  for (let i = first; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const x = load4(p.g + at, end - i);
    store4(p.y + at, f32x4.mul(activated(x, p.kind), load4(p.u + at, end - i)), end - i);
  }
}

export function gatedBackward(p: ActivationArguments, first: i32, end: i32, _scratch: usize): void {
  for (let i = first; i < end; i += 4) {
    const at = (<usize>i) << 2;
    const left = end - i;
    const x = load4(p.g + at, left);
    const d = load4(p.dy + at, left);
    const u = load4(p.u + at, left);
    const s = gate(x, p.kind);
    put4(p.dx + at, f32x4.mul(f32x4.mul(d, u), slope(x, s, p.kind)), left, p.accumulate);
    put4(p.du + at, f32x4.mul(d, f32x4.mul(x, s)), left, p.accumulateUp);
  }
}
