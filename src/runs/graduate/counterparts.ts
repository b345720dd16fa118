/** What of a run other programs have no counterpart of. Each is refused by its name, with what to do. */
import { kindOf } from '../../adapters/registry.ts';
import { learnerOf } from '../../adapters/learners.ts';
import { GraftError } from '../../errors.ts';
import { objectiveOf } from '../../objectives/registry.ts';
import { optimiserOf } from '../../optimisers/registry.ts';
import type { RunSpec } from '../../settings/spec.ts';

interface Counterparts {
  /** The program, for messages. */
  readonly label: string;
  /** Names of objectives and methods that it has. */
  readonly objectives: readonly string[];
  readonly methods: readonly string[];
}

/** What to do with a run that another program cannot continue. */
export const STAY =
  'Continue it in Graft, or start a new run there from its adapter (graft export --adapter).';

/** @throws GraftError `graduate` naming the first setting that the program cannot continue with */
export function checkCounterparts(spec: RunSpec, { label, objectives, methods }: Counterparts): void {
  const refuse = (what: string, remedy: string): GraftError => new GraftError('graduate', what, remedy);
  const objective = objectiveOf(spec.objective);
  if (!objectives.includes(objective.name))
    throw refuse(
      `The run's objective is ${objective.name} (${objective.label}), and Graft has no counterpart of it for ${label}: only ${objectives.join(', ')}.`,
      STAY,
    );
  const learner = learnerOf(spec);
  if (learner.trainsModel && !methods.includes(learner.name))
    throw refuse(
      `The run trains the weights of the model (--method ${learner.name}), whose state ${label} cannot take over: only that of ${methods.join(', ')}.`,
      'Give the tuned model itself to the other program, which starts a new optimiser.',
    );
  if (!methods.includes(learner.name))
    throw refuse(
      `The run trains ${kindOf({ kind: learner.name }).label} adapters (--method ${learner.name}), whose state ${label} cannot take over: only that of ${methods.join(', ')}.`,
      STAY,
    );
  const optimiser = optimiserOf(spec.optimiser);
  if (optimiser.name !== 'adamw')
    throw refuse(
      `The run's optimiser is ${optimiser.label} (--optimiser ${optimiser.name}), whose state has no counterpart in ${label}: only that of AdamW.`,
      STAY,
    );
  if ((spec.addTokens?.length ?? 0) > 0)
    throw refuse(
      `The run adds tokens to the vocabulary (--add-tokens), which ${label} would have to resize the base for.`,
      STAY,
    );
  if (spec.modulesToSave !== undefined && spec.modulesToSave !== 'none')
    throw refuse(
      `The run trains ${spec.modulesToSave} in full (--modules-to-save), whose moments ${label} cannot take over.`,
      STAY,
    );
}

/** What continues, but not with the same numbers, in sentences. */
export function differences({ dropout = 0, baseWeights, precision }: RunSpec): string[] {
  return [
    ...(dropout > 0
      ? [`Dropout (${dropout}) draws other masks, so that the losses differ from those of Graft by chance.`]
      : []),
    ...(baseWeights !== undefined && baseWeights !== 'stored' && baseWeights !== 'f32'
      ? [
          `The run held its base in ${baseWeights} (--base-weights). The other program loads the base as it is stored, so that the losses differ.`,
        ]
      : []),
    ...(precision === 'f16'
      ? [
          'The run computed in f16 (--precision). The other program computes in float32 unless it is set otherwise.',
        ]
      : []),
  ];
}
