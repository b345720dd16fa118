// LoHa (Hyeon-Woo and others, 2021) on the CPU engine: see loha.wgsl. A unit is one element.
import { Read, Write } from '../../engine/cpu/kernels/common';
import { at4, load4, store4 } from '../../engine/cpu/kernels/vectors';

@unmanaged
class LohaArguments {
  a: Read;
  b: Read;
  y: Write;
  size: i32;
  scale: f32;
}

export function loha_product(p: LohaArguments, first: i32, end: i32, _scratch: usize): void {
  const scale = f32x4.splat(p.scale);
  for (let i = first; i < end; i += 4) {
    const at = at4(i);
    const left = end - i;
    const scaled = f32x4.mul(scale, load4(p.a + at, left));
    store4(p.y + at, f32x4.mul(scaled, load4(p.b + at, left)), left);
  }
}
