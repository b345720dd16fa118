import source from '../../../shaders/adamw.wgsl?raw';
import type { ParameterStore } from '../parameters.ts';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('adamw', source);

/** Elements that a workgroup of the norm sums up, and the parts that it leaves: one for each thread. */
const SUMMED_ELEMENTS = 64 * 64;
const PARTS = 64;
/** More parts than this are added up once more before the last workgroup takes them all. */
const MANY_PARTS = 16_384;

/** What the optimiser is told each step. */
export interface AdamWStep {
  /** Counts from 1: the power of the bias corrections. */
  step: number;
  lr: number;
  weightDecay: number;
  /** Largest global norm of the gradient; 0 for none. */
  clip: number;
  /** Supervised tokens of the whole step: gradients are divided by it. */
  tokens: number;
}

export const BETA1 = 0.9;
export const BETA2 = 0.999;
export const EPSILON = 1e-8;

/** Sizes of the two small buffers that the optimiser shares with the host, in f32. */
export const HYPER_SIZE = 16;
export const STATS_SIZE = 4;
/** Slots of the statistics. */
export const LOSS_SLOT = 0;
export const NORM_SLOT = 1;
/** The first slots are of one step, and the host clears them before it; the last one stays. */
export const STEP_SLOTS = 3;
export const BROKEN_SLOT = 3;

/** The data of one step, in the order of the slots in adamw.wgsl. */
export function encodeStep({ step, lr, weightDecay, clip, tokens }: AdamWStep): Float32Array<ArrayBuffer> {
  const hyper = new Float32Array(HYPER_SIZE);
  hyper.set([
    lr,
    BETA1,
    BETA2,
    EPSILON,
    weightDecay,
    1 - BETA1 ** step,
    Math.sqrt(1 - BETA2 ** step),
    clip,
    1 / tokens,
  ]);
  return hyper;
}

/**
 * Records clipping and one update of every parameter in the store.
 *
 * @param hyper f32 [HYPER_SIZE], written from `encodeStep`
 * @param stats f32 [STATS_SIZE]; the norm before clipping goes to NORM_SLOT
 */
export function adamw(tape: Tape, store: ParameterStore, hyper: Tensor, stats: Tensor): void {
  gradientNorm(tape, store, hyper, stats);
  for (const { values, gradients, first, second, previous, rateScale } of store.ranges()) {
    tape.dispatch({
      shader,
      entry: 'update',
      tensors: { hyper, outcome: stats, g: gradients, p: values, m: first, v: second, previous },
      params: { size: values.size, base: 0, rateScale },
      workgroups: elementGroups(values.size),
      flops: 16 * values.size,
    });
  }
}

/** Records the global norm and the scale of clipping alone. */
function gradientNorm(tape: Tape, store: ParameterStore, hyper: Tensor, stats: Tensor): void {
  let parts = sumParts(
    tape,
    store.ranges().map(({ gradients }) => gradients),
    true,
  );
  while (parts.size > MANY_PARTS) parts = sumParts(tape, [parts], false);
  tape.dispatch({
    shader,
    entry: 'norm_total',
    tensors: { hyper, all_parts: parts, stats },
    params: { size: parts.size, base: 0, rateScale: 1 },
    workgroups: 1,
    flops: parts.size,
  });
}

/** Sums of squares (or of parts made before) of each thread's elements. */
function sumParts(tape: Tape, tensors: readonly Tensor[], square: boolean): Tensor {
  const counts = tensors.map(({ size }) => Math.ceil(size / SUMMED_ELEMENTS));
  const parts = tape.tensor(
    [counts.reduce((sum, count) => sum + count * PARTS, 0)],
    'f32',
    'parts of the norm',
  );
  let base = 0;
  tensors.forEach((g, index) => {
    tape.dispatch({
      shader,
      entry: 'norm_parts',
      constants: { SQUARE: Number(square) },
      tensors: { g, parts },
      params: { size: g.size, base, rateScale: 1 },
      workgroups: counts[index],
      flops: 2 * g.size,
    });
    base += counts[index] * PARTS;
  });
  return parts;
}
