import source from '../../../shaders/activation.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('activation', source);

/** SiLU, or GELU in its approximation by tanh. */
export type Activation = 'silu' | 'gelu_tanh';

/** y = a(x), element by element, in any float type. */
export function activate(tape: Tape, x: Tensor, activation: Activation): Tensor {
  const common = describe(x, activation);
  const y = tape.tensor(x.shape, x.dtype, `${activation}(${x.label})`);
  tape.dispatch({ ...common, entry: 'alone', tensors: { g: x, y }, flops: 8 * x.size });

  tape.record([y], [x], () => {
    const dy = tape.gradient(y);
    tape.addGradient(x, (dx, accumulate) => {
      tape.dispatch({
        ...common,
        entry: 'backward_alone',
        constants: { ...common.constants, ACCUMULATE: Number(accumulate) },
        tensors: { g: x, dy, dx },
        flops: 12 * x.size,
      });
    });
  });
  return y;
}

/** y = a(gate) · up, element by element; all [M, F]. SwiGLU and GeGLU. */
export function gated(tape: Tape, gate: Tensor, up: Tensor, activation: Activation): Tensor {
  const common = describe(gate, activation);
  const y = tape.tensor(gate.shape, gate.dtype, `${activation}(${gate.label}) · ${up.label}`);
  tape.dispatch({ ...common, entry: 'gated', tensors: { g: gate, u: up, y }, flops: 8 * gate.size });

  tape.record([y], [gate, up], () => {
    const dy = tape.gradient(y);
    const both = (dx: Tensor, accumulate: boolean, du: Tensor, accumulateUp: boolean): void =>
      tape.dispatch({
        ...common,
        entry: 'backward_gated',
        constants: {
          ...common.constants,
          ACCUMULATE: Number(accumulate),
          ACCUMULATE_UP: Number(accumulateUp),
        },
        tensors: { g: gate, u: up, dy, dx, du },
        flops: 16 * gate.size,
      });
    // One dispatch makes both; where only one is asked for, the other goes to memory that nobody reads.
    const unread = (of: Tensor): Tensor => tape.tensor(of.shape, of.dtype, `unread d ${of.label}`);
    if (gate.requiresGrad && up.requiresGrad) {
      tape.addGradient(gate, (dx, accumulate) =>
        tape.addGradient(up, (du, accumulateUp) => both(dx, accumulate, du, accumulateUp)),
      );
    } else {
      tape.addGradient(gate, (dx, accumulate) => both(dx, accumulate, unread(up), false));
      tape.addGradient(up, (du, accumulateUp) => both(unread(gate), false, du, accumulateUp));
    }
  });
  return y;
}

/** What every dispatch over the elements of `x` shares. */
function describe(x: Tensor, activation: Activation) {
  return {
    shader,
    types: { Elem: x.dtype },
    constants: { GELU: Number(activation === 'gelu_tanh') },
    params: { size: x.size },
    workgroups: elementGroups(x.size),
  };
}
