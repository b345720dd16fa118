/** Everything that is fuzzed, in the order of the table. */
import { dataTargets } from './data-targets.ts';
import { keptTargets } from './kept-targets.ts';
import { modelTargets } from './model-targets.ts';
import type { Target } from './target.ts';
import { textTargets } from './text-targets.ts';

export const targets: readonly Target[] = [...modelTargets, ...keptTargets, ...dataTargets, ...textTargets];
