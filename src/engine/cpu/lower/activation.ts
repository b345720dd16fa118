import source from '../kernels/activation.ts?raw';
import {
  ACTIVATIONS,
  activateBackward,
  activateKind,
  gatedBackward,
  gatedKind,
  type Activation,
} from '../../ops/activation.ts';
import type { Tensor } from '../../tensor.ts';
import { checkF32, lowers, type Commands } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { ELEMENTS } from './shape.ts';

const file = parseKernels('activation', source);

export const activationLowerings = [
  lowers(activateKind, (out, tensors, { activation }) => activateCommand(out, tensors, activation)),
  lowers(activateBackward, (out, tensors, { activation, accumulate }) =>
    over(out, 'activateBackward', tensors, activation, 12, accumulate),
  ),
  lowers(gatedKind, (out, tensors, { activation }) => gatedCommand(out, tensors, activation)),
  lowers(gatedBackward, (out, tensors, { activation, accumulate, accumulateUp }) =>
    over(out, 'gatedBackward', tensors, activation, 16, accumulate, accumulateUp),
  ),
];

/** y = a(g). */
export function activateCommand(
  out: Commands,
  tensors: Record<'g' | 'y', Tensor>,
  activation: Activation,
): void {
  over(out, 'activate', tensors, activation, 8);
}

/** y = a(g) · u. */
export function gatedCommand(
  out: Commands,
  tensors: Record<'g' | 'u' | 'y', Tensor>,
  activation: Activation,
): void {
  over(out, 'gated', tensors, activation, 8);
}

/** A command over the elements of `g`, with `flops` operations for each. */
function over(
  out: Commands,
  kernel: string,
  tensors: Record<string, Tensor> & { g: Tensor },
  activation: Activation,
  flops: number,
  accumulate = false,
  accumulateUp = false,
): void {
  const { g } = tensors;
  checkF32(...Object.values(tensors));
  out.add({
    file,
    kernel,
    tensors,
    params: {
      kind: ACTIVATIONS.indexOf(activation),
      accumulate: Number(accumulate),
      accumulateUp: Number(accumulateUp),
    },
    units: g.size,
    grain: ELEMENTS / 4,
    flops: flops * g.size,
  });
}
