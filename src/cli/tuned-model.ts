/** The folder of a model that full fine-tuning wrote: opened next to its base while it is measured. */
import type { RunTook } from '../evaluate/run-took.ts';
import { changedParameters } from '../export/delta.ts';
import { LanguageModel } from '../model/language-model.ts';
import { objectiveOfFolder, tookOf } from './adapter-facts.ts';
import type { EvaluateFlags } from './evaluate-flags.ts';
import { modelOf } from './files.ts';
import { readWeightChoices, type LoadedModel } from './session.ts';

export interface TunedFolder {
  /** The path of its folder, as it was given. */
  readonly name: string;
  readonly kind: string;
  readonly objective?: string;
  readonly took: RunTook;
  /** Loads the weights in the precision of the base. The caller destroys the model. */
  open(): Promise<LanguageModel>;
}

/** @throws GraftError `delta-base` for a model that this base cannot have become */
export async function tunedModel(
  path: string,
  flags: EvaluateFlags,
  { device, files, model }: LoadedModel,
): Promise<TunedFolder> {
  const tuned = await modelOf(path);
  const objective = await objectiveOfFolder(path);
  return {
    ...(objective !== undefined && { objective }),
    name: path,
    kind: 'All weights',
    took: { parameters: await changedParameters(files, tuned), ...(await tookOf(path)) },
    open: () =>
      LanguageModel.load(device, tuned, { precision: model.dtype, baseWeights: readWeightChoices(flags) }),
  };
}
