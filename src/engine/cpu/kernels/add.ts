// Element by element: y = a + b (residual), y += a (a gradient from a second place), y = a (copy, with conversion).
//
// All tensors have the same number of elements. A unit is one element.
import { F32, numberAt, setNumber, Read, Write } from './common';

@unmanaged
class AddArguments {
  a: Read;
  b: Read;
  y: Write;
  typeA: i32;
  typeY: i32;
}

export function add(p: AddArguments, first: i32, end: i32, _scratch: usize): void {
  let i = first;
  if (p.typeA === F32 && p.typeY === F32) {
    for (; i <= end - 4; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(p.y + at, f32x4.add(v128.load(p.a + at), v128.load(p.b + at)));
    }
  }
  for (; i < end; i++) setNumber(p.y, p.typeY, i, numberAt(p.a, p.typeA, i) + numberAt(p.b, p.typeA, i));
}

export function addInto(p: AddArguments, first: i32, end: i32, _scratch: usize): void {
  let i = first;
  if (p.typeA === F32 && p.typeY === F32) {
    for (; i <= end - 4; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(p.y + at, f32x4.add(v128.load(p.y + at), v128.load(p.a + at)));
    }
  }
  for (; i < end; i++) setNumber(p.y, p.typeY, i, numberAt(p.y, p.typeY, i) + numberAt(p.a, p.typeA, i));
}

export function copy(p: AddArguments, first: i32, end: i32, _scratch: usize): void {
  if (p.typeA === p.typeY) {
    const shift: usize = p.typeA === F32 ? 2 : 1;
    const at = (<usize>first) << shift;
    memory.copy(p.y + at, p.a + at, (<usize>(end - first)) << shift);
    return;
  }
  for (let i = first; i < end; i++) setNumber(p.y, p.typeY, i, numberAt(p.a, p.typeA, i));
}
