/** The types of base weights on the GPU: a person's choice for each model, and the memory of each choice. */
import * as v from 'valibot';
import { checkChoices, sameChoices, WEIGHT_CHOICES, type WeightChoices } from '../../model/weight-types.ts';
import type { Target } from '../../engine/target.ts';
import { GraftError } from '../../errors.ts';
import { deleteSetting, ifStorageWorks, readSetting, writeSetting } from '../../storage/settings.ts';
import { planBase } from '../../train/memory-plan.ts';
import type { BaseOption, ModelRef, WeightChoice } from '../api.ts';
import type { OpenModel } from './model.ts';

/** As it is stored in settings and in exports. */
export const StoredWeightChoices = v.object({
  matrices: v.picklist(WEIGHT_CHOICES),
  embeddings: v.optional(v.picklist(WEIGHT_CHOICES)),
});

const nameOf = ({ name, bundled }: ModelRef): string =>
  `base weights of ${bundled ? 'the bundled' : 'the kept'} ${name}`;

/** The choice for a model, if this GPU can use it; undefined for as stored. */
export async function chosenWeights(model: ModelRef, target: Target): Promise<WeightChoices | undefined> {
  const parsed = v.safeParse(StoredWeightChoices, await ifStorageWorks(readSetting(nameOf(model))));
  return parsed.success && !refusalOf(parsed.output, target) ? parsed.output : undefined;
}

/** Without storage the choice holds until the tab is closed. */
export async function keepWeights(model: ModelRef, choices: WeightChoices): Promise<void> {
  await ifStorageWorks(
    sameChoices(choices) ? deleteSetting(nameOf(model)) : writeSetting(nameOf(model), choices),
  );
}

/** Another model of this name is another one. */
export async function forgetWeights(model: ModelRef): Promise<void> {
  await ifStorageWorks(deleteSetting(nameOf(model)));
}

/** Every type for the matrices of the open model, with its memory on this GPU. @param embeddings as in {@link WeightChoices} */
export function baseOptions({ model }: OpenModel, embeddings: WeightChoice | undefined): BaseOption[] {
  const { device, definition, dtype, storedAs } = model;
  return WEIGHT_CHOICES.map((matrices) => {
    const baseWeights: WeightChoices = { matrices, ...(embeddings && { embeddings }) };
    const refused = refusalOf(baseWeights, device);
    if (refused !== undefined) return { matrices, bytes: 0, unquantised: 0, refused };
    const { bytes, unquantised } = planBase(device.lowering, definition, {
      precision: dtype,
      baseWeights,
      storedAs,
    });
    return { matrices, bytes, unquantised: unquantised.length };
  });
}

/** Why this GPU cannot use such base weights. */
function refusalOf(choices: WeightChoices, target: Target): string | undefined {
  try {
    checkChoices(choices, { trainable: false, target });
    return undefined;
  } catch (error) {
    if (error instanceof GraftError) return error.what;
    throw error;
  }
}
