/**
 * A linear layer with a matrix for each expert of a mixture: a row of its input meets the matrix of the row's expert.
 *
 *   into experts   y[s] = W_e · x[m]              x [M, K] → y [M · k, N], sorted by expert
 *   into tokens    y[m] = Σ_s W_e · x[s] + residual      x [M · k, K], sorted by expert → y [M, N]
 *
 * s are the rows of the choices of token m, e the expert of a row (routing.ts). All matrices are one weight [E, N, K], as numbers or in blocks, in
 * shards of whole experts. An adapter adds a low-rank term, with factors A_e and B_e of each expert. Backward: dx = W_eᵀ · dy and the term of the
 * adapter, summed over the choices of a token; the gradients of W_e, A_e and B_e are sums over the rows of expert e.
 */
import { operationKind } from '../operation.ts';
import { formatOf } from '../shards.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import type { Routing } from './routing.ts';

/**
 * The product of rows that are sorted by expert with the matrices of their experts:
 *
 *   NT: C[s] = scale · B_e · A[s]      NN: C[s] = scale · B_eᵀ · A[s]      (+ C)
 *
 * B [E, N, K] for NT, [E, K, N] for NN. With `gathered`, A has a row for each token.
 */
export const expertMatmulKind = operationKind<
  { a: Tensor; b: Tensor; c: Tensor; offsets: Tensor; rows: Tensor },
  {
    readonly layout: 'NT' | 'NN';
    readonly gathered: boolean;
    readonly kept: number;
    readonly scale: number;
    readonly accumulate: boolean;
  }
>('expert_matmul');

/**
 * The gradient of the matrices: C_e (+)= scale · Σ_s A[s]ᵀ · B[s] over the rows s of expert e, [E, M, N]. An expert without rows has a gradient of zero. A
 * or B may have a row for each token.
 */
export const expertGradientKind = operationKind<
  { a: Tensor; b: Tensor; c: Tensor; offsets: Tensor; rows: Tensor },
  {
    readonly gatheredA: boolean;
    readonly gatheredB: boolean;
    readonly kept: number;
    readonly scale: number;
    readonly accumulate: boolean;
  }
>('expert_gradient');

/** y[m] (+)= Σ_j x[places[m · k + j]] + residual[m]. */
export const expertSumKind = operationKind<
  { x: Tensor; places: Tensor; residual?: Tensor; y: Tensor },
  { readonly kept: number; readonly accumulate: boolean }
>('expert_sum');

/** Factors of each expert. */
export interface ExpertLowRank {
  /** f32 [E, R, K]; R is a multiple of four (zero rows pad it). */
  readonly a: Tensor;
  /** f32 [E, N, R]. */
  readonly b: Tensor;
  readonly scale: number;
}

export interface ExpertLinearOptions {
  readonly routing: Routing;
  /** Whether the result has a row for each choice, or the sum of them for each token. */
  readonly into: 'experts' | 'tokens';
  /** Added to the result: [M, N]. Only into tokens. */
  readonly residual?: Tensor;
  readonly lora?: ExpertLowRank;
}

/**
 * x through the matrices of its experts, as the head of this file says; the result has the type of x.
 *
 * @param w [E, N, K]; N and K are multiples of four
 * @throws Error if shapes do not match; when the backward is recorded, for a trained weight in blocks
 */
export function expertLinear(tape: Tape, x: Tensor, w: Tensor, options: ExpertLinearOptions): Tensor {
  const { routing, into, residual, lora } = options;
  const [experts, N, K] = w.shape;
  const { kept, places } = routing;
  const P = routing.rows.size;
  const gathered = into === 'experts';
  const fits = w.shape.length === 3 && experts === routing.experts && N % 4 === 0 && K % 4 === 0;
  if (!fits || x.columns !== K || x.rows !== (gathered ? P / kept : P) || (gathered && residual))
    throw new Error(`${w.label} [${w.shape}] does not fit x [${x.shape}] and ${routing.experts} experts`);
  const z = lora && tape.tensor([P, lora.a.shape[1]], 'f32', `${w.label} z`);
  const y = tape.tensor([P, N], x.dtype, `${w.label} out`);
  const product = (a: Tensor, b: Tensor, c: Tensor, rest: Partial<Rest> = {}): void =>
    matmul(tape, routing, { a, b, c, layout: 'NT', gathered: false, ...rest });
  if (lora && z) product(x, lora.a, z, { gathered });
  product(x, w, y, { gathered });
  if (lora && z) product(z, lora.b, y, { scale: lora.scale, accumulate: true });
  const out = gathered ? y : tape.tensor([P / kept, N], x.dtype, `sum of ${w.label} out`);
  if (!gathered) tape.append(expertSumKind, { x: y, places, residual, y: out }, { kept, accumulate: false });
  tape.record([out], [x, w, residual, lora?.a], () => {
    const dy = tape.gradient(out);
    if (residual) tape.passGradient(residual, dy);
    backward(tape, { x, w, z, dy, lora, routing, gathered });
  });
  return out;
}

interface Rest {
  readonly layout: 'NT' | 'NN';
  readonly gathered: boolean;
  readonly scale: number;
  readonly accumulate: boolean;
}

function matmul(
  tape: Tape,
  { offsets, rows, kept }: Routing,
  {
    a,
    b,
    c,
    layout,
    gathered,
    scale = 1,
    accumulate = false,
  }: { a: Tensor; b: Tensor; c: Tensor } & Pick<Rest, 'layout' | 'gathered'> & Partial<Rest>,
): void {
  tape.append(expertMatmulKind, { a, b, c, offsets, rows }, { layout, gathered, kept, scale, accumulate });
}

interface Returned {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly z?: Tensor;
  readonly dy: Tensor;
  readonly lora?: ExpertLowRank;
  readonly routing: Routing;
  /** Whether x has a row for each token, and dy one for each choice; otherwise it is the other way round. */
  readonly gathered: boolean;
}

function backward(tape: Tape, { x, w, z, dy, lora, routing, gathered }: Returned): void {
  const { kept, offsets, rows, places } = routing;
  const fromTokens = !gathered;
  const gradient = (a: Tensor, b: Tensor, into: Tensor, of: Partial<Gathered>, scale = 1): void =>
    tape.addGradient(into, (c, accumulate) =>
      tape.append(
        expertGradientKind,
        { a, b, c, offsets, rows },
        { gatheredA: false, gatheredB: false, ...of, kept, scale, accumulate },
      ),
    );
  if (w.requiresGrad && formatOf(w)) throw new Error(`${w.label}: a weight in blocks has no gradient`);
  gradient(dy, x, w, { gatheredA: fromTokens, gatheredB: gathered });
  const dz = lora && z && tape.tensor(z.shape, 'f32', `d ${z.label}`);
  if (lora && z && dz) {
    const { scale } = lora;
    matmul(tape, routing, { a: dy, b: lora.b, c: dz, layout: 'NN', gathered: fromTokens, scale });
    gradient(dy, z, lora.b, { gatheredA: fromTokens }, scale);
    gradient(dz, x, lora.a, { gatheredB: gathered });
  }
  const intoRows = (c: Tensor, accumulate: boolean): void => {
    matmul(tape, routing, { a: dy, b: w, c, layout: 'NN', gathered: fromTokens, accumulate });
    if (lora && dz)
      matmul(tape, routing, { a: dz, b: lora.a, c, layout: 'NN', gathered: false, accumulate: true });
  };
  tape.addGradient(x, (dx, accumulate) => {
    if (!gathered) {
      intoRows(dx, accumulate);
      return;
    }
    const apart = tape.tensor([rows.size, x.columns], x.dtype, `d ${x.label} of its choices`);
    intoRows(apart, false);
    tape.append(expertSumKind, { x: apart, places, y: dx }, { kept, accumulate });
  });
}

interface Gathered {
  readonly gatheredA: boolean;
  readonly gatheredB: boolean;
}
