/**
 * A linear layer, frozen or trained, with or without a LoRA adapter (Hu et al., 2021).
 *
 *   z = drop(x) · Aᵀ            y = x · Wᵀ + s · z · Bᵀ (+ bias) (+ residual)
 *   dz = s · dy · B             dx = dy · W + dz · A          dA += dzᵀ · drop(x)       dB += s · dyᵀ · z
 *
 * B · A is never formed, and the low-rank product rides in the tile of the large one. A frozen W gets no gradient.
 */
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { columnSumInto } from './column_sum.ts';
import { dropoutInto, type Dropout } from './dropout.ts';
import { matmul } from './matmul.ts';

export interface LowRank {
  /** [R, K] f32; R is a multiple of four (zero rows pad it). */
  a: Tensor;
  /** [N, R] f32. */
  b: Tensor;
  /** alpha / r, or alpha / √r for rsLoRA. */
  scale: number;
  /** Dropout on the adapter's input. */
  dropout?: Dropout;
}

export interface LinearOptions {
  /** f32 [N]. */
  bias?: Tensor;
  /** Added to the result: [M, N]. */
  residual?: Tensor;
  lora?: LowRank;
}

/** x [M, K] · w[N, K]ᵀ, with the options' extras; the result is [M, N] in the type of x. */
export function linear(
  tape: Tape,
  x: Tensor,
  w: Tensor,
  { bias, residual, lora }: LinearOptions = {},
): Tensor {
  const dropout = lora?.dropout && lora.dropout.probability > 0 && tape.training ? lora.dropout : undefined;
  const adapterInput = (): Tensor => {
    if (!dropout) return x;
    const dropped = tape.tensor(x.shape, x.dtype, `dropout of ${x.label}`);
    dropoutInto(tape, x, dropped, dropout);
    return dropped;
  };
  const z =
    lora &&
    matmul(tape, {
      a: adapterInput(),
      b: lora.a,
      layout: 'NT',
      c: tape.tensor([x.rows, lora.a.rows], 'f32', `${w.label} z`),
    });
  const lowRank = lora && z && { z, l: lora.b, scale: lora.scale };
  const y = matmul(tape, {
    a: x,
    b: w,
    layout: 'NT',
    c: tape.tensor([x.rows, w.rows], x.dtype, `${w.label} out`),
    lowRank,
    bias,
    residual,
  });

  tape.record([y], [x, w, bias, residual, lora?.a], () => {
    const dy = tape.gradient(y);
    if (residual) tape.passGradient(residual, dy);
    if (bias) tape.addGradient(bias, (db) => columnSumInto(tape, dy, db));
    if (w.requiresGrad)
      tape.addGradient(w, (dw, accumulate) => matmul(tape, { a: dy, b: x, layout: 'TN', c: dw, accumulate }));
    if (!lora || !z) {
      tape.addGradient(x, (dx, accumulate) => matmul(tape, { a: dy, b: w, layout: 'NN', c: dx, accumulate }));
      return;
    }
    const { a, b, scale } = lora;
    const dz = matmul(tape, {
      a: dy,
      b,
      layout: 'NN',
      c: tape.tensor(z.shape, 'f32', `d ${z.label}`),
      scale,
    });
    tape.addGradient(b, (db, accumulate) =>
      matmul(tape, { a: dy, b: z, layout: 'TN', c: db, scale, accumulate }),
    );
    if (a.requiresGrad) {
      const input = adapterInput();
      tape.addGradient(a, (da, accumulate) =>
        matmul(tape, { a: dz, b: input, layout: 'TN', c: da, accumulate }),
      );
    }
    tape.addGradient(x, (dx, accumulate) => {
      if (!dropout) {
        matmul(tape, { a: dy, b: w, layout: 'NN', c: dx, accumulate, lowRank: { z: dz, l: a, scale: 1 } });
        return;
      }
      matmul(tape, { a: dy, b: w, layout: 'NN', c: dx, accumulate });
      const through = matmul(tape, {
        a: dz,
        b: a,
        layout: 'NN',
        c: tape.tensor(x.shape, x.dtype, `d dropout of ${x.label}`),
      });
      dropoutInto(tape, through, dx, dropout, true);
    });
  });
  return y;
}
