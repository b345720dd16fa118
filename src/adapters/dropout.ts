import { dropoutInto, type Dropout } from '../engine/ops/dropout.ts';
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';

/** What an adapter sees of its input: x with elements dropped, in the shape and type of x. Unlike `dropoutInto` it has a gradient. */
export function dropoutOf(tape: Tape, x: Tensor, dropout: Dropout): Tensor {
  const y = tape.tensor(x.shape, x.dtype, `dropout of ${x.label}`);
  dropoutInto(tape, x, y, dropout);
  tape.record([y], [x], () => {
    const dy = tape.gradient(y);
    tape.addGradient(x, (dx, accumulate) => dropoutInto(tape, dy, dx, dropout, accumulate));
  });
  return y;
}
