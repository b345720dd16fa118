/**
 * Classes of matrix products, for which kernels are measured. A product of a model has the kernel of the class that it is nearest to, if no side differs by
 * more than a factor of two and the types are the same.
 */
import { shapeOf, type Layout, type Product } from '../ops/matmul.ts';
import { QUANTISED_TYPES, QuantisedTensor, type QuantisedType } from '../quantised.ts';
import { formatOf } from '../shards.ts';
import type { Tensor } from '../tensor.ts';
import type { Dispatch } from './dispatch.ts';
import { VECTOR_ROWS, type TileKernel } from './lower/matmul-kernel.ts';
import type { ElementType } from './shader.ts';

type Float = 'f32' | 'f16';

/** Products of one layout that share a dispatch, or one. */
export interface ProductClass {
  readonly layout: Layout;
  readonly M: number;
  /** The sum over results that lie side by side. */
  readonly N: number;
  /** The sum over terms. */
  readonly K: number;
  /** The rank of low-rank terms, 0 without one. */
  readonly R: number;
  readonly products: number;
  /** Whether they add up in one result. */
  readonly terms: boolean;
  readonly a: Float;
  readonly b: Float | QuantisedType;
  readonly c: Float;
}

/** A class, and the kernel that computes it. */
export interface ChosenProduct {
  readonly shape: ProductClass;
  readonly kernel: TileKernel;
}

/** Sides differ by at most this factor from those that were measured. */
const NEAR = 2;
/** Narrower results than this are computed by matmul_sliced.wgsl. */
const NARROW_SIDE = 32;

/** The class of products that share a dispatch. */
export function classOf(products: readonly Product[], terms: boolean): ProductClass {
  const [{ layout, a, b, c }] = products;
  const shapes = products.map(shapeOf);
  const sum = (side: 'N' | 'K'): number => shapes.reduce((total, shape) => total + shape[side], 0);
  return {
    layout,
    M: shapes[0].M,
    N: terms ? shapes[0].N : sum('N'),
    K: terms ? sum('K') : shapes[0].K,
    R: Math.max(...products.map(({ lowRank }) => lowRank?.z.columns ?? 0)),
    products: products.length,
    terms,
    a: floatOf(a),
    b: formatOf(b) ?? floatOf(b),
    c: floatOf(c),
  };
}

function floatOf({ dtype }: Tensor): Float {
  return dtype === 'f16' ? 'f16' : 'f32';
}

/** The class of a dispatch; undefined for one of anything else, and for products that no kernel is chosen for. */
export function classOfDispatch(dispatch: Dispatch): ProductClass | undefined {
  const { shader, constants, params, types, tensors } = dispatch;
  if (!/^matmul_(tiled|sliced|vector)/.test(shader.name) || constants['GATED']) return undefined;
  const count = params['count'];
  const all = (side: string): number[] =>
    Array.from({ length: count }, (_, i) => params[`problems.${i}.${side}`]);
  const sum = (side: string): number => all(side).reduce((total, one) => total + one, 0);
  const terms = Boolean(constants['TERMS']);
  const b = tensors.get('b');
  const float = (type: ElementType): Float => (type === 'f16' ? 'f16' : 'f32');
  const shape: ProductClass = {
    layout: constants['TRANSPOSED_A'] ? 'TN' : constants['TRANSPOSED_B'] ? 'NT' : 'NN',
    M: all('M')[0],
    N: terms ? all('N')[0] : sum('N'),
    K: terms ? sum('K') : all('K')[0],
    R: Math.max(...all('R')),
    products: count,
    terms,
    a: float(types['ElemA']),
    b: b instanceof QuantisedTensor ? b.format : float(types['ElemB']),
    c: float(types['ElemC']),
  };
  const isNarrow = Math.min(shape.M, shape.N) <= NARROW_SIDE && !shader.name.startsWith('matmul_vector');
  return isNarrow ? undefined : shape;
}

/** How far the sides of two classes are apart, in factors of two; Infinity for other layouts, types or kinds of dispatches. */
function distance(one: ProductClass, other: ProductClass): number {
  const apart = (side: 'M' | 'N' | 'K'): number => Math.abs(Math.log2(one[side] / other[side]));
  const sides = [apart('M'), apart('N'), apart('K')];
  if (Math.max(...sides) > Math.log2(NEAR) || kindOf(one) !== kindOf(other)) return Infinity;
  return sides[0] + sides[1] + sides[2];
}

/** Equal for classes whose kernels compute each other's products. */
function kindOf(shape: ProductClass): string {
  const { layout, terms, products, R, a, b, c } = shape;
  return [layout, terms, products > 1, R > 0, a, b, c, hasFewRows(shape)].join();
}

/** Whether matmul_vector.wgsl computes products of a class: it takes no more rows. */
export function hasFewRows({ layout, M }: ProductClass): boolean {
  return layout === 'NT' && M <= VECTOR_ROWS;
}

/** The kernel of the nearest class, the first of those as near. */
export function kernelFor(shape: ProductClass, chosen: readonly ChosenProduct[]): TileKernel | undefined {
  let nearest: TileKernel | undefined;
  let min = Infinity;
  for (const one of chosen) {
    const far = distance(shape, one.shape);
    if (far < min) [min, nearest] = [far, one.kernel];
  }
  return nearest;
}

const flopsOf = ({ M, N, K, R }: ProductClass): number => 2 * M * N * (K + R);

/**
 * The classes that take the most operations in the dispatches of a plan. Products that are near each other are one class, that of the first. The
 * largest class of each layout is among them.
 */
export function productClasses(dispatches: readonly Dispatch[], max: number): ProductClass[] {
  const classes: { shape: ProductClass; flops: number }[] = [];
  for (const dispatch of dispatches) {
    const shape = classOfDispatch(dispatch);
    if (!shape) continue;
    const near = classes.find((one) => distance(one.shape, shape) < Infinity);
    if (near) near.flops += flopsOf(shape);
    else classes.push({ shape, flops: flopsOf(shape) });
  }
  classes.sort((x, y) => y.flops - x.flops);
  const first = classes.filter(
    ({ shape }, i) => classes.findIndex((other) => other.shape.layout === shape.layout) === i,
  );
  return [...new Set([...first, ...classes])].slice(0, max).map(({ shape }) => shape);
}

/** What a class is called, such as “NT 512 × 576 × 1536, f16 · q4_0, 3 matmuls”. */
export function className({ layout, M, N, K, R, products, terms, a, b }: ProductClass): string {
  const many = products > 1 ? `, ${products} ${terms ? 'terms' : 'matmuls'}` : '';
  return `${layout} ${M} × ${N} × ${K}, ${a} · ${b}${R > 0 ? `, rank ${R}` : ''}${many}`;
}

const LAYOUTS: readonly unknown[] = ['NT', 'NN', 'TN'];
const FLOATS: readonly unknown[] = ['f32', 'f16'];
const WEIGHTS: readonly unknown[] = [...FLOATS, ...QUANTISED_TYPES];

/** Whether something that was stored is a class. */
export function isProductClass(value: unknown): value is ProductClass {
  if (typeof value !== 'object' || value === null) return false;
  const { layout, M, N, K, R, products, terms, a, b, c } = value as Record<string, unknown>;
  const count = (one: unknown, min: number): boolean => Number.isSafeInteger(one) && Number(one) >= min;
  return (
    LAYOUTS.includes(layout) &&
    [M, N, K, products].every((one) => count(one, 1)) &&
    count(R, 0) &&
    typeof terms === 'boolean' &&
    FLOATS.includes(a) &&
    FLOATS.includes(c) &&
    WEIGHTS.includes(b)
  );
}
