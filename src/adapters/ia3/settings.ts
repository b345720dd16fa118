/** IA3's settings: which layers, and which of them scale what they read. */
import type { Contribution, Setting } from '../../settings/setting.ts';
import { TARGETS_SETTING } from '../lora/settings.ts';

export const IA3_SETTINGS = [
  TARGETS_SETTING,
  {
    name: 'feedforward',
    part: 'run',
    fixed: true,
    type: 'names',
    flag: 'feedforward',
    label: 'Layers that scale their inputs',
    help: 'Those of the layers whose inputs are multiplied by the learned vector, instead of their outputs.',
    more: 'Layers that have no adapter are passed over.',
    initial: ['down_proj', 'mlp.c_proj'],
    initially: 'down_proj, mlp.c_proj',
  },
] as const satisfies readonly Setting[];

export const IA3 = {
  name: 'ia3',
  label: 'IA3',
  help: 'A vector for each layer learns, which multiplies what the layer reads or writes: far fewer numbers than LoRA, at a higher learning rate.',
  settings: IA3_SETTINGS,
  initial: { targets: ['k_proj', 'v_proj', 'down_proj'], lr: 1e-2 },
} as const satisfies Contribution;
