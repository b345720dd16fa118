/** PiSSA's settings: LoRA's. */
import type { Contribution } from '../../settings/setting.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

export const PISSA = {
  name: 'pissa',
  label: 'PiSSA',
  help: 'LoRA that begins as the strongest part of each layer instead of as nothing, and leaves the rest still. It often learns faster; it is kept as a LoRA adapter of twice the rank.',
  settings: LORA_SETTINGS,
} as const satisfies Contribution;
