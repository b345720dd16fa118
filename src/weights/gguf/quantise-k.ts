/**
 * Numbers → Q4_K, Q5_K and Q6_K, as quantize_row_q…_K_ref of ggml/src/ggml-quants.c makes them without an importance matrix. Every step is rounded to
 * f32 in the same order, so that the bytes are the same. The reverse is k-quants.ts.
 *
 * A run's scale is searched: each of some twenty scales around max / levels gives quants, a weighted least-squares fit gives the scale (and minimum)
 * that suits those quants best, and the one with the least weighted error is kept.
 */
import { BLOCKS } from '../blocks.ts';
import { float16At, float32ToFloat16 } from '../half.ts';

const VALUES = 256;
const round = Math.fround;
/** Adding it to an f32 leaves the nearest whole number in its low bits, ties to even. */
const MAGIC = 12_582_912;
const nearest = (value: number): number => round(value + MAGIC) - MAGIC;
const within = (value: number, min: number, max: number): number =>
  value < min ? min : value > max ? max : value;
const TENTH = round(0.1);
/** Runs with smaller numbers become zeros. */
const MIN = 1e-15;

/** How a type with minima searches for scales: from `first` tenths more than `levels` on, in `steps` tenths. */
interface Search {
  readonly levels: number;
  readonly first: number;
  readonly steps: number;
}

const RUN = 32;

/** Buffers of a search, made once. */
const weights = new Float32Array(RUN);
const trial = new Uint8Array(RUN);

/** Scale and minimum (≥ 0, to be taken off) of 32 values. */
function scaleAndMinimum(
  x: Float32Array,
  start: number,
  { levels, first, steps }: Search,
): readonly [scale: number, minimum: number] {
  let squares = 0;
  for (let i = start; i < start + RUN; i++) squares = round(squares + round(x[i] * x[i]));
  const typical = round(Math.sqrt(round(squares / RUN)));
  for (let i = 0; i < RUN; i++) weights[i] = typical + Math.abs(x[start + i]);

  let [min, max] = [x[start], x[start]];
  let sumW = weights[0];
  let sumX = round(sumW * x[start]);
  for (let i = 1; i < RUN; i++) {
    const value = x[start + i];
    if (value < min) min = value;
    if (value > max) max = value;
    sumW = round(sumW + weights[i]);
    sumX = round(sumX + round(weights[i] * value));
  }
  if (min > 0) min = 0;
  if (max === min) return [0, -min];
  const fill = (inverse: number): void => {
    for (let i = 0; i < RUN; i++)
      trial[i] = within(nearest(round(inverse * round(x[start + i] - min))), 0, levels);
  };
  const errorOf = (scale: number, minimum: number): number => {
    let error = 0;
    for (let i = 0; i < RUN; i++) {
      const off = round(round(round(scale * trial[i]) + minimum) - x[start + i]);
      error = round(error + round(weights[i] * round(off * off)));
    }
    return error;
  };
  const inverse = round(levels / round(max - min));
  let scale = round(1 / inverse);
  fill(inverse);
  let best = errorOf(scale, min);
  for (let step = 0; step <= steps; step++) {
    fill(round(round(round(first + round(TENTH * step)) + levels) / round(max - min)));
    let [sumL, sumL2, sumXL] = [0, 0, 0];
    for (let i = 0; i < RUN; i++) {
      const weighted = round(weights[i] * trial[i]);
      sumL = round(sumL + weighted);
      sumL2 = round(sumL2 + round(weighted * trial[i]));
      sumXL = round(sumXL + round(weighted * x[start + i]));
    }
    const determinant = round(round(sumW * sumL2) - round(sumL * sumL));
    if (!(determinant > 0)) continue;
    let fitted = round(round(round(sumW * sumXL) - round(sumX * sumL)) / determinant);
    let minimum = round(round(round(sumL2 * sumX) - round(sumL * sumXL)) / determinant);
    if (minimum > 0) {
      minimum = 0;
      fitted = round(sumXL / sumL2);
    }
    const error = errorOf(fitted, minimum);
    if (error < best) [best, scale, min] = [error, fitted, minimum];
  }
  return [scale, -min];
}

const scales = new Float32Array(VALUES / RUN);
const minima = new Float32Array(VALUES / RUN);
const quants = new Uint8Array(VALUES);

/** The common part of Q4_K and Q5_K: d dmin scales[12] of a block at byte `at`, and its quants into `quants`. */
function withMinima(x: Float32Array, start: number, search: Search, out: Uint8Array, at: number): void {
  for (let run = 0; run < scales.length; run++)
    [scales[run], minima[run]] = scaleAndMinimum(x, start + run * RUN, search);
  const [mostScale, mostMinimum] = [Math.max(0, ...scales), Math.max(0, ...minima)];
  const inScale = mostScale > 0 ? round(63 / mostScale) : 0;
  const inMinimum = mostMinimum > 0 ? round(63 / mostMinimum) : 0;
  const six = (value: number): number => within(nearest(value), 0, 63);
  for (let run = 0; run < scales.length; run++) {
    const [s, m] = [six(round(inScale * scales[run])), six(round(inMinimum * minima[run]))];
    if (run < 4) {
      out[at + 4 + run] = s;
      out[at + 8 + run] = m;
    } else {
      out[at + 8 + run] = (s & 15) | ((m & 15) << 4);
      out[at + run] |= (s >> 4) << 6;
      out[at + 4 + run] |= (m >> 4) << 6;
    }
    [scales[run], minima[run]] = [s, m];
  }
  setHalf(out, at, round(mostScale / 63));
  setHalf(out, at + 2, round(mostMinimum / 63));
  const [d, dmin] = [float16At(out, at), float16At(out, at + 2)];
  for (let run = 0; run < scales.length; run++) {
    const [scale, minimum] = [round(d * scales[run]), round(dmin * minima[run])];
    for (let i = run * RUN; i < (run + 1) * RUN; i++) {
      const q = scale === 0 ? 0 : nearest(round(round(x[start + i] + minimum) / scale));
      quants[i] = within(q, 0, search.levels);
    }
  }
}

/** d dmin scales[12] qs[128]. */
function q4(x: Float32Array, start: number, out: Uint8Array, at: number): void {
  withMinima(x, start, { levels: 15, first: -1, steps: 20 }, out, at);
  for (let i = 0; i < VALUES; i++)
    out[at + 16 + (i >> 6) * 32 + (i & 31)] |= quants[i] << (((i >> 5) & 1) * 4);
}

/** d dmin scales[12] qh[32] qs[128]. */
function q5(x: Float32Array, start: number, out: Uint8Array, at: number): void {
  withMinima(x, start, { levels: 31, first: -0.5, steps: 15 }, out, at);
  for (let i = 0; i < VALUES; i++) {
    out[at + 16 + (i & 31)] |= (quants[i] >> 4) << (i >> 5);
    out[at + 48 + (i >> 6) * 32 + (i & 31)] |= (quants[i] & 15) << (((i >> 5) & 1) * 4);
  }
}

const SMALL_RUN = 16;
const LEVELS = 32;

/** The signed scale of 16 values around zero, whose quants go from −32 to 31; weighted by the squares of the values. */
function signedScale(x: Float32Array, start: number): number {
  let largest = 0;
  for (let i = start; i < start + SMALL_RUN; i++) if (Math.abs(x[i]) > Math.abs(largest)) largest = x[i];
  if (Math.abs(largest) < MIN) return 0;
  const sums = (inverse: number): readonly [xl: number, l2: number] => {
    let [xl, l2] = [0, 0];
    for (let i = start; i < start + SMALL_RUN; i++) {
      const l = within(nearest(round(inverse * x[i])), -LEVELS, LEVELS - 1);
      const weight = round(x[i] * x[i]);
      xl = round(xl + round(round(weight * x[i]) * l));
      l2 = round(l2 + round(round(weight * l) * l));
    }
    return [xl, l2];
  };
  const [xl, l2] = sums(round(-LEVELS / largest));
  let scale = l2 === 0 ? 0 : round(xl / l2);
  let best = round(scale * xl);
  for (let step = -9; step <= 9; step++) {
    if (step === 0) continue;
    const [xl, l2] = sums(round(-round(LEVELS + round(TENTH * step)) / largest));
    if (!(l2 > 0 && round(xl * xl) > round(best * l2))) continue;
    scale = round(xl / l2);
    best = round(scale * xl);
  }
  return scale;
}

const smallScales = new Float32Array(VALUES / SMALL_RUN);

/** ql[128] qh[64] scales[16] d. */
function q6(x: Float32Array, start: number, out: Uint8Array, at: number): void {
  let max = 0;
  for (let run = 0; run < smallScales.length; run++) {
    const scale = signedScale(x, start + run * SMALL_RUN);
    smallScales[run] = scale;
    if (Math.abs(scale) > Math.abs(max)) max = scale;
  }
  if (Math.abs(max) < MIN) return;
  const inverse = round(-128 / max);
  setHalf(out, at + 208, round(1 / inverse));
  const d = float16At(out, at + 208);
  for (let run = 0; run < smallScales.length; run++) {
    const scale = Math.min(127, nearest(round(inverse * smallScales[run])));
    out[at + 192 + run] = scale;
    const factor = round(d * scale);
    for (let i = run * SMALL_RUN; i < (run + 1) * SMALL_RUN; i++) {
      const l = factor === 0 ? 0 : within(nearest(round(x[start + i] / factor)), -LEVELS, LEVELS - 1);
      const quant = l + LEVELS;
      // 128 values: 64 bytes of low bits, 32 bytes with four times two high bits.
      const part = (i >> 5) & 3;
      const half = i >> 7;
      out[at + half * 64 + (part & 1) * 32 + (i & 31)] |= (quant & 15) << ((part >> 1) * 4);
      out[at + 128 + half * 32 + (i & 31)] |= (quant >> 4) << (part * 2);
    }
  }
}

const halfOf = new Float32Array(1);
function setHalf(out: Uint8Array, at: number, value: number): void {
  halfOf[0] = value;
  const [bits] = float32ToFloat16(halfOf);
  out[at] = bits & 255;
  out[at + 1] = bits >> 8;
}

type OneBlock = (x: Float32Array, start: number, out: Uint8Array, at: number) => void;

const blocks =
  (type: 'Q4_K' | 'Q5_K' | 'Q6_K', one: OneBlock) =>
  (values: Float32Array): Uint8Array<ArrayBuffer> => {
    const { bytes } = BLOCKS[type];
    const out = new Uint8Array((values.length / VALUES) * bytes);
    for (let block = 0; block * bytes < out.length; block++) one(values, block * VALUES, out, block * bytes);
    return out;
  };

export const kQuantisers = {
  Q4_K: blocks('Q4_K', q4),
  Q5_K: blocks('Q5_K', q5),
  Q6_K: blocks('Q6_K', q6),
};
