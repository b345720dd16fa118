/** All mutations, room by room. */
import type { Mutation } from './mutation.ts';
import { ADAPTERS } from './tables/adapters.ts';
import { EVALUATION } from './tables/evaluation.ts';
import { KERNELS } from './tables/kernels.ts';
import { OBJECTIVES } from './tables/objectives.ts';
import { ROWS } from './tables/rows.ts';
import { TRAINING } from './tables/training.ts';
import { WEIGHTS } from './tables/weights.ts';

export const MUTATIONS: readonly Mutation[] = [
  ...KERNELS,
  ...OBJECTIVES,
  ...ADAPTERS,
  ...TRAINING,
  ...ROWS,
  ...EVALUATION,
  ...WEIGHTS,
];
