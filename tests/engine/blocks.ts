/** Quantised blocks for tests of kernels, in every layout. */
import type { QuantisedType } from '../../src/engine/quantised.ts';
import { isRounded } from '../../src/model/weight-types.ts';
import { float32ToFloat16 } from '../../src/weights/dtypes.ts';
import { LAYOUTS, type QuantisedValues } from '../../src/weights/layouts.ts';
import { quantise } from '../../src/weights/quantise.ts';
import { noise } from './run.ts';

/** Quants of the layouts that numbers are not rounded to: the least, and how many; as in their GGUF types. */
const QUANTS: Partial<Record<QuantisedType, readonly [least: number, count: number]>> = {
  q5_1: [0, 32],
  q2_k: [0, 4],
  q3_k: [0, 8],
  q4_k: [0, 16],
  q5_k: [0, 32],
  q6_k: [-128, 256],
};

/** The sixteen bytes of scales: the least, and how many. */
const SCALES: Partial<Record<QuantisedType, readonly [least: number, count: number]>> = {
  q2_k: [0, 256],
  q3_k: [-32, 64],
  q4_k: [0, 64],
  q5_k: [0, 64],
  q6_k: [-128, 256],
};

/** Noise of about the given spread, rounded to a layout; random blocks where numbers cannot be rounded to it. @param size whole blocks */
export function someBlocks(type: QuantisedType, size: number, seed: number, spread = 1): QuantisedValues {
  if (isRounded(type)) return quantise(Float32Array.from(noise(size, seed, spread)), type);
  const { bits, block, scaleBytes } = LAYOUTS[type];
  // Uniform in −1 … 1, about.
  const random = noise(2 * size, seed, 1 / 3);
  let at = 0;
  const integer = ([least, count]: readonly [number, number]): number =>
    least + Math.min(count - 1, Math.max(0, Math.floor(((random[at++] + 1) / 2) * count)));
  const quants = new Uint8Array((size * bits) / 8);
  for (let i = 0; i < quants.length; i++) {
    const q = integer(QUANTS[type]!);
    quants[i] = bits === 8 ? q : q | (integer(QUANTS[type]!) << 4);
  }
  const scales = new Uint8Array((size / block) * scaleBytes);
  const bytes = SCALES[type];
  const most = Math.max(...QUANTS[type]!.map(Math.abs)) * (bytes ? Math.max(...bytes.map(Math.abs)) : 1);
  for (let first = 0; first < scales.length; first += scaleBytes) {
    const halves = float32ToFloat16(
      Float32Array.of(random[at++], random[at++]).map((x) => (4 * spread * x) / most),
    );
    scales.set(new Uint8Array(halves.buffer), first);
    if (bytes) for (let i = 4; i < scaleBytes; i++) scales[first + i] = integer(bytes);
  }
  return { quants, scales };
}
