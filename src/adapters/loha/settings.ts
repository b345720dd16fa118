/** LoHa's settings: those of LoRA's that decide its shape. */
import { adapterWords, type Learner } from '../learner.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

const SHARED: readonly string[] = [
  'rank',
  'alpha',
  'targets',
  'rankPattern',
  'alphaPattern',
  'layersToTransform',
];

export const LOHA = {
  name: 'loha',
  label: 'LoHa',
  help: 'Trains two pairs of matrices for each layer, whose products are multiplied element by element: the square of LoRA’s rank for twice its size.',
  settings: LORA_SETTINGS.filter(({ name }) => SHARED.includes(name)),
  words: adapterWords('LoHa', { hasRank: true }),
  choice: {
    changes:
      'An adapter twice as large as LoRA’s of the same rank, which can change a weight in more directions.',
    wrong:
      'Time or memory is short: a step makes a whole matrix for each layer. Other programs than PEFT rarely read it.',
  },
  // Held-out loss after 50 steps on the bundled rows: docs/defaults.md.
  rate: 3,
} as const satisfies Learner;
