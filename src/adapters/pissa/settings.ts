/** PiSSA's settings: LoRA's. */
import type { Contribution } from '../../settings/setting.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

export const PISSA = {
  name: 'pissa',
  label: 'PiSSA',
  help: 'LoRA that begins as the strongest part of each layer instead of as nothing, and leaves the rest still. It often learns faster; it is kept as a LoRA adapter of twice the rank.',
  choice: {
    changes: 'A LoRA adapter of twice the rank, once it is kept; the model stays as it is.',
    wrong: 'The adapter should be small, or the run go on from one of the library: it begins anew.',
  },
  settings: LORA_SETTINGS,
} as const satisfies Contribution;
