/** The disk space of a run's states, known before its first step: a state, and the next one, which is written before the old one is deleted. */
import type { ParameterSpec } from '../engine/parameters.ts';
import { sizeOf } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { formatBytes } from '../numbers.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import type { TrainedSubject } from './trainable.ts';

const BYTES_PER_NUMBER = Float32Array.BYTES_PER_ELEMENT;
/** Log-probabilities of a row by a reference policy. */
const REFERENCE_NUMBERS = 2;

/**
 * Bytes of a saved state: the values, the optimiser's state, the best values if there is validation, and the reference.
 *
 * @throws Error as `optimiserOf` and `objectiveOf`
 */
export function savedStateBytes(
  {
    trainable,
    options,
  }: Pick<TrainedSubject, 'options'> & { readonly trainable: Pick<TrainedSubject['trainable'], 'store'> },
  { train, validation }: { readonly train: { length: number }; readonly validation: { length: number } },
): number {
  const { planes, planesOf = () => planes } = optimiserOf(options.optimiser);
  const sum = (of: (spec: ParameterSpec) => number): number =>
    trainable.store.specs.reduce((total, spec) => total + sizeOf(spec.shape) * of(spec), 0);
  const numbers = sum(() => 1);
  const state = sum((spec) => planesOf(spec).length);
  const best = validation.length > 0 && options.evalEvery > 0 ? 1 : 0;
  const { reference, samples } = objectiveOf(options.objective);
  const start = samples && options.reference === 'start' ? 1 : 0;
  const compared = reference ? train.length + validation.length : 0;
  return BYTES_PER_NUMBER * (state + numbers * (1 + best + start) + REFERENCE_NUMBERS * compared);
}

export interface Room {
  /** Bytes of one state. */
  readonly state: number;
  /** Bytes that are free. */
  readonly free: number;
  /** States of this run that are stored already. */
  readonly saved: number;
  /** The place, as a part of a sentence: `in out/run`. */
  readonly where: string;
  /** How to get room there, as a sentence. @param missing how much */
  readonly remedy: (missing: string) => string;
}

/** @throws GraftError `run-room` if the states of a run do not fit, saying how much is missing */
export function checkRoom({ state, free, saved, where, remedy }: Room): void {
  const needed = state * Math.max(0, 2 - saved);
  if (free >= needed) return;
  throw new GraftError(
    'run-room',
    `The run saves its state ${where} as it goes: ${formatBytes(state)}, and as much again while it is replaced. That needs ${formatBytes(needed)}${
      saved > 0 ? ' more' : ''
    }, and ${formatBytes(free)} are free.`,
    remedy(formatBytes(needed - free)),
  );
}
