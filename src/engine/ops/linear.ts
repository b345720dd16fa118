/**
 * A linear layer, frozen or trained, with or without a LoRA adapter (Hu et al., 2021).
 *
 *   z = drop(x) · Aᵀ            y = x · Wᵀ + s · z · Bᵀ (+ bias) (+ residual)
 *   dz = s · dy · B             dx = dy · W + dz · A          dA += dzᵀ · drop(x)       dB += s · dyᵀ · z
 *
 * A `scale` stands before W and s alike, for layers whose contribution to the residual is multiplied (Granite).
 * B · A is never formed; the low-rank product is added within the tile of the large one. A frozen W gets no gradient.
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
  /** Factor of the layer's own result, adapter included; the residual is added as it is. Not with a bias. */
  scale?: number;
}

/**
 * x [M, K] · w[N, K]ᵀ, with the options' extras; the result is [M, N] in the type of x.
 *
 * @throws Error for a bias together with a scale other than 1, and as `matmul`
 */
export function linear(
  tape: Tape,
  x: Tensor,
  w: Tensor,
  { bias, residual, lora, scale: factor = 1 }: LinearOptions = {},
): Tensor {
  if (bias && factor !== 1) throw new Error(`${w.label}: a bias is not scaled`);
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
  const lowRank = lora && z && { z, l: lora.b, scale: factor * lora.scale };
  const y = matmul(tape, {
    a: x,
    b: w,
    layout: 'NT',
    c: tape.tensor([x.rows, w.rows], x.dtype, `${w.label} out`),
    lowRank,
    bias,
    residual,
    scale: factor,
  });

  tape.record([y], [x, w, bias, residual, lora?.a], () => {
    const dy = tape.gradient(y);
    if (residual) tape.passGradient(residual, dy);
    if (bias) tape.addGradient(bias, (db) => columnSumInto(tape, dy, db));
    if (w.requiresGrad)
      tape.addGradient(w, (dw, accumulate) =>
        matmul(tape, { a: dy, b: x, layout: 'TN', c: dw, accumulate, scale: factor }),
      );
    if (!lora || !z) {
      tape.addGradient(x, (dx, accumulate) =>
        matmul(tape, { a: dy, b: w, layout: 'NN', c: dx, accumulate, scale: factor }),
      );
      return;
    }
    const { a, b } = lora;
    const scale = factor * lora.scale;
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
        const lowRank = { z: dz, l: a, scale: 1 };
        matmul(tape, { a: dy, b: w, layout: 'NN', c: dx, accumulate, scale: factor, lowRank });
        return;
      }
      matmul(tape, { a: dy, b: w, layout: 'NN', c: dx, accumulate, scale: factor });
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
