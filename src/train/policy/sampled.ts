/** Sampled sequences for a micro-batch: groups of answers to one prompt, each with its weight. */
import { ON_POLICY } from '../../engine/ops/policy_loss.ts';
import type { Plan } from '../../engine/plan.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { type BatchTensors, type LabelledTokens, type LayoutOf, writeBatch } from '../../model/batch.ts';
import type { PolicyTensors } from '../loss-graph.ts';

/** A sampled answer. */
export interface SampledCompletion {
  /** Its tokens, including the one that ended it. */
  readonly ids: readonly number[];
  readonly advantage: number;
  /** Whether it is left out of the gradient. */
  readonly left?: boolean;
  /** Log-probabilities of its tokens by the policy that sampled it; missing if that is the current policy. */
  readonly old?: ArrayLike<number>;
  /** The same by the reference policy. */
  readonly reference?: ArrayLike<number>;
}

/** Answers to one prompt, as one row of several sequences. */
export interface SampledRow extends LabelledTokens {
  readonly samples: readonly SampledCompletion[];
}

/** @param promptIds at least one token */
export function sampledRow(promptIds: readonly number[], samples: readonly SampledCompletion[]): SampledRow {
  const ids: number[] = [];
  const labels: number[] = [];
  const starts: number[] = [];
  samples.forEach((sample, at) => {
    if (at > 0) starts.push(ids.length);
    ids.push(...promptIds, ...sample.ids);
    labels.push(...promptIds.map(() => -100), ...sample.ids);
  });
  return { ids, labels, starts, samples };
}

/** Tokens of each sequence of a micro-batch; 0 for one that is left out. */
export function lengthsOf(rows: readonly SampledRow[]): number[] {
  return rows.flatMap(({ samples }) => samples.map(({ ids, left }) => (left ? 0 : ids.length)));
}

/** Writes a micro-batch into the inputs of a gradient plan. @param weights of the tokens of each sequence @param layoutOf as `writeBatch` @throws Error for a plan of other rows */
export function writeSampled(
  plan: Plan,
  inputs: BatchTensors,
  { sampled, reference }: PolicyTensors,
  rows: readonly SampledRow[],
  weights: readonly number[],
  layoutOf?: LayoutOf,
): void {
  if (!sampled) throw new Error('This plan is not for sampled sequences');
  writeBatch(plan, inputs, rows, layoutOf);
  const samples = rows.flatMap((row) => row.samples);
  const bySequence = (tensor: Tensor, values: readonly number[]): void => {
    const whole = new Float32Array(tensor.size);
    whole.set(values);
    plan.write(tensor, whole);
  };
  const byToken = (
    tensor: Tensor,
    valuesOf: (sample: SampledCompletion) => ArrayLike<number> | undefined,
  ): void => {
    const whole = new Float32Array(tensor.size).fill(ON_POLICY);
    let at = 0;
    for (const sample of samples) {
      const values = valuesOf(sample);
      if (values) whole.set(values, at);
      at += sample.ids.length;
    }
    plan.write(tensor, whole);
  };
  bySequence(
    sampled.advantages,
    samples.map(({ advantage }) => advantage),
  );
  bySequence(sampled.weights, weights);
  byToken(sampled.old, ({ old }) => old);
  if (reference) byToken(reference, (sample) => sample.reference);
}

/** The numbers that a plan computed for each token, by sample. @param values f32 [R] @param samples in the order of the micro-batch */
export function splitByToken(values: Float32Array, rows: readonly SampledRow[]): Float32Array[] {
  let at = 0;
  return rows.flatMap(({ samples }) => samples.map(({ ids }) => values.slice(at, (at += ids.length))));
}

/** The rows, with changes to each sample. @param changes in the order of the samples */
export function withSamples(
  rows: readonly SampledRow[],
  changes: readonly Partial<SampledCompletion>[],
): SampledRow[] {
  let at = 0;
  return rows.map((row) => ({
    ...row,
    samples: row.samples.map((sample) => ({ ...sample, ...changes[at++] })),
  }));
}
