/** DoRA's settings: LoRA's. */
import type { Contribution } from '../../settings/setting.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

export const DORA = {
  name: 'dora',
  label: 'DoRA',
  help: 'LoRA that learns how long each row of a weight is apart from where it points. Slower, and often better at a small rank.',
  settings: LORA_SETTINGS,
} as const satisfies Contribution;
