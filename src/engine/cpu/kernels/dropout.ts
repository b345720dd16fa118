// Inverted dropout: y (+)= x / (1 − P) if kept, 0 if dropped.
//
// Whether an element is kept is a hash of (seed of the step, salt of the place, index of the element), the same as in dropout.wgsl: no state, so that a
// step can be replayed exactly, a checkpointed layer drops the same elements twice, and the backward is the same kernel on dy.
// x, y: any equal shape, f32. A unit is one element, dealt in multiples of four. The hash is PCG's output function in a chain (Jarzynski and Olano,
// 2020).
import { Read, Write } from './common';
import { at4, load4, put4 } from './vectors';

@unmanaged
class DropoutArguments {
  x: Read;
  seed: Read;
  y: Write;
  salt: u32;
  probability: f32;
  accumulate: i32;
}

const FACTOR: u32 = 747796405;
const INCREMENT: u32 = 2891336453;
const OUTPUT: u32 = 277803737;

function pcg(value: u32): u32 {
  const state = value * FACTOR + INCREMENT;
  const word = ((state >> ((state >> 28) + 4)) ^ state) * OUTPUT;
  return (word >> 22) ^ word;
}

/** x, or x shifted right if the bit of `amount` is set. */
function shiftedBy(x: v128, amount: v128, bit: i32): v128 {
  const mask = i32x4.splat(bit);
  return v128.bitselect(i32x4.shr_u(x, bit), x, i32x4.eq(v128.and(amount, mask), mask));
}

/** `pcg` of four numbers. Lanes have no shift of their own, so each bit of the amount is one of its own for all. */
function pcg4(value: v128): v128 {
  const state = i32x4.add(i32x4.mul(value, i32x4.splat(FACTOR)), i32x4.splat(INCREMENT));
  const amount = i32x4.shr_u(state, 28);
  let word = i32x4.shr_u(state, 4);
  word = shiftedBy(word, amount, 1);
  word = shiftedBy(word, amount, 2);
  word = shiftedBy(word, amount, 4);
  word = shiftedBy(word, amount, 8);
  word = i32x4.mul(v128.xor(word, state), i32x4.splat(OUTPUT));
  return v128.xor(i32x4.shr_u(word, 22), word);
}

export function dropout(p: DropoutArguments, first: i32, end: i32, _scratch: usize): void {
  const place = i32x4.splat(pcg(p.salt + pcg(load<u32>(p.seed))));
  const kept = f32x4.splat(<f32>1 - p.probability);
  for (let i = first; i < end; i += 4) {
    const at = at4(i);
    const index = i32x4.add(i32x4.splat(i), i32x4(0, 1, 2, 3));
    const hash = i32x4.shr_u(pcg4(i32x4.add(index, place)), 8);
    const uniform = f32x4.mul(f32x4.convert_i32x4_u(hash), f32x4.splat(5.9604644775390625e-8));
    const stays = f32x4.ge(uniform, f32x4.splat(p.probability));
    const value = v128.and(f32x4.div(load4(p.x + at, end - i), kept), stays);
    put4(p.y + at, value, end - i, p.accumulate);
  }
}
