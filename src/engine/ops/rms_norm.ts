import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

interface Attributes {
  eps: number;
  offset: number;
  scale: number;
}

/** y = scale · x / rms(x) · (offset + w); r f32 [M] = 1/rms of each run. */
export const rmsNormKind = operationKind<{ x: Tensor; w: Tensor; y: Tensor; r: Tensor }, Attributes>(
  'rms_norm',
);
/** dw += Σ over runs of scale · dy · x / rms. */
export const rmsNormWeight = operationKind<{ x: Tensor; r: Tensor; dy: Tensor; dw: Tensor }, Attributes>(
  'rms_norm.weight',
);
/** dx (+)= the gradient of each run. */
export const rmsNormBackward = operationKind<
  { x: Tensor; w: Tensor; r: Tensor; dy: Tensor; dx: Tensor },
  Attributes & { accumulate: boolean }
>('rms_norm.backward');

export interface RmsNormOptions {
  eps: number;
  /** Added to the weight: 1 for Gemma, which stores w − 1. */
  offset?: number;
  /** Factor of the result. */
  scale?: number;
}

/**
 * y = scale · x / rms(x) · (offset + w), over each run of C numbers: a row of x, or a head of it (Zhang and Sennrich, 2019). x [M, n · C] in any float
 * type, w [C] f32; y has the shape and type of x.
 *
 * @throws Error if the rows of x are not whole runs of C
 */
export function rmsNorm(
  tape: Tape,
  x: Tensor,
  w: Tensor,
  { eps, offset = 0, scale = 1 }: RmsNormOptions,
): Tensor {
  const C = w.size;
  const M = x.size / C;
  if (x.columns % C !== 0) throw new Error(`rmsNorm: [${x.shape}] does not hold whole runs of ${C}`);
  const attributes = { eps, offset, scale };
  const y = tape.tensor(x.shape, x.dtype, `norm of ${x.label}`);
  const r = tape.tensor([M], 'f32', `1/rms of ${x.label}`);
  tape.append(rmsNormKind, { x, w, y, r }, attributes);

  tape.record([y], [x, w], () => {
    const dy = tape.gradient(y);
    tape.addGradient(w, (dw) => tape.append(rmsNormWeight, { x, r, dy, dw }, attributes));
    tape.addGradient(x, (dx, accumulate) =>
      tape.append(rmsNormBackward, { x, w, r, dy, dx }, { ...attributes, accumulate }),
    );
  });
  return y;
}
