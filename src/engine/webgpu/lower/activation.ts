import source from '../../../../shaders/activation.wgsl?raw';
import functionsSource from '../../../../shaders/activation_functions.wgsl?raw';
import {
  ACTIVATIONS,
  activateBackward,
  activateKind,
  gatedBackward,
  gatedKind,
  type Activation,
} from '../../ops/activation.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, type Dispatches } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('activation', `${functionsSource}\n${source}`);

export const activationLowerings = [
  lowers(activateKind, (out, tensors, { activation }) => activateDispatch(out, tensors, activation)),
  lowers(activateBackward, (out, tensors, { activation, accumulate }) => {
    const common = over(tensors.g, activation);
    out.add({
      ...common,
      entry: 'backward_alone',
      constants: { ...common.constants, ACCUMULATE: Number(accumulate) },
      tensors,
      flops: 12 * tensors.g.size,
    });
  }),
  lowers(gatedKind, (out, tensors, { activation }) => gatedDispatch(out, tensors, activation)),
  lowers(gatedBackward, (out, tensors, { activation, accumulate, accumulateUp }) => {
    const common = over(tensors.g, activation);
    out.add({
      ...common,
      entry: 'backward_gated',
      constants: {
        ...common.constants,
        ACCUMULATE: Number(accumulate),
        ACCUMULATE_UP: Number(accumulateUp),
      },
      tensors,
      flops: 16 * tensors.g.size,
    });
  }),
];

/** y = a(g). */
export function activateDispatch(
  out: Dispatches,
  tensors: Record<'g' | 'y', Tensor>,
  activation: Activation,
): void {
  const { g } = tensors;
  out.add({ ...over(g, activation), entry: 'alone', tensors, flops: 8 * g.size });
}

/** y = a(g) · u. */
export function gatedDispatch(
  out: Dispatches,
  tensors: Record<'g' | 'u' | 'y', Tensor>,
  activation: Activation,
): void {
  const { g } = tensors;
  out.add({ ...over(g, activation), entry: 'gated', tensors, flops: 8 * g.size });
}

/** The common part of every dispatch over the elements of `x`. */
function over(x: Tensor, activation: Activation) {
  return {
    shader,
    types: { Elem: x.dtype },
    constants: { KIND: ACTIVATIONS.indexOf(activation) },
    params: { size: x.size },
    workgroups: elementGroups(x.size),
  };
}
