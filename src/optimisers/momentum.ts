import type { Setting } from '../settings/setting.ts';

/** A setting of optimisers with one momentum. */
export const MOMENTUM = {
  name: 'momentum',
  part: 'run',
  type: 'number',
  min: 0,
  below: 1,
  zero: 'none',
  flag: 'momentum',
  group: 'Rate',
  label: 'Momentum',
  term: {
    id: 'momentum',
    name: 'Momentum',
    entry: {
      what: 'SGD adds this share of the last step to each step, so that it keeps its direction; Muon takes a mean of gradients in which the last ones have it.',
      more: 'Longer, smoother steps that overshoot.',
      less: '0 follows only the current batch.',
      start: '0.9; 0.95 for Muon.',
      source: 'Polyak, Some methods of speeding up the convergence of iteration methods, 1964',
      also: 'sgd muon heavy ball',
    },
  },
  help: 'How much of the last step goes into the next one.',
  more: '0.9 is usual, and 0.95 for Muon.',
  default: 0.9,
} as const satisfies Setting;
