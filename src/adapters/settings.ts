/** The settings of every kind of adapter: one line each, in the order of registry.ts. The page reads them without the engine. */
import type { Contribution } from '../settings/setting.ts';
import { DORA } from './dora/settings.ts';
import { EVA } from './eva/settings.ts';
import { IA3 } from './ia3/settings.ts';
import { LORA } from './lora/settings.ts';
import { NORMS } from './norms/settings.ts';
export { NORMS_RATE } from './norms/settings.ts';
import { PISSA } from './pissa/settings.ts';
import { PROMPT } from './prompt/settings.ts';

export { ia3Targets } from './ia3/settings.ts';

export const ADAPTERS = [
  LORA,
  DORA,
  PISSA,
  EVA,
  IA3,
  PROMPT,
  NORMS,
] as const satisfies readonly Contribution[];
