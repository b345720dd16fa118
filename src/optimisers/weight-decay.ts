import type { Setting } from '../settings/setting.ts';

/** A setting that every optimiser with decoupled weight decay shares: the values shrink by lr · decay next to the step. */
export const WEIGHT_DECAY = {
  name: 'weightDecay',
  part: 'run',
  type: 'number',
  min: 0,
  below: 1,
  flag: 'weight-decay',
  group: 'Rate',
  label: 'Weight decay',
  term: { id: 'weight-decay', name: 'Weight decay' },
  help: 'Pulls the weights of the adapter towards zero at each step (decoupled weight decay).',
  more: 'Rarely needed with LoRA.',
  default: 0,
} as const satisfies Setting;
