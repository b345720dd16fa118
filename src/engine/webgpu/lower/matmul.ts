/**
 * Which of the kernels computes a product is decided here, from the shapes and the device's tuning. If products like it were measured on the device
 * (tune-products.ts), their kernel computes it. Otherwise:
 * - `registers` (software adapters): matmul_register.wgsl, its lanes paired with matmul_quad.wgsl if there are subgroups;
 * - `tiles` (GPUs): matmul_tiled.wgsl, matmul_sliced.wgsl if that would leave the device idle, and matmul_vector.wgsl for the one to four rows of
 *   decoding, all of them for several products at once (matmul-problems.ts);
 * - matmul_plain.wgsl for rows that are not whole vec4s;
 * - on software adapters, K split in parts that matmul_reduce.wgsl adds up, if C alone would leave the device idle.
 *
 * A product of more operations than fit in a submit is several dispatches over rows of C (matmul-rows.ts).
 *
 * Where B is in quantised blocks, every family reads it through weight_blocks.wgsl. Where it is in shards, matmul-shards.ts makes several
 * products of one.
 */
import aloneSource from '../../../../shaders/matmul_alone.wgsl?raw';
import plainSource from '../../../../shaders/matmul_plain.wgsl?raw';
import quadSource from '../../../../shaders/matmul_quad.wgsl?raw';
import registerSource from '../../../../shaders/matmul_register.wgsl?raw';
import wordsSource from '../../../../shaders/block_words.wgsl?raw';
import blocksSource from '../../../../shaders/weight_blocks.wgsl?raw';
import scalarsSource from '../../../../shaders/weight_scalars.wgsl?raw';
import vectorsSource from '../../../../shaders/weight_vectors.wgsl?raw';
import { isSharded, matmulOfShards, type WideSum } from '../../matmul-shards.ts';
import {
  activatedMatmulKind,
  gatedMatmulsKind,
  matmulKind,
  matmulsKind,
  shapeOf,
  type Product as AnyProduct,
} from '../../ops/matmul.ts';
import { QuantisedTensor } from '../../quantised.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, type Dispatches } from '../dispatch.ts';
import { classOf, kernelFor } from '../product-class.ts';
import { parseShader, type Shader } from '../shader.ts';
import type { GpuTarget } from '../target.ts';
import {
  chooseKernel,
  chooseTiles,
  constantsOf,
  hasWholeRows,
  PLAIN,
  splitOf,
  VECTOR_ROWS,
  workgroupsOf,
  type Kernel,
  type PlainKernel,
  type TileKernel,
} from './matmul-kernel.ts';
import { gatedProductDispatch as problemsOfGate, problemDispatches } from './matmul-problems.ts';
import { activateDispatch, gatedDispatch } from './activation.ts';
import { reduceDispatch } from './matmul-reduce.ts';
import { rowsOfProduct } from './matmul-rows.ts';
import { addDispatch, copyDispatch } from './add.ts';
import { blockConstants, elementOf } from './shape.ts';

/** A product with everything chosen. */
type Product = AnyProduct & { kernel: Kernel };

/** Each family twice: for B as numbers, and in blocks. */
function variants(name: string, source: string, numbers: string): { numbers: Shader; quantised: Shader } {
  return {
    numbers: parseShader(name, `${source}\n${numbers}`),
    quantised: parseShader(`${name} of blocks`, `${source}\n${blocksSource}\n${wordsSource}`),
  };
}

const shaders = {
  plain: variants('matmul_plain', plainSource, scalarsSource),
  register: variants('matmul_register', `${registerSource}\n${aloneSource}`, vectorsSource),
  quad: variants('matmul_quad', `${registerSource}\n${quadSource}`, vectorsSource),
} satisfies Record<PlainKernel['family'], unknown>;

/** The smallest tensor that can be bound as vec4<f32>. */
const VEC4_BYTES = 16;

export const matmulLowerings = [
  lowers(matmulKind, (out, { a, b, c, z, l, bias, residual }, { lowRankScale, kernel, ...attributes }) => {
    const lowRank = z && l && { z, l, scale: lowRankScale };
    // The kernel that a test or a measurement chose.
    matmulDispatches(out, { a, b, c, lowRank, bias, residual, ...attributes }, kernel as Kernel | undefined);
  }),
  lowers(matmulsKind, (out, _, { products, terms, kernel }) =>
    allDispatches(out, products, terms, kernel as TileKernel | undefined),
  ),
  lowers(gatedMatmulsKind, (out, { gate, up, y }, { products, activation }) => {
    const fits = products[0].a.rows <= VECTOR_ROWS && !areApart(out, products);
    if (fits && problemsOfGate(out, products, y, activation)) return;
    allDispatches(out, products, false);
    gatedDispatch(out, { g: gate, u: up, y }, activation);
  }),
  lowers(activatedMatmulKind, (out, { c, y }, { product: one, activation }) => {
    matmulDispatches(out, one);
    activateDispatch(out, { g: c, y }, activation);
  }),
];

/** Adds a product, by a given kernel or the best one. */
export function matmulDispatches(out: Dispatches, options: AnyProduct, given?: Kernel): void {
  const { layout, lowRank } = options;
  const shape = shapeOf(options);
  const kernel =
    given ??
    (isPlain(options)
      ? PLAIN
      : (tunedFor(out.target, [options], false) ??
        chooseKernel(out.target, layout, shape, lowRank !== undefined)));
  const whole = { ...options, kernel };
  const add = (part: Product): void => {
    for (const rows of rowsOfProduct(part, out.target.tuning.flopsPerSubmit)) product(out, rows);
  };
  if (isSharded(whole)) matmulOfShards(whole, add, (c) => wideSum(out, c));
  else add(whole);
}

/** The kernel that was measured for products like these on this device, if there is one. */
function tunedFor(
  target: GpuTarget,
  products: readonly AnyProduct[],
  terms: boolean,
): TileKernel | undefined {
  const { matmul: tuning, products: chosen = [] } = target.tuning;
  const isTuned = chosen.length > 0 && tuning.family === 'tiles';
  if (!isTuned || !products.every((one) => hasWholeRows(one.layout, shapeOf(one)))) return undefined;
  return kernelFor(classOf(products, terms), chosen);
}

/** Whether the other kernels, which read vec4s, cannot bind its tensors. */
function isPlain(options: AnyProduct): boolean {
  const { a, b, bias, residual } = options;
  const isRead = bias !== undefined || residual !== undefined;
  return Math.max(a.bytes, b.bytes) < VEC4_BYTES || (isRead && shapeOf(options).N % 4 !== 0);
}

/** Adds several products, on a GPU in as few dispatches as possible, by a given kernel or the best one. */
function allDispatches(
  out: Dispatches,
  products: readonly AnyProduct[],
  terms: boolean,
  given?: TileKernel,
): void {
  if (areApart(out, products)) {
    for (const one of products) matmulDispatches(out, one);
    return;
  }
  const shapes = products.map(shapeOf);
  const kernel =
    given ??
    tunedFor(out.target, products, terms) ??
    chooseTiles(out.target, products[0].layout, terms ? [shapes[0]] : shapes);
  problemDispatches(out, products, kernel, terms);
}

/** Whether a device, or what the products are of, asks for one dispatch after the other. */
function areApart(out: Dispatches, products: readonly AnyProduct[]): boolean {
  return (
    out.target.tuning.matmul.family !== 'tiles' ||
    products.some((one) => isSharded(one) || isPlain(one) || !hasWholeRows(one.layout, shapeOf(one))) ||
    // Only products of their own are cut into parts that fit in a submit.
    products.map(shapeOf).reduce((sum, { M, N, K }) => sum + 2 * M * N * K, 0) >
      out.target.tuning.flopsPerSubmit
  );
}

/** Sums of shards in f32, for a result in half precision. */
function wideSum(out: Dispatches, c: Tensor): WideSum {
  const sum = out.tensor(c.shape, 'f32', `sum of ${c.label}`);
  return { sum, finish: (accumulate) => (accumulate ? addDispatch : copyDispatch)(out, sum, c) };
}

/** One product by one kernel. A, C and the residual may be columns of wider matrices. */
function product(out: Dispatches, { kernel, ...options }: Product): void {
  if (kernel.family === 'tiled' || kernel.family === 'sliced' || kernel.family === 'vector')
    problemDispatches(out, [options], kernel);
  else plainProduct(out, options, kernel);
}

function plainProduct(out: Dispatches, options: AnyProduct, kernel: PlainKernel): void {
  const { a, b, c, layout, lowRank, bias, residual, accumulate = false, scale = 1 } = options;
  const shape = shapeOf(options);
  const { M, N, K, quantised } = shape;
  // An entry point needs every binding that it names, so those that a variant does not read are bound to A or B.
  const unused = a.bytes < b.bytes && !quantised ? b : a;
  const { family } = kernel;
  const { parts, part } = splitOf(kernel, shape);
  const shader = shaders[family][quantised ? 'quantised' : 'numbers'];
  const finish = {
    BIAS: Number(bias !== undefined),
    RESIDUAL: Number(residual !== undefined),
    ACCUMULATE: Number(accumulate),
  };
  const inRegisters = family === 'register' || family === 'quad';
  const last = parts === 1;
  if (!last && lowRank) throw new Error('matmul: a low-rank term does not go with a split K');
  const sum = last ? c : out.tensor([parts, M, c.columns], 'f32', `parts of ${c.label}`);
  const z = lowRank?.z ?? unused;
  const l = lowRank?.l ?? unused;

  out.add({
    shader,
    types: {
      ElemA: elementOf(a),
      ...(quantised ? {} : { ElemB: elementOf(b) }),
      ElemC: elementOf(sum),
      ElemZ: elementOf(z),
      ElemL: elementOf(l),
    },
    constants: {
      ...constantsOf(kernel, layout, quantised),
      ...(b instanceof QuantisedTensor && blockConstants(b)),
      ...(inRegisters ? {} : { LOW_RANK: Number(lowRank !== undefined), ...(last ? finish : {}) }),
    },
    subgroups: family === 'quad',
    tensors: { a, b, c: sum, z, l, bias: (last && bias) || unused, residual: (last && residual) || unused },
    params: {
      M,
      N,
      K,
      R: lowRank ? lowRank.z.columns : 0,
      pitchC: sum.pitch,
      part,
      pitchA: a.pitch,
      ...(inRegisters ? { finish: last ? finishBits(finish) : 0 } : {}),
      scale: last ? scale : 1,
      loraScale: lowRank?.scale ?? 0,
    },
    workgroups: workgroupsOf(kernel, shape, parts),
    flops: 2 * M * N * (K + (lowRank ? lowRank.z.columns : 0)),
  });
  if (!last) reduceDispatch(out, sum, parts, { c, bias, residual, accumulate, scale });
}

/** In the form of matmul_register.wgsl, if these are data. */
function finishBits({
  BIAS,
  RESIDUAL,
  ACCUMULATE,
}: Record<'BIAS' | 'RESIDUAL' | 'ACCUMULATE', number>): number {
  return BIAS | (RESIDUAL << 1) | (ACCUMULATE << 2);
}
