import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** SiLU, GELU in its approximation by tanh, GELU itself and none, in the order of the kernels' numbers. */
export const ACTIVATIONS = ['silu', 'gelu_tanh', 'gelu', 'identity'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

interface Attributes {
  activation: Activation;
}

interface BackwardAttributes extends Attributes {
  accumulate: boolean;
}

interface GatedBackwardAttributes extends BackwardAttributes {
  accumulateUp: boolean;
}

/** y = a(g). */
export const activateKind = operationKind<{ g: Tensor; y: Tensor }, Attributes>('activate');
/** dx (+)= a′(g) · dy. */
export const activateBackward = operationKind<{ g: Tensor; dy: Tensor; dx: Tensor }, BackwardAttributes>(
  'activate.backward',
);
/** y = a(g) · u. */
export const gatedKind = operationKind<{ g: Tensor; u: Tensor; y: Tensor }, Attributes>('gated');
/** dx (+)= a′(g) · u · dy and du (+)= a(g) · dy. */
export const gatedBackward = operationKind<
  { g: Tensor; u: Tensor; dy: Tensor; dx: Tensor; du: Tensor },
  GatedBackwardAttributes
>('gated.backward');

/** y = a(x), element by element, in any float type; y has the shape and type of x. */
export function activate(tape: Tape, x: Tensor, activation: Activation): Tensor {
  const y = tape.tensor(x.shape, x.dtype, `${activation}(${x.label})`);
  tape.append(activateKind, { g: x, y }, { activation });

  tape.record([y], [x], () => {
    const dy = tape.gradient(y);
    tape.addGradient(x, (dx, accumulate) =>
      tape.append(activateBackward, { g: x, dy, dx }, { activation, accumulate }),
    );
  });
  return y;
}

/** y = a(gate) · up, element by element; all [M, F], y in the type of `gate`. SwiGLU, GeGLU, and the bilinear layer by the identity (Shazeer, 2020). */
export function gated(tape: Tape, gate: Tensor, up: Tensor, activation: Activation): Tensor {
  const y = tape.tensor(gate.shape, gate.dtype, `${activation}(${gate.label}) · ${up.label}`);
  tape.append(gatedKind, { g: gate, u: up, y }, { activation });

  tape.record([y], [gate, up], () => {
    const dy = tape.gradient(y);
    const both = (dx: Tensor, accumulate: boolean, du: Tensor, accumulateUp: boolean): unknown =>
      tape.append(gatedBackward, { g: gate, u: up, dy, dx, du }, { activation, accumulate, accumulateUp });
    // One operation computes both. If only one is needed, the other goes to memory that is never read.
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
