/** Loss and gradients of one batch, read by the host: for parity checks. */
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { GraftError } from '../errors.ts';
import { sizeOfRows, writeBatch, type LabelledTokens } from '../model/batch.ts';
import { inputRows, withoutVirtual } from '../model/virtual-tokens.ts';
import { arranged, checkCount, countOf, measuredOf, SUPERVISED, type MeasuredLearning } from './learning.ts';
import type { NamedArrays } from './state.ts';
import {
  recordGradients,
  recordReference,
  sharedTensors,
  type GradientOptions,
  type SharedTensors,
  type Trainable,
} from './step-plans.ts';
import { hasAdded } from '../text/added-tokens.ts';

export interface BatchGradients extends MeasuredLearning {
  /** Gradients of the mean loss, by the name of the trained tensor. */
  readonly gradients: NamedArrays;
  /** Log-probabilities of the rows' sequences, in their order; if the objective uses them. */
  readonly logProbabilities?: Float32Array;
  /** The same by the base model alone; if the objective has a reference. */
  readonly referenceLogProbabilities?: Float32Array;
}

/**
 * Computes gradients of one batch without changing anything. Nothing else may train meanwhile. The reference policy is the base model alone.
 *
 * @throws GraftError `train-objective` if all weights are trained, so that there is no base model to compare with
 */
export async function computeGradients(
  trainable: Trainable,
  given: readonly LabelledTokens[],
  options: GradientOptions = {},
): Promise<BatchGradients> {
  const { model, adapter, store } = trainable;
  const { device } = model;
  const { learning = SUPERVISED } = options;
  const { objective } = learning;
  if (objective.reference && !adapter)
    throw new GraftError(
      'train-objective',
      `${objective.label} compares with the untrained base model, and this run trains all weights.`,
      'Give an adapter.',
    );
  checkCount(objective, given.length);
  // One batch, however long its rows.
  const rows = inputRows(
    arranged(
      {
        ...learning.settings,
        objective: objective.name,
        batch: given.length,
        maxLength: model.definition.shape.maxPositions,
      },
      given,
    ),
    adapter,
  );
  const shared = sharedTensors(model, learning);
  const reference = objective.reference ? await referenceOf(trainable, rows, shared, options) : undefined;
  const { tape, inputs, policies } = recordGradients(
    trainable,
    sizeOfRows(rows, options.sharePrefixes ? Infinity : 1),
    shared,
    options,
  );
  const plan = await device.compile(tape, model.pool);
  writeBatch(plan, inputs, rows);
  if (reference) plan.write(policies.reference!, reference);
  plan.run({ clear: store.gradients });
  const stats = new Float32Array(await device.read(shared.stats));
  const logProbabilities = policies.trained && new Float32Array(await plan.read(policies.trained));
  const count = countOf(objective, rows);
  const gradients = await (adapter ?? store).read('gradients');
  for (const values of gradients.values()) for (let i = 0; i < values.length; i++) values[i] /= count;
  await device.settle();
  plan.destroy();
  for (const tensor of Object.values(shared)) device.free(tensor);
  return {
    ...measuredOf(objective, stats, count),
    gradients,
    ...(logProbabilities && { logProbabilities }),
    ...(reference && { referenceLogProbabilities: reference }),
  };
}

async function referenceOf(
  { model, adapter }: Trainable,
  given: readonly LabelledTokens[],
  shared: SharedTensors,
  { learning = SUPERVISED, sharePrefixes }: GradientOptions,
): Promise<Float32Array<ArrayBuffer>> {
  const rows = withoutVirtual(given);
  const added = adapter && addedTokens(adapter.modules);
  if (rows.some(({ ids }) => hasAdded(added, ids)))
    throw new GraftError(
      'train-option',
      'The reference policy is the base model, which has no rows for new tokens.',
      'Leave out rows with new tokens, or choose an objective without a reference.',
    );
  const { tape, inputs, policies } = recordReference(
    { model },
    sizeOfRows(rows, sharePrefixes ? Infinity : 1),
    shared,
    learning,
  );
  const plan = await model.device.compile(tape, model.pool);
  writeBatch(plan, inputs, rows);
  plan.run();
  const values = new Float32Array(await plan.read(policies.trained!));
  plan.destroy();
  return values;
}
