/** DoRA's settings: LoRA's. */
import type { Contribution } from '../../settings/setting.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

export const DORA = {
  name: 'dora',
  label: 'DoRA',
  help: 'LoRA that learns how long each row of a weight is apart from where it points. Slower, and often better at a small rank.',
  settings: LORA_SETTINGS,
  choice: {
    changes: 'An adapter a little larger than LoRA’s, with a length for each row of a weight.',
    wrong: 'Time is short, or LoRA does the task already: each step takes longer.',
  },
} as const satisfies Contribution;
