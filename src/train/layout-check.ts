/**
 * Shared prefixes are checked on the device of a run before its first step: its plans compute some of its rows twice, once with their prefixes shared
 * and once one after the other. A plan takes either, so this needs no further memory, and costs two replays of a plan for gradients and two of one
 * without.
 */
import { READBACK_BYTES } from '../engine/device.ts';
import { LOSS_SLOT } from '../engine/ops/step.ts';
import { Tensor } from '../engine/tensor.ts';
import { sizeOfRows, writeBatch, type LabelledTokens, type LayoutOf } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { endToEnd, withSharedPrefixes } from '../model/shared-prefixes.ts';
import { withoutVirtual } from '../model/virtual-tokens.ts';
import { bucketOf, probeOf, sharesPrefixes, type Probes } from './buckets.ts';
import type { Learning } from './learning.ts';
import { writeSampled, type SampledRow } from './policy/sampled.ts';
import { statsSize, type BucketPlan, type RunPlans, type Trainable } from './step-plans.ts';

/**
 * The largest difference that rounding may make, as a share of the largest number, by the type of activations. With f32, SmolLM2-135M has 5e-6; a prefix
 * that is not seen makes more than 1e-2.
 */
const TOLERANCE = { f32: 1e-4, f16: 3e-2 } as const;

/** Whether the models that are open now share prefixes rightly, as far as that was checked. */
const known = new WeakMap<LanguageModel, boolean>();

/** Whether evaluations on a model may share prefixes. */
export const mayShareOn = (model: LanguageModel): boolean => !model.isEncoder && known.get(model) !== false;

/**
 * Whether an evaluation computes the same in both layouts. Checked once for a model.
 *
 * @param groups of rows for one replay each
 * @param compute the numbers of some rows, by a plan for any of the groups
 * @throws what `compute` throws
 */
export async function isSharedRight(
  model: LanguageModel,
  groups: readonly (readonly LabelledTokens[])[],
  compute: (rows: readonly LabelledTokens[], layoutOf: LayoutOf) => Promise<Float32Array>,
): Promise<boolean> {
  const found = known.get(model);
  if (found !== undefined) return found;
  const probe = probeOf(groups);
  if (!probe) return false;
  const shared = await compute(probe, withSharedPrefixes);
  const isRight = difference(shared, await compute(probe, endToEnd)) <= TOLERANCE[model.activations];
  known.set(model, isRight);
  return isRight;
}

/**
 * Checks the plans of a run.
 *
 * @param probes rows by the use of the plans, from `RunBuckets`
 * @returns the largest difference between both layouts, as a share of the largest number, if it is more than rounding makes; NaN if a number is not
 * finite in only one of them
 * @throws GraftError `engine-…`
 */
export async function layoutsDiffer(
  trainable: Trainable,
  plans: Pick<RunPlans, 'shared' | 'gradients' | 'losses' | 'references'>,
  learning: Learning,
  probes: Probes,
): Promise<number | undefined> {
  const { gradients, losses, references } = plans;
  let max = 0;
  // Forwards without a backward have the same kernels. The base model has no virtual tokens.
  const forward = sharesPrefixes(losses)
    ? { of: losses, rows: probes.losses }
    : { of: references, rows: probes.references && withoutVirtual(probes.references) };
  for (const { of, rows } of [{ of: gradients, rows: probes.gradients }, forward]) {
    if (!rows || !sharesPrefixes(of)) continue;
    // One after the other the rows need the most tokens.
    const bucket = bucketOf(of, sizeOfRows(rows));
    const compute = (layoutOf: LayoutOf): Promise<Float32Array[]> =>
      numbersOf(bucket, { rows, layoutOf, learning, trainable, plans, learns: of === gradients });
    const shared = await compute(withSharedPrefixes);
    const full = await compute(endToEnd);
    max = full.reduce((worst, values, at) => larger(worst, difference(shared[at], values)), max);
  }
  const isRight = max <= TOLERANCE[trainable.model.activations];
  known.set(trainable.model, isRight);
  return isRight ? undefined : max;
}

interface Probed {
  readonly rows: readonly LabelledTokens[];
  readonly layoutOf: LayoutOf;
  readonly learning: Learning;
  readonly trainable: Trainable;
  readonly plans: Pick<RunPlans, 'shared'>;
  /** Whether the plan computes gradients. */
  readonly learns: boolean;
}

/** The loss or the log-probabilities of the rows, and gradients: those of the first parameters, if all are more than is read at once. */
async function numbersOf(
  { plan, inputs, policies }: BucketPlan,
  { rows, layoutOf, learning, trainable: { model, store }, plans: { shared }, learns }: Probed,
): Promise<Float32Array[]> {
  const { device } = model;
  device.write(shared.stats, new Float32Array(statsSize(learning.objective)));
  if (policies.sampled) {
    const sampled = rows as readonly SampledRow[];
    const weights = sampled.flatMap(({ samples }) => samples.map(() => 1));
    writeSampled(plan, inputs, policies, sampled, weights, layoutOf);
  } else {
    writeBatch(plan, inputs, rows, layoutOf);
    if (policies.reference) plan.write(policies.reference, new Float32Array(policies.reference.size));
  }
  plan.run(learns ? { clear: store.gradients } : {});
  const { trained } = policies;
  const read = async (tensor: Tensor): Promise<Float32Array> => new Float32Array(await device.read(tensor));
  const numbers = [
    trained
      ? new Float32Array(await plan.read(trained))
      : (await read(shared.stats)).subarray(LOSS_SLOT, LOSS_SLOT + 1),
  ];
  const [first] = store.gradients;
  if (learns && first)
    numbers.push(await read(new Tensor(first.storage, [Math.min(first.size, READBACK_BYTES / 4)], 'f32')));
  return numbers;
}

/** The largest difference, as a share of the largest number. */
function difference(values: Float32Array, expected: Float32Array): number {
  let [max, largest] = [0, 0];
  expected.forEach((value, i) => {
    // The same if both are not finite: that is found at the first step.
    if (!Object.is(values[i], value)) max = larger(max, Math.abs(values[i] - value));
    largest = Math.max(largest, Math.abs(value));
  });
  return max === 0 ? 0 : max / largest;
}

/** Not a number counts as larger than any. */
const larger = (a: number, b: number): number => (a >= b ? a : b > a ? b : NaN);
