import source from '../../../shaders/add.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('add', source);

/** y = a + b, of equal shapes: a residual connection. */
export function add(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const y = tape.tensor(a.shape, a.dtype, `${a.label} + ${b.label}`);
  elementwise(tape, 'add', y, a, b);
  tape.record([y], [a, b], () => {
    const dy = tape.gradient(y);
    tape.passGradient(a, dy);
    tape.passGradient(b, dy);
  });
  return y;
}

/** target += a, without a gradient of its own. */
export function addInto(tape: Tape, a: Tensor, target: Tensor): void {
  elementwise(tape, 'add_into', target, a);
}

/** target = a, converted to the target's type, without a gradient of its own. */
export function copy(tape: Tape, a: Tensor, target: Tensor): void {
  elementwise(tape, 'copy', target, a);
}

function elementwise(tape: Tape, entry: string, y: Tensor, a: Tensor, b?: Tensor): void {
  if (a.size !== y.size || (b && b.size !== y.size)) throw new Error(`${y.label}: sizes differ`);
  tape.dispatch({
    shader,
    entry,
    types: { ElemA: a.dtype, ElemY: y.dtype },
    tensors: { a, b, y },
    params: { size: y.size },
    workgroups: elementGroups(y.size),
    flops: y.size,
  });
}
