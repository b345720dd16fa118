/** NAdam (Dozat, 2016) with decoupled weight decay, as PyTorch's NAdam(decoupled_weight_decay=True) has it, with its defaults. */
import type { UpdateKernel } from '../../engine/ops/update.ts';
import { elementwise, type Optimiser } from '../optimiser.ts';
import { WEIGHT_DECAY } from '../weight-decay.ts';
import cpu from './nadamw.kernel.ts?raw';
import webgpu from './nadamw.wgsl?raw';

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;
const MOMENTUM_DECAY = 0.004;
/** Below it a product changes no bit of 1 − product. */
const NOTHING = 1e-20;

/** The momentum of a step, which grows from half of β₁ to β₁. */
const momentum = (step: number): number => BETA1 * (1 - 0.5 * 0.96 ** (step * MOMENTUM_DECAY));

/** The product of the momenta up to a step; 0 once it is too small to matter. */
function product(step: number): number {
  let whole = 1;
  for (let at = 1; at <= step && whole > 0; at++) {
    whole *= momentum(at);
    if (whole < NOTHING) whole = 0;
  }
  return whole;
}

const KERNEL: UpdateKernel = { name: 'nadamw', planes: ['first', 'second'], kernels: { webgpu, cpu } };

export const nadamw = {
  name: 'nadamw',
  label: 'NAdamW',
  help: 'AdamW that looks one step ahead along its running mean (Nesterov): the same memory, and often a little faster at the start.',
  settings: [WEIGHT_DECAY],
  ...elementwise(KERNEL),
  encode(step: number) {
    const [now, next, before] = [momentum(step), momentum(step + 1), product(step)];
    const ofGradient = (1 - now) / (1 - before);
    const ofMean = next / (1 - before * next);
    return [BETA1, BETA2, EPSILON, Math.sqrt(1 - BETA2 ** step), ofGradient, ofMean];
  },
} as const satisfies Optimiser;
