/** AdamW (Loshchilov and Hutter, 2019), with PyTorch's defaults. */
import type { UpdateKernel } from '../../engine/ops/update.ts';
import { elementwise, type Optimiser } from '../optimiser.ts';
import { WEIGHT_DECAY } from '../weight-decay.ts';
import cpu from './adamw.kernel.ts?raw';
import webgpu from './adamw.wgsl?raw';

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export const ADAMW: UpdateKernel = { name: 'adamw', planes: ['first', 'second'], kernels: { webgpu, cpu } };

/** As torch.optim.AdamW names them. */
export const adamwNumbers = { betas: [BETA1, BETA2], epsilon: EPSILON } as const;

export const adamw = {
  name: 'adamw',
  label: 'AdamW',
  help: 'Gives every weight a step of its own size.',
  settings: [WEIGHT_DECAY],
  ...elementwise(ADAMW),
  encode: (step: number) => [BETA1, BETA2, EPSILON, 1 - BETA1 ** step, Math.sqrt(1 - BETA2 ** step)],
} as const satisfies Optimiser;
