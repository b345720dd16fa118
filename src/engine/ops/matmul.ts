/**
 * Matrix products, without a gradient of their own: linear.ts says what their gradients are.
 *
 *   C[M,N] = scale · op(A)·op(B)  + lowRank.scale · Z·op(L)  + bias  + residual  (+ C)
 *
 * B may be in quantised blocks (quantised.ts), and in shards, as C may be for TN (shards.ts).
 *
 * A vocabulary need not be a multiple of four. Tensors with a column for each token therefore have `wholeColumns(V)` of them: products may write
 * anything into the columns beyond V, and whoever reads such rows as A must clear those columns first.
 */
import { operationKind } from '../operation.ts';
import type { QuantisedType } from '../quantised.ts';
import { formatOf } from '../shards.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import type { Activation } from './activation.ts';

/** NT: A [M,K] · B [N,K]ᵀ. NN: A [M,K] · B [K,N]. TN: A [K,M]ᵀ · B [K,N]. */
export type Layout = 'NT' | 'NN' | 'TN';

export interface MatmulShape {
  M: number;
  N: number;
  K: number;
  /** Elements from one row of A, and of C, to the next: their columns if left out. */
  pitchA?: number;
  pitchC?: number;
  /** How B is stored, if not as numbers. */
  quantised?: QuantisedType;
}

interface MatmulTensors extends Readonly<Record<string, Tensor | undefined>> {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly c: Tensor;
  /** The low-rank term, both or none. */
  readonly z?: Tensor;
  readonly l?: Tensor;
  readonly bias?: Tensor;
  readonly residual?: Tensor;
}

interface MatmulAttributes {
  readonly layout: Layout;
  readonly accumulate: boolean;
  readonly scale: number;
  readonly lowRankScale: number;
  /** Chooses among the backend's kernels instead of its tuning, in the backend's own terms: for tests and measurements. */
  readonly kernel?: unknown;
}

export const matmulKind = operationKind<MatmulTensors, MatmulAttributes>('matmul');

/** A product and where its result goes. */
export type Product = Omit<MatmulOptions, 'kernel'> & { readonly c: Tensor };

/** Several products of one layout: independent ones, or terms that add up in one C, in order. The first term replaces C unless it accumulates. */
export const matmulsKind = operationKind<
  { readonly results: readonly Tensor[] },
  {
    readonly products: readonly Product[];
    readonly terms: boolean;
    readonly kernel?: MatmulAttributes['kernel'];
  }
>('matmuls');

/** y = a(gate) · up, of two products of the same shape whose own results nothing else reads. */
export const gatedMatmulsKind = operationKind<
  { readonly gate: Tensor; readonly up: Tensor; readonly y: Tensor },
  { readonly products: readonly [gate: Product, up: Product]; readonly activation: Activation }
>('matmuls.gated');

/** y = a(C) of a product whose own result C nothing else reads. */
export const activatedMatmulKind = operationKind<
  { readonly c: Tensor; readonly y: Tensor },
  { readonly product: Product; readonly activation: Activation }
>('matmul.activated');

/** Columns of a tensor whose rows are whole vec4s. */
export function wholeColumns(columns: number): number {
  return Math.ceil(columns / 4) * 4;
}

export interface MatmulOptions {
  /** Its rows may be padded with zeros, to `wholeColumns` of what B asks for. */
  a: Tensor;
  b: Tensor;
  layout: Layout;
  /** Where the result goes: [M, N], or padded [M, wholeColumns(N)]. A new tensor [M, N] of A's type if left out. */
  c?: Tensor;
  /** z [M, R] and l, which lies as B does: [N, R] for NT, [R, N] otherwise. R is a multiple of four. */
  lowRank?: { z: Tensor; l: Tensor; scale: number };
  /** f32 [N], added to every row. */
  bias?: Tensor;
  /** Added; same shape and type as C. Not C itself: that is `accumulate`. */
  residual?: Tensor;
  /** Adds to C instead of replacing it. */
  accumulate?: boolean;
  /** Factor of A·B alone. */
  scale?: number;
  /** See `MatmulAttributes.kernel`. */
  kernel?: unknown;
}

/**
 * Records one product as the head of this file writes it; no gradient is recorded.
 *
 * @returns C [M, N] (or padded, if `c` is): `options.c`, else a new tensor of A's type
 * @throws Error if shapes do not match, or if B is in blocks and the layout is TN
 */
export function matmul(tape: Tape, options: MatmulOptions): Tensor {
  const { a, b, layout, lowRank, bias, residual, accumulate = false, scale = 1, kernel } = options;
  const { M, N } = shapeOf(options);
  const c = options.c ?? tape.tensor([M, N], a.dtype, `${a.label} · ${b.label}`);
  tape.append(
    matmulKind,
    { a, b, c, z: lowRank?.z, l: lowRank?.l, bias, residual },
    { layout, accumulate, scale, lowRankScale: lowRank?.scale ?? 0, kernel },
  );
  return c;
}

/**
 * Records products of one layout as one operation, which a backend may compute at once.
 *
 * @param products none of which reads what another writes; with `terms` all have the same C, to which the others are added
 * @param kernel see `MatmulAttributes.kernel`
 * @throws Error if shapes or layouts do not match
 */
export function matmuls(
  tape: Tape,
  products: readonly Product[],
  terms = false,
  kernel?: MatmulAttributes['kernel'],
): void {
  const all = terms ? products.map((one, i) => (i === 0 ? one : { ...one, accumulate: true })) : products;
  for (const product of all) {
    shapeOf(product);
    if (product.layout !== all[0].layout || (terms && product.c !== all[0].c))
      throw new Error(`matmul ${product.layout} of ${product.b.label} does not go with the others`);
  }
  if (all.length === 1) matmul(tape, { ...all[0], kernel });
  else if (all.length > 1)
    tape.append(matmulsKind, { results: all.map(({ c }) => c) }, { products: all, terms, kernel });
}

/** M, N and K of a product. @throws Error if the shapes of its tensors do not match */
export function shapeOf({ a, b, c, layout, lowRank, bias, residual }: MatmulOptions): MatmulShape {
  const [N, K] = layout === 'NT' ? [b.rows, b.columns] : [b.columns, b.rows];
  const M = layout !== 'TN' ? a.rows : (c?.rows ?? a.columns);
  const fits = (columns: number, side: number): boolean => columns === side || columns === wholeColumns(side);
  const fail = (what: string): never => {
    throw new Error(`matmul ${layout} of A [${a.shape}] and B [${b.shape}]: ${what}`);
  };
  if (layout === 'TN' ? a.rows !== K || !fits(a.columns, M) : !fits(a.columns, K))
    fail('the inner sides differ');
  if (c && (c.rows !== M || !fits(c.columns, N))) fail(`C [${c.shape}] is not [${M}, ${N}]`);
  if (bias && bias.size !== N) fail(`the bias has ${bias.size} values, not ${N}`);
  if (residual && (residual.size !== M * (c?.columns ?? N) || residual.pitch !== (c?.pitch ?? N)))
    fail(`the residual [${residual.shape}] is not [${M}, ${c?.columns ?? N}]`);
  if (lowRank) {
    const { z, l } = lowRank;
    const R = z.columns;
    const [rows, columns] = layout === 'NT' ? [N, R] : [R, N];
    if (z.rows !== M || l.rows !== rows || l.columns !== columns || R % 4 !== 0)
      fail(`the low-rank factors [${z.shape}] and [${l.shape}] do not fit`);
  }
  const quantised = formatOf(b);
  if (quantised && layout === 'TN') fail('blocks are read along their rows');
  return { M, N, K, pitchA: a.pitch, pitchC: c?.pitch ?? N, quantised };
}
