/** Everything that can learn: one line each. The first is the usual one. The page reads them without the engine; registry.ts has what adapters compute. */
import type { VirtualTokens } from '../model/virtual-tokens.ts';
import type { Given } from '../settings/setting.ts';
import { DORA } from './dora/settings.ts';
import { EVA } from './eva/settings.ts';
import { FULL } from './full/settings.ts';
import { IA3 } from './ia3/settings.ts';
import type { Learner } from './learner.ts';
import { LOHA } from './loha/settings.ts';
import { LORA } from './lora/settings.ts';
import { NORMS } from './norms/settings.ts';
import { PISSA } from './pissa/settings.ts';
import { PROMPT } from './prompt/settings.ts';

export const LEARNERS = [
  LORA,
  DORA,
  PISSA,
  EVA,
  IA3,
  PROMPT,
  NORMS,
  LOHA,
  FULL,
] as const satisfies readonly Learner[];

type LearnerName = (typeof LEARNERS)[number]['name'];
/** Those that are adapters. */
export type AdapterName = Exclude<(typeof LEARNERS)[number], { readonly trainsModel: true }>['name'];

/** What learns in a run with these settings: LoRA for runs of versions that had no choice. */
export function learnerOf({
  method,
}: {
  readonly method?: unknown;
}): Learner & { readonly name: LearnerName } {
  return LEARNERS.find(({ name }) => name === method) ?? LEARNERS[0];
}

/** What is known of a run's adapter before there is one. @param settings of the run by name */
export function plannedAdapter(settings: Given): VirtualTokens {
  return { virtualTokens: learnerOf(settings).virtualTokens?.(settings) };
}

/** Whether what learns in a run adds tokens to sequences or to the vocabulary. @param settings of the run by name */
export function addsTokens(settings: Given): boolean {
  return learnerOf(settings).virtualTokens !== undefined || settings['addTokens'] !== undefined;
}
