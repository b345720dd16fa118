/** Lion (Chen et al., 2023), with the paper's momenta. */
import type { UpdateKernel } from '../../engine/ops/update.ts';
import { elementwise, type Optimiser } from '../optimiser.ts';
import { WEIGHT_DECAY } from '../weight-decay.ts';
import cpu from './lion.kernel.ts?raw';
import webgpu from './lion.wgsl?raw';

const BETA1 = 0.9;
const BETA2 = 0.99;

const KERNEL: UpdateKernel = { name: 'lion', planes: ['first'], kernels: { webgpu, cpu } };

export const lion = {
  name: 'lion',
  label: 'Lion',
  help: 'Moves every weight by the same amount, in the direction of a running mean: half of AdamW’s memory, at a smaller learning rate.',
  settings: [WEIGHT_DECAY],
  // Every step has the size of the rate: the paper recommends a third to a tenth of AdamW's.
  rate: 0.2,
  ...elementwise(KERNEL),
  encode: () => [BETA1, BETA2],
} as const satisfies Optimiser;
