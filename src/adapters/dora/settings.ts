/** DoRA's settings: LoRA's. */
import { adapterWords, type Learner } from '../learner.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

export const DORA = {
  name: 'dora',
  label: 'DoRA',
  help: 'LoRA that learns the length of each row of a weight separately from its direction. Slower, and often better at a small rank.',
  settings: LORA_SETTINGS,
  words: adapterWords('DoRA', { hasRank: true }),
  choice: {
    changes: 'An adapter a little larger than LoRA’s, with a length for each row of a weight.',
    wrong: 'Time is short, or LoRA does the task already: each step takes longer.',
  },
} as const satisfies Learner;
