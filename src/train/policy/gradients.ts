/** Loss and gradients of a step of sampled answers: for parity checks. */
import { GraftError } from '../../errors.ts';
import { sizeOfRows, writeBatch } from '../../model/batch.ts';
import { inputRows, withoutVirtual } from '../../model/virtual-tokens.ts';
import { tokenWeights, type LossType } from '../../objectives/grpo/advantages.ts';
import { measuredOf, type Learning, type MeasuredLearning } from '../learning.ts';
import type { NamedArrays } from '../state.ts';
import {
  recordGradients,
  recordReference,
  sharedTensors,
  statsSize,
  writeSharpness,
  type GradientOptions,
  type SharedTensors,
  type Trainable,
} from '../step-plans.ts';
import { lengthsOf, splitByToken, withSamples, writeSampled, type SampledRow } from './sampled.ts';

export interface PolicyGradients extends MeasuredLearning {
  /** The loss of each micro-batch, as a share of the step's: their sum is the loss. */
  readonly losses: readonly number[];
  /** Gradients of the loss of the whole step, by the name of the trained tensor. */
  readonly gradients: NamedArrays;
  /** Log-probabilities of the tokens of each sample, in the order of the rows. */
  readonly logProbabilities: readonly Float32Array[];
}

/**
 * Computes gradients of a step without changing anything. Nothing else may train meanwhile. Missing parts of the samples are computed: samples
 * without earlier log-probabilities count as made by the current policy, and the reference policy is the base model alone.
 *
 * @param batches the micro-batches of the step
 * @param sharePrefixes whether the answers to a prompt share it
 * @throws GraftError `train-objective` if a reference is needed and all weights are trained
 */
export async function policyGradients(
  trainable: Trainable,
  batches: readonly (readonly SampledRow[])[],
  learning: Learning,
  { sharePrefixes = false }: Pick<GradientOptions, 'sharePrefixes'> = {},
): Promise<PolicyGradients> {
  const { model, adapter, store } = trainable;
  const { device } = model;
  const { settings, objective } = learning;
  checkReference(learning, trainable);
  const shared = sharedTensors(model, learning);
  const { weights, count } = tokenWeights(
    settings['lossType'] as LossType,
    batches.map(lengthsOf),
    settings['maxCompletionLength'] as number,
  );
  const total = new Float32Array(statsSize(objective));
  const losses: number[] = [];
  const logProbabilities: Float32Array[] = [];
  for (const [at, bare] of batches.entries()) {
    const given = inputRows(bare, adapter);
    const isKnown = given.every((row) => row.samples.every(({ reference }) => reference));
    const rows =
      (settings['beta'] as number) > 0 && !isKnown
        ? await withReference(trainable, given, shared, learning, sharePrefixes)
        : given;
    const { tape, inputs, policies } = recordGradients(
      trainable,
      sizeOfRows(rows, sharePrefixes ? Infinity : 1),
      shared,
      {
        learning,
      },
    );
    const plan = await device.compile(tape, model.pool);
    writeSharpness(plan, policies);
    writeSampled(plan, inputs, policies, rows, weights[at]);
    device.write(shared.stats, new Float32Array(statsSize(objective)));
    plan.run(at === 0 ? { clear: store.gradients } : {});
    const stats = new Float32Array(await device.read(shared.stats));
    stats.forEach((value, i) => (total[i] += value));
    losses.push(measuredOf(objective, stats, count).loss);
    logProbabilities.push(...splitByToken(new Float32Array(await plan.read(policies.trained!)), rows));
    await device.settle();
    plan.destroy();
  }
  const gradients = await (adapter ?? store).read('gradients');
  for (const values of gradients.values()) for (let i = 0; i < values.length; i++) values[i] /= count;
  for (const tensor of Object.values(shared)) device.free(tensor);
  return { ...measuredOf(objective, total, count), losses, gradients, logProbabilities };
}

/** @throws GraftError `train-objective` if the run needs a base model to compare with and has none */
export function checkReference({ settings }: Learning, { adapter }: Pick<Trainable, 'adapter'>): void {
  if ((settings['beta'] as number) > 0 && !adapter)
    throw new GraftError(
      'train-objective',
      'The divergence is from the untrained base model, and this run trains all weights.',
      'Train an adapter, or choose a beta of 0.',
    );
}

async function withReference(
  { model }: Trainable,
  rows: readonly SampledRow[],
  shared: SharedTensors,
  learning: Learning,
  sharePrefixes: boolean,
): Promise<SampledRow[]> {
  const bare = withoutVirtual(rows);
  const size = sizeOfRows(bare, sharePrefixes ? Infinity : 1);
  const { tape, inputs, policies } = recordReference({ model }, size, shared, learning);
  const plan = await model.device.compile(tape, model.pool);
  writeSharpness(plan, policies);
  writeBatch(plan, inputs, bare);
  plan.run();
  const values = splitByToken(new Float32Array(await plan.read(policies.trained!)), rows);
  plan.destroy();
  return withSamples(
    rows,
    values.map((reference) => ({ reference })),
  );
}
