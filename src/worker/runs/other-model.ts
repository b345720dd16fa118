/** Why a run cannot be resumed on the open model. */
import { GraftError } from '../../errors.ts';
import { describeChoices } from '../../model/weight-types.ts';
import type { StoredRun } from '../../storage/records.ts';
import type { WeightChoices } from '../api.ts';
import type { OpenModel } from '../models/model.ts';

/** @param open the model that is open instead; missing if the run's model is not here */
export function otherModel(
  { baseModel, bundled, precision, baseWeights }: StoredRun,
  open?: OpenModel,
): GraftError {
  const wrong = (differs: string, remedy: string): GraftError =>
    new GraftError(
      'run-other-model',
      `This run trains an adapter of ${baseModel}${how}, and ${differs}.`,
      remedy,
    );
  const held = baseWeights && describeChoices(baseWeights as WeightChoices);
  const how = held === undefined ? '' : ` with its base weights in ${held}`;
  if (open && precision !== undefined && open.info.precision !== precision)
    return wrong(
      `it was started in ${precision}, but this device calculates in ${open.info.precision}`,
      'Resume it on a device like the one that it started on, or start a new run with its settings.',
    );
  return wrong(
    'that model is not the open one, or not as it was then',
    bundled
      ? 'Open the bundled model first.'
      : `Add the folder of ${baseModel} again under Task, then resume.`,
  );
}
