/** How the base of a run is loaded, by what learns in it. */
import { learnerOf } from '../adapters/learners.ts';
import type { StatePlanes } from '../engine/parameters.ts';
import type { TrainedPart } from '../model/trained-part.ts';
import { AS_STORED, type WeightChoices } from '../model/weight-types.ts';
import { stateOf } from '../optimisers/optimiser.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import type { RunSpec } from '../settings/spec.ts';

/** With gradients for what learns of the base, and what the optimiser keeps for each weight. @throws Error as `optimiserOf` */
export function loadingOf(spec: Pick<RunSpec, 'method' | 'trainWeights' | 'lastLayers' | 'optimiser'>): {
  readonly trainable?: TrainedPart;
  readonly state: StatePlanes;
} {
  const state = stateOf(optimiserOf(spec.optimiser));
  return { ...(learnerOf(spec).trainsModel && { trainable: spec }), state };
}

/** The types of the base's weights in a run, by those of the open model: weights that learn are as stored. */
export function baseWeightsOf(
  spec: Pick<RunSpec, 'method'>,
  open: WeightChoices | undefined,
): WeightChoices | undefined {
  return learnerOf(spec).trainsModel ? AS_STORED : open;
}
