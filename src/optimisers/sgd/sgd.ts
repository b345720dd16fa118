/** Stochastic gradient descent with momentum (Polyak, 1964), in PyTorch's form: the momentum is a sum, not a mean. */
import type { Setting } from '../../settings/setting.ts';
import type { Optimiser } from '../optimiser.ts';
import { WEIGHT_DECAY } from '../weight-decay.ts';
import assembly from './sgd.kernel.ts?raw';
import wgsl from './sgd.wgsl?raw';

const MOMENTUM = {
  name: 'momentum',
  part: 'run',
  type: 'number',
  least: 0,
  below: 1,
  zero: 'none',
  flag: 'momentum',
  group: 'Rate',
  label: 'Momentum',
  term: {
    id: 'momentum',
    name: 'Momentum',
    entry: {
      what: 'SGD adds this share of the last step to each step, so that it keeps its direction.',
      more: 'Longer, smoother steps that overshoot.',
      less: '0 follows each batch alone.',
      start: '0.9.',
      source: 'Polyak, Some methods of speeding up the convergence of iteration methods, 1964',
      also: 'sgd heavy ball',
    },
  },
  help: 'How much of the last step goes into the next one.',
  more: '0.9 is usual.',
  initial: 0.9,
} as const satisfies Setting;

export const sgd = {
  name: 'sgd',
  label: 'SGD with momentum',
  help: 'Follows the gradient as it is: the oldest way, for comparison and for teaching.',
  settings: [WEIGHT_DECAY, MOMENTUM],
  // Gradients are not divided by their own size, so the rate must be larger.
  rate: 50,
  kernel: { name: 'sgd', planes: ['first'], wgsl, assembly },
  encode: (_step: number, { momentum }) => [momentum as number],
} as const satisfies Optimiser;
