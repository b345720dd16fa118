/** Stochastic gradient descent with momentum (Polyak, 1964), in PyTorch's form: the momentum is a sum, not a mean. */
import type { UpdateKernel } from '../../engine/ops/update.ts';
import { elementwise, type Optimiser } from '../optimiser.ts';
import { MOMENTUM } from '../momentum.ts';
import { WEIGHT_DECAY } from '../weight-decay.ts';
import cpu from './sgd.kernel.ts?raw';
import webgpu from './sgd.wgsl?raw';

const KERNEL: UpdateKernel = { name: 'sgd', planes: ['first'], kernels: { webgpu, cpu } };

export const sgd = {
  name: 'sgd',
  label: 'SGD with momentum',
  help: 'Follows the gradient as it is: the oldest way, for comparison and for teaching.',
  settings: [WEIGHT_DECAY, MOMENTUM],
  // Gradients are not divided by their own size, so the rate must be larger.
  rate: 50,
  ...elementwise(KERNEL),
  encode: (_step: number, { momentum }) => [momentum as number],
} as const satisfies Optimiser;
