/**
 * The kernels of GPUs compute one product in a dispatch, or several that share their bindings (shaders/matmul_problems.wgsl): q, k and v of one input,
 * the gradients of their adapters, or terms of one sum.
 */
import functionsSource from '../../../../shaders/activation_functions.wgsl?raw';
import wordsSource from '../../../../shaders/block_words.wgsl?raw';
import wordsGroupSource from '../../../../shaders/block_words_group.wgsl?raw';
import noResidualSource from '../../../../shaders/matmul_no_residual.wgsl?raw';
import problemsSource from '../../../../shaders/matmul_problems.wgsl?raw';
import residualSource from '../../../../shaders/matmul_residual.wgsl?raw';
import slicedSource from '../../../../shaders/matmul_sliced.wgsl?raw';
import tiledSource from '../../../../shaders/matmul_tiled.wgsl?raw';
import vectorSource from '../../../../shaders/matmul_vector.wgsl?raw';
import blocksSource from '../../../../shaders/weight_blocks.wgsl?raw';
import vectorsSource from '../../../../shaders/weight_vectors.wgsl?raw';
import vectorsGroupSource from '../../../../shaders/weight_vectors_group.wgsl?raw';
import { ACTIVATIONS, type Activation } from '../../ops/activation.ts';
import { shapeOf, type Product } from '../../ops/matmul.ts';
import { QuantisedTensor } from '../../quantised.ts';
import { bytesPer, Tensor, type Storage } from '../../tensor.ts';
import type { Dispatches } from '../dispatch.ts';
import { parseShader, type Shader } from '../shader.ts';
import { constantsOf, splitOf, tilesOf, type TiledKernel, type TileKernel } from './matmul-kernel.ts';
import { reduceDispatch } from './matmul-reduce.ts';
import { blockConstants, elementOf } from './shape.ts';

/** The most products of a dispatch, and weights among them. */
const MAX_PROBLEMS = 6;
const MAX_WEIGHTS = 3;

interface Variants {
  readonly one: Shader;
  readonly group: Shader;
}

function variants(name: string, source: string): { numbers: Variants; quantised: Variants } {
  const parse = (kind: string, ...parts: string[]): Shader =>
    parseShader(`${name}${kind}`, [problemsSource, source, ...parts].join('\n'));
  return {
    numbers: {
      one: parse('', residualSource, vectorsSource),
      group: parse(' (group)', noResidualSource, vectorsGroupSource),
    },
    quantised: {
      one: parse(' of blocks', residualSource, blocksSource, wordsSource),
      group: parse(' of blocks (group)', noResidualSource, blocksSource, wordsGroupSource),
    },
  };
}

const shaders = {
  tiled: variants('matmul_tiled', tiledSource),
  sliced: variants('matmul_sliced', slicedSource),
  vector: variants('matmul_vector', `${functionsSource}\n${vectorSource}`),
} satisfies Record<TileKernel['family'], unknown>;

/** A product as its kernel sees it. */
interface Problem extends Product {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly R: number;
  readonly pitchA: number;
  readonly strideM: number;
  readonly strideN: number;
}

/**
 * Adds products of one layout in as few dispatches as they allow: none reads or writes what another writes, except that with `terms` all add up in one C,
 * in order.
 *
 * @param products whose rows are whole vec4s and not in shards
 */
export function problemDispatches(
  out: Dispatches,
  products: readonly Product[],
  kernel: TileKernel,
  terms = false,
): void {
  if (kernel.family === 'tiled' && (kernel.parts ?? 1) > 1 && products.length === 1)
    return splitDispatches(out, products[0], kernel);
  let group: Problem[] = [];
  let { accumulate } = products[0];
  const flush = (): void => {
    if (group.length > 0) dispatch(out, group, kernel, terms);
    group = [];
    // Terms that need a second dispatch are added to those of the first.
    accumulate = true;
  };
  for (const product of products) {
    let problem = problemOf(product, kernel, products.length > 1);
    if (terms) problem = { ...problem, accumulate };
    if (group.length > 0 && !bindingsOf([...group, problem], kernel, terms)) {
      flush();
      if (terms) problem = { ...problem, accumulate };
    }
    group.push(problem);
  }
  flush();
}

/** Adds one product whose K is in parts: each has a matrix of sums, and a second dispatch adds them up. */
function splitDispatches(out: Dispatches, product: Product, kernel: TiledKernel): void {
  const { c, bias, residual, accumulate } = product;
  const { parts, part } = splitOf(kernel, shapeOf(product));
  const whole = { ...kernel, parts: 1 };
  if (parts === 1) return problemDispatches(out, [product], whole);
  const sum = out.tensor([parts, c.rows, c.columns], 'f32', `parts of ${c.label}`);
  const bare: Product = { ...product, c: sum, bias: undefined, residual: undefined, accumulate: false };
  const { M, N, K } = shapeOf(product);
  const R = product.lowRank?.z.columns ?? 0;
  const problem: Problem = {
    ...bare,
    ...{ M, N, K, R, pitchA: product.a.pitch, strideM: c.columns, strideN: 1 },
  };
  dispatch(out, [problem], whole, false, { parts, part });
  reduceDispatch(out, sum, parts, { c, bias, residual, accumulate });
}

/**
 * Adds y = a(gate) · up as one dispatch of matmul_vector.wgsl.
 *
 * @returns false if the products do not fit in one
 */
export function gatedProductDispatch(
  out: Dispatches,
  products: readonly Product[],
  y: Tensor,
  activation: Activation,
): boolean {
  const kernel: TileKernel = { family: 'vector' };
  const problems = products.map((product) => problemOf({ ...product, c: y }, kernel, true));
  if (!bindingsOf(problems, kernel, true)) return false;
  dispatch(out, problems, kernel, true, { gate: activation });
  return true;
}

/**
 * The narrow side of a gradient of LoRA's factors is A, whichever it is: the other one is as wide as activations, and of their type. So all of a group
 * have A and B of the same types.
 */
function problemOf(product: Product, { family }: TileKernel, inGroup: boolean): Problem {
  const { a, b, c, layout, lowRank, bias, residual } = product;
  const { M, N, K } = shapeOf(product);
  const turns = inGroup && family === 'sliced' && layout === 'TN' && M > N && a.pitch === M && c.pitch === N;
  if (turns && M % 4 === 0 && !lowRank && !bias && !residual)
    return { ...product, a: b, b: a, M: N, N: M, K, R: 0, pitchA: b.pitch, strideM: 1, strideN: N };
  const R = lowRank?.z.columns ?? 0;
  return { ...product, M, N, K, R, pitchA: a.pitch, strideM: c.pitch, strideN: 1 };
}

/** The tensors of some products in bindings, and the first element of each product in them. */
interface Bindings {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly places: readonly Record<string, number>[];
}

/** Undefined if they do not fit in one dispatch. */
function bindingsOf(problems: readonly Problem[], kernel: TileKernel, terms: boolean): Bindings | undefined {
  const [first] = problems;
  if (problems.length > MAX_PROBLEMS || problems.some((one) => kindOf(one) !== kindOf(first)))
    return undefined;
  if (problems.length > 1 && problems.some(({ residual }) => residual)) return undefined;
  if (terms && problems.some(({ c, scale = 1 }) => c !== first.c || scale !== (first.scale ?? 1)))
    return undefined;
  if (!terms && haveOverlaps(problems.map(({ c }) => c))) return undefined;
  const spans = {
    a: spansOf(problems.map(({ a }) => a)),
    b: spansOf(problems.map(({ b }) => b)),
    c: spansOf(problems.map(({ c }) => c)),
    z: spansOf(problems.flatMap(({ lowRank }) => (lowRank ? [lowRank.z] : []))),
    l: spansOf(problems.flatMap(({ lowRank }) => (lowRank ? [lowRank.l] : []))),
    bias: spansOf(problems.flatMap(({ bias }) => (bias ? [bias] : []))),
  };
  // Without a low-rank term, some A may be in the binding of Z.
  const twoA = kernel.family === 'sliced' && first.layout === 'TN' && spans.z.length === 0;
  if (spans.a.length > (twoA ? 2 : 1) || spans.b.length > MAX_WEIGHTS) return undefined;
  if ([spans.c, spans.z, spans.l, spans.bias].some(({ length }) => length > 1)) return undefined;
  const read = [spans.a, spans.b, spans.z, spans.l, spans.bias].flat();
  if (problems.length > 1 && read.some(({ storage }) => storage === first.c.storage)) return undefined;

  const [a, otherA] = spans.a;
  // An entry point needs every binding that it names, so those that a variant does not read are bound to A or B.
  const unused = a.bytes < first.b.bytes && !(first.b instanceof QuantisedTensor) ? first.b : a;
  const isGroup = problems.length > 1;
  const tensors: Record<string, Tensor> = {
    a,
    b: spans.b[0],
    ...(isGroup && { b1: spans.b[1] ?? spans.b[0], b2: spans.b[2] ?? spans.b[0] }),
    c: spans.c[0],
    z: otherA ?? spans.z[0] ?? unused,
    l: spans.l[0] ?? unused,
    bias: spans.bias[0] ?? unused,
    ...(!isGroup && { residual: first.residual ?? unused }),
  };
  const places = problems.map(({ a: ownA, b, c, lowRank, bias }): Record<string, number> => {
    const buffer = spans.b.findIndex(({ storage }) => storage === b.storage);
    const isOther = ownA.storage !== a.storage;
    return {
      a: placeIn(isOther ? otherA : a, ownA),
      b: placeIn(spans.b[buffer], b),
      c: placeIn(spans.c[0], c),
      z: lowRank ? placeIn(spans.z[0], lowRank.z) : 0,
      l: lowRank ? placeIn(spans.l[0], lowRank.l) : 0,
      bias: bias ? placeIn(spans.bias[0], bias) : 0,
      buffer,
      fromZ: Number(isOther),
    };
  });
  return { tensors, places };
}

/** Equal for products that one pipeline computes. */
function kindOf({ layout, a, b, c, bias, accumulate = false }: Problem): string {
  const weight = b instanceof QuantisedTensor ? `${b.format} ${b.storedRows === b.rows}` : b.dtype;
  return [layout, a.dtype, weight, c.dtype, !bias, accumulate].join();
}

/** One tensor for each storage, over all of the given ones in it. */
function spansOf(tensors: readonly Tensor[]): Tensor[] {
  const byStorage = new Map<Storage, Tensor[]>();
  for (const tensor of tensors) {
    const own = byStorage.get(tensor.storage);
    if (own) own.push(tensor);
    else byStorage.set(tensor.storage, [tensor]);
  }
  return [...byStorage.values()].map((all) => {
    const [first] = all;
    const start = Math.min(...all.map(({ offset }) => offset));
    const end = Math.max(...all.map(({ offset, bytes }) => offset + bytes));
    if (first.offset === start && first.bytes === end - start) return first;
    return new Tensor(first.storage, [(end - start) / bytesPer[first.dtype]], first.dtype, start);
  });
}

const placeIn = (span: Tensor, { offset, dtype }: Tensor): number => (offset - span.offset) / bytesPer[dtype];

function haveOverlaps(tensors: readonly Tensor[]): boolean {
  return tensors.some((one, i) =>
    tensors
      .slice(0, i)
      .some(
        (other) =>
          other.storage === one.storage &&
          other.offset < one.offset + one.bytes &&
          one.offset < other.offset + other.bytes,
      ),
  );
}

/** One dispatch of products that fit in it. */
function dispatch(
  out: Dispatches,
  problems: readonly Problem[],
  kernel: TileKernel,
  terms: boolean,
  { gate, parts = 1, part = 0 }: { gate?: Activation; parts?: number; part?: number } = {},
): void {
  const bindings = bindingsOf(problems, kernel, terms);
  if (!bindings) throw new Error('matmul: a group needs more bindings than a dispatch has');
  const { tensors, places } = bindings;
  const [{ layout, b, bias, residual, accumulate = false }] = problems;
  const quantised = b instanceof QuantisedTensor ? b : undefined;
  const lowRank = problems.some(({ R }) => R > 0);
  const params: Record<string, number> = { count: problems.length };
  let tiles = 0;
  problems.forEach((problem, i) => {
    const { M, N, K, R, pitchA, strideM, strideN, scale = 1 } = problem;
    // Of gate and up, a tile has half of its columns each.
    const { across, count } = tilesOf(kernel, { M, N: gate ? 2 * N : N });
    const first = terms ? 0 : tiles;
    const loraScale = problem.lowRank?.scale ?? 0;
    const fields = { M, N, K, R, pitchA, strideM, strideN, first, across, scale, loraScale, ...places[i] };
    for (const [name, value] of Object.entries(fields)) params[`problems.${i}.${name}`] = value;
    tiles = first + parts * count;
  });
  const numbers = shaders[kernel.family][quantised ? 'quantised' : 'numbers'];
  out.add({
    shader: problems.length > 1 ? numbers.group : numbers.one,
    types: {
      ElemA: elementOf(tensors['a']),
      ...(quantised ? {} : { ElemB: elementOf(b) }),
      ElemC: elementOf(tensors['c']),
      ElemZ: elementOf(tensors['z']),
      ElemL: elementOf(tensors['l']),
      ...(kernel.family === 'tiled' && { ElemT: kernel.half ? 'f16' : 'f32' }),
    },
    constants: {
      ...constantsOf(kernel, layout, quantised?.format),
      ...(quantised && blockConstants(quantised)),
      LOW_RANK: Number(lowRank),
      BIAS: Number(bias !== undefined),
      RESIDUAL: Number(residual !== undefined),
      ACCUMULATE: Number(accumulate),
      TERMS: Number(terms && !gate && problems.length > 1),
      ...(parts > 1 && { SPLIT: 1 }),
      ...(gate && { GATED: 1, KIND: ACTIVATIONS.indexOf(gate) }),
    },
    tensors,
    params: { ...params, tiles, part },
    workgroups: tiles,
    flops: problems.reduce((sum, { M, N, K, R }) => sum + 2 * M * N * (K + R), 0),
  });
}
