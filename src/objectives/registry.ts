/** Every objective: one line each. The first is the usual one. */
import { apoDown, apoZero } from './apo/apo.ts';
import { contrastive } from './contrastive/contrastive.ts';
import { dpo, hinge, ipo } from './dpo/dpo.ts';
import { grpo } from './grpo/grpo.ts';
import { kto } from './kto/kto.ts';
import type { Objective, RowKind } from './objective.ts';
import { orpo } from './orpo/orpo.ts';
import { sft } from './sft/sft.ts';
import { simpo } from './simpo/simpo.ts';

export const OBJECTIVES = [
  sft,
  dpo,
  ipo,
  hinge,
  apoZero,
  apoDown,
  orpo,
  simpo,
  kto,
  grpo,
  contrastive,
] as const satisfies readonly Objective[];

/** Whether an objective learns from rows of a kind. */
export const takesKind = (
  { rows, alsoTakes = [] }: Pick<Objective, 'rows' | 'alsoTakes'>,
  kind: RowKind,
): boolean => rows === kind || alsoTakes.includes(kind);

/** The objective of this name, the usual one without a name. @throws Error if there is none: settings are checked earlier */
export function objectiveOf(name: string = OBJECTIVES[0].name): Objective {
  const objective = OBJECTIVES.find((one) => one.name === name);
  if (!objective) throw new Error(`There is no objective ${name}`);
  return objective;
}
