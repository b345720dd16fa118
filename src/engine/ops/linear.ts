/**
 * A linear layer, frozen or trained, with or without a LoRA adapter (Hu et al., 2021).
 *
 *   z = drop(x) · Aᵀ            y = x · Wᵀ + s · z · Bᵀ (+ bias) (+ residual)
 *   dz = s · dy · B             dx = dy · W + dz · A          dA += dzᵀ · drop(x)       dB += s · dyᵀ · z
 *
 * A `scale` stands before W and s alike, for layers whose contribution to the residual is multiplied (Granite).
 * B · A is never formed; the low-rank product is added within the tile of the large one. A frozen W gets no gradient.
 *
 * Layers of one input are recorded together, so that a backend can compute them at once: their z, their y, on the way back their dz, the gradients of
 * their factors, and dx as one sum.
 */
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { columnSumInto } from './column_sum.ts';
import { dropoutInto, type Dropout } from './dropout.ts';
import type { Activation } from './activation.ts';
import { activatedMatmulKind, gatedMatmulsKind, matmul, matmuls, type Product } from './matmul.ts';

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

/** One of several layers of an input. */
export interface LinearSpec extends LinearOptions {
  /** [N, K]. */
  w: Tensor;
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
export function linear(tape: Tape, x: Tensor, w: Tensor, options: LinearOptions = {}): Tensor {
  return linears(tape, x, [{ ...options, w }])[0];
}

/** The same for several layers of one input, each with its own options. @throws Error as `linear` */
export function linears(tape: Tape, x: Tensor, layers: readonly LinearSpec[]): Tensor[] {
  const all = recorded(tape, x, layers);
  matmuls(
    tape,
    all.map((layer) => productOf(x, layer)),
  );
  const ys = all.map(({ y }) => y);

  // What nothing before it needs has no gradient.
  const trained = all.filter(({ w, bias, residual, lora }) =>
    [x, w, bias, residual, lora?.a].some((input) => input?.requiresGrad),
  );
  if (!tape.training || trained.length === 0) return ys;
  // Where the gradients of the results lie side by side, one operation reads them all.
  const places = tape.planes(
    trained.map(({ y }) => y.shape),
    x.dtype,
    trained.map(({ y }) => `d ${y.label}`),
  );
  if (trained.length > 1) trained.forEach(({ y }, i) => tape.placeGradient(y, places[i]));
  const inputs = trained.flatMap(({ w, bias, residual, lora }) => [w, bias, residual, lora?.a]);
  tape.record(
    trained.map(({ y }) => y),
    [x, ...inputs],
    () =>
      backward(
        tape,
        x,
        trained.filter(({ y }) => tape.hasGradient(y)),
      ),
  );
  return ys;
}

/**
 * a(gate) · up of two layers of one input without residuals, [M, N] in the type of x: for generation, so without a gradient.
 *
 * @throws Error as `linear`, and on a tape for training
 */
export function gatedLinears(
  tape: Tape,
  x: Tensor,
  layers: readonly [gate: LinearSpec, up: LinearSpec],
  activation: Activation,
): Tensor {
  if (tape.training) throw new Error('gatedLinears has no gradient');
  const [gate, up] = recorded(tape, x, layers);
  const y = tape.tensor(gate.y.shape, x.dtype, `${activation}(${gate.y.label})`);
  const products = [productOf(x, gate), productOf(x, up)] as const;
  tape.append(gatedMatmulsKind, { gate: gate.y, up: up.y, y }, { products, activation });
  return y;
}

/** a(y) of a layer, [M, N] in the type of x: without a gradient. @throws Error as `gatedLinears` */
export function activatedLinear(tape: Tape, x: Tensor, layer: LinearSpec, activation: Activation): Tensor {
  if (tape.training) throw new Error('activatedLinear has no gradient');
  const [one] = recorded(tape, x, [layer]);
  const y = tape.tensor(one.y.shape, x.dtype, `${activation}(${one.y.label})`);
  tape.append(activatedMatmulKind, { c: one.y, y }, { product: productOf(x, one), activation });
  return y;
}

/** Layers with their results, whose low-rank terms are recorded. */
function recorded(tape: Tape, x: Tensor, layers: readonly LinearSpec[]): Recorded[] {
  for (const { w, bias, scale = 1 } of layers)
    if (bias && scale !== 1) throw new Error(`${w.label}: a bias is not scaled`);
  const { rows: M, dtype } = x;
  const adapted = layers.filter((layer): layer is AdaptedSpec => layer.lora !== undefined);
  const zs = tape.planes(
    adapted.map(({ lora }) => [M, lora.a.rows]),
    'f32',
    adapted.map(({ w }) => `${w.label} z`),
  );
  matmuls(
    tape,
    adapted.map(({ lora }, i): Product => {
      const a = adapterInput(tape, x, dropoutOf(tape, lora));
      return { a, b: lora.a, layout: 'NT', c: zs[i] };
    }),
  );
  const ys = tape.planes(
    layers.map(({ w }) => [M, w.rows]),
    dtype,
    layers.map(({ w }) => `${w.label} out`),
  );
  return layers.map((layer, i): Recorded => {
    const at = adapted.indexOf(layer as AdaptedSpec);
    return { ...layer, y: ys[i], factor: layer.scale ?? 1, ...(at >= 0 && { z: zs[at] }) };
  });
}

function productOf(x: Tensor, { w, bias, residual, lora, z, y, factor }: Recorded): Product {
  const lowRank = lora && z && { z, l: lora.b, scale: factor * lora.scale };
  return { a: x, b: w, layout: 'NT', c: y, lowRank, bias, residual, scale: factor };
}

type AdaptedSpec = LinearSpec & { lora: LowRank };

interface Recorded extends LinearSpec {
  readonly y: Tensor;
  readonly z?: Tensor;
  readonly factor: number;
}

/** A layer on the way back, with the gradient of its z. */
interface Returned extends Recorded {
  readonly dy: Tensor;
  readonly dz?: Tensor;
}

const dropoutOf = (tape: Tape, { dropout }: LowRank): Dropout | undefined =>
  dropout && dropout.probability > 0 && tape.training ? dropout : undefined;

/** What the low-rank factors see of x. */
function adapterInput(tape: Tape, x: Tensor, dropout: Dropout | undefined): Tensor {
  if (!dropout) return x;
  const dropped = tape.tensor(x.shape, x.dtype, `dropout of ${x.label}`);
  dropoutInto(tape, x, dropped, dropout);
  return dropped;
}

function backward(tape: Tape, x: Tensor, layers: readonly Recorded[]): void {
  const withZ = layers.filter(({ z }) => z);
  const dzs = tape.planes(
    withZ.map(({ z }) => z!.shape),
    'f32',
    withZ.map(({ z }) => `d ${z!.label}`),
  );
  const all = layers.map((layer): Returned => {
    const at = withZ.indexOf(layer);
    return { ...layer, dy: tape.gradient(layer.y), ...(at >= 0 && { dz: dzs[at] }) };
  });
  for (const { w, bias, residual, dy, factor } of all) {
    if (residual) tape.passGradient(residual, dy);
    if (bias) tape.addGradient(bias, (db) => columnSumInto(tape, dy, db));
    tape.addGradient(w, (dw, accumulate) =>
      matmul(tape, { a: dy, b: x, layout: 'TN', c: dw, accumulate, scale: factor }),
    );
  }
  matmuls(
    tape,
    all.flatMap(({ lora, dz, dy, factor }): Product[] =>
      lora && dz ? [{ a: dy, b: lora.b, layout: 'NN', c: dz, scale: factor * lora.scale }] : [],
    ),
  );
  const factors: Product[] = [];
  for (const { lora, z, dz, dy, factor } of all) {
    if (!lora || !z || !dz) continue;
    const scale = factor * lora.scale;
    tape.addGradient(lora.b, (c, accumulate) =>
      factors.push({ a: dy, b: z, layout: 'TN', c, scale, accumulate }),
    );
    if (!lora.a.requiresGrad) continue;
    const input = adapterInput(tape, x, dropoutOf(tape, lora));
    tape.addGradient(lora.a, (c, accumulate) =>
      factors.push({ a: dz, b: input, layout: 'TN', c, accumulate }),
    );
  }
  matmuls(tape, factors);
  inputGradient(tape, x, all);
}

/** dx += the terms of all layers, the last one first. */
function inputGradient(tape: Tape, x: Tensor, layers: readonly Returned[]): void {
  const terms: Omit<Product, 'c'>[] = [];
  const apart: { dz: Tensor; a: Tensor; dropout: Dropout }[] = [];
  for (const { w, lora, dz, dy, factor } of layers.toReversed()) {
    const dropout = lora && dropoutOf(tape, lora);
    const lowRank = lora && dz && !dropout ? { z: dz, l: lora.a, scale: 1 } : undefined;
    terms.push({ a: dy, b: w, layout: 'NN', scale: factor, lowRank });
    if (lora && dz && dropout) apart.push({ dz, a: lora.a, dropout });
  }
  tape.addGradient(x, (dx, accumulate) => {
    matmuls(
      tape,
      terms.map((term) => ({ ...term, c: dx, accumulate })),
      true,
    );
    for (const { dz, a, dropout } of apart) {
      const c = tape.tensor(x.shape, x.dtype, `d dropout of ${x.label}`);
      dropoutInto(tape, matmul(tape, { a: dz, b: a, layout: 'NN', c }), dx, dropout, true);
    }
  });
}
