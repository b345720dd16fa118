import source from '../../../shaders/swiglu.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('swiglu', source);

/** y = silu(gate) · up, element by element; all [M, F]. */
export function swiglu(tape: Tape, gate: Tensor, up: Tensor): Tensor {
  const types = { Elem: gate.dtype };
  const params = { size: gate.size };
  const workgroups = elementGroups(gate.size);
  const y = tape.tensor(gate.shape, gate.dtype, `silu(${gate.label}) · ${up.label}`);
  tape.dispatch({
    shader,
    entry: 'forward',
    types,
    tensors: { g: gate, u: up, y },
    params,
    workgroups,
    flops: 8 * gate.size,
  });

  tape.record([y], [gate, up], () => {
    const dy = tape.gradient(y);
    tape.addGradient(gate, (dx, accumulate) => {
      const constants = { ACCUMULATE: Number(accumulate) };
      tape.dispatch({
        shader,
        entry: 'backward_gate',
        types,
        constants,
        tensors: { g: gate, u: up, dy, dx },
        params,
        workgroups,
        flops: 12 * gate.size,
      });
    });
    tape.addGradient(up, (dx, accumulate) => {
      const constants = { ACCUMULATE: Number(accumulate) };
      tape.dispatch({
        shader,
        entry: 'backward_up',
        types,
        constants,
        tensors: { g: gate, dy, dx },
        params,
        workgroups,
        flops: 8 * gate.size,
      });
    });
  });
  return y;
}
