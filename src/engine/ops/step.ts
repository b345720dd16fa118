/**
 * What the host and the device exchange in a training step, in two small tensors: `hyper` holds the numbers of the step, `stats` its outcome.
 * The optimiser's own numbers follow those that every step has.
 */

/** The numbers of every step, whatever the optimiser. */
interface StepNumbers {
  /** Largest global norm of the gradient; 0 for no clipping. */
  readonly clip: number;
  /** Supervised tokens of the whole step, or another denominator of the objective: gradients arrive as sums. */
  readonly tokens: number;
  readonly lr: number;
  readonly weightDecay: number;
}

/** Sizes of the two tensors, in f32. Where an objective reports more than its loss, its sums follow in `stats` after the common slots. */
export const HYPER_SIZE = 16;
export const STATS_SIZE = 4;
/** The first slot of an objective's own sums. */
export const OWN_SLOT = STATS_SIZE;

/** Slots of the statistics. */
export const LOSS_SLOT = 0;
export const NORM_SLOT = 1;
/** What an update multiplies gradients by; 0 if it may change nothing. */
export const SCALE_SLOT = 2;
/** Not 0 once something was not finite. */
export const BROKEN_SLOT = 3;
/** The first slots are of one step, and the host clears them before it, like those of the objective; BROKEN_SLOT stays. */
export const STEP_SLOTS = 3;

/** `hyper` of one step: clip, 1 / tokens, lr, weight decay, then the optimiser's own numbers. */
export function encodeStep(
  { clip, tokens, lr, weightDecay }: StepNumbers,
  own: readonly number[],
): Float32Array<ArrayBuffer> {
  const hyper = new Float32Array(HYPER_SIZE);
  hyper.set([clip, 1 / tokens, lr, weightDecay, ...own]);
  return hyper;
}
