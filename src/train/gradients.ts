/** Loss and gradients of one batch, brought to the host: for parity checks and for looking inside. */
import { LOSS_SLOT } from '../engine/ops/step.ts';
import { countSupervised, sizeOfRows, writeBatch, type LabelledTokens } from '../model/batch.ts';
import type { NamedArrays } from './state.ts';
import { recordGradients, sharedTensors, type GradientOptions, type Trainable } from './step-plans.ts';

export interface BatchGradients {
  /** Mean cross-entropy over the supervised tokens. */
  readonly loss: number;
  /** Gradients of the mean loss, by the name of the trained tensor. */
  readonly gradients: NamedArrays;
}

/** Computes gradients of one batch without changing anything. Nothing else may train meanwhile. */
export async function computeGradients(
  trainable: Trainable,
  rows: readonly LabelledTokens[],
  options: GradientOptions = {},
): Promise<BatchGradients> {
  const { model, adapter, store } = trainable;
  const { device } = model;
  const shared = sharedTensors(model);
  const { tape, inputs } = recordGradients(trainable, sizeOfRows(rows), shared, options);
  const plan = await device.compile(tape, model.pool);
  writeBatch(plan, inputs, rows);
  plan.run({ clear: store.gradients });
  const stats = new Float32Array(await device.read(shared.stats));
  const supervised = rows.reduce((sum, row) => sum + countSupervised(row), 0);
  const gradients = await (adapter ?? store).read('gradients');
  for (const values of gradients.values()) for (let i = 0; i < values.length; i++) values[i] /= supervised;
  await device.settle();
  plan.destroy();
  for (const tensor of Object.values(shared)) device.free(tensor);
  return { loss: stats[LOSS_SLOT] / supervised, gradients };
}
