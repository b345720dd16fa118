/**
 * Matrix products, without a gradient of their own: linear.ts says what their gradients are.
 *
 *   C[M,N] = scale · op(A)·op(B)  + lowRank.scale · Z·op(L)  + bias  + residual  (+ C)
 *
 * Which of the kernels computes one is decided here, from the shapes and the device's tuning:
 * - `registers` (software adapters): matmul_register.wgsl, its lanes paired with matmul_quad.wgsl where there are subgroups;
 * - `tiles` (GPUs): matmul_tiled.wgsl, and matmul_vector.wgsl for the one to four rows of decoding;
 * - matmul_plain.wgsl for rows that are not whole vec4s;
 * - K split in parts that matmul_reduce.wgsl adds up, where C alone would leave the device idle.
 *
 * B may be in quantised blocks (quantised.ts): every family then reads it through weight_blocks.wgsl. It may be in several buffers, as C may
 * for TN (pieces.ts): matmul_pieces.ts makes several products of one then.
 *
 * A vocabulary need not be a multiple of four. Tensors with a column for each token therefore have `wholeColumns(V)` of them: products
 * write what they like into the columns beyond V, and whoever reads such rows as A must have made those columns zero.
 */
import aloneSource from '../../../shaders/matmul_alone.wgsl?raw';
import plainSource from '../../../shaders/matmul_plain.wgsl?raw';
import quadSource from '../../../shaders/matmul_quad.wgsl?raw';
import reduceSource from '../../../shaders/matmul_reduce.wgsl?raw';
import registerSource from '../../../shaders/matmul_register.wgsl?raw';
import tiledSource from '../../../shaders/matmul_tiled.wgsl?raw';
import vectorSource from '../../../shaders/matmul_vector.wgsl?raw';
import blocksSource from '../../../shaders/weight_blocks.wgsl?raw';
import scalarsSource from '../../../shaders/weight_scalars.wgsl?raw';
import vectorsSource from '../../../shaders/weight_vectors.wgsl?raw';
import { formatOf } from '../pieces.ts';
import { parseShader, type ElementType, type Shader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import {
  chooseKernel,
  constantsOf,
  PLAIN,
  splitOf,
  wholeColumns,
  workgroupsOf,
  type Kernel,
  type Layout,
  type Shape,
} from './matmul_kernel.ts';
import { isInPieces, matmulInPieces } from './matmul_pieces.ts';

export { chooseKernel, wholeColumns, type Kernel, type Layout, type Shape };

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
  /** As C, in shape and type; added. Not C itself: that is `accumulate`. */
  residual?: Tensor;
  /** Adds to what C holds instead of replacing it. */
  accumulate?: boolean;
  /** Factor of A·B alone. */
  scale?: number;
  /** Chooses the kernel instead of the tuning: for tests and measurements. */
  kernel?: Kernel;
}

/** Each family twice: for B as numbers, and in blocks. */
function variants(name: string, source: string, numbers: string): { numbers: Shader; quantised: Shader } {
  return {
    numbers: parseShader(name, `${source}\n${numbers}`),
    quantised: parseShader(`${name} of blocks`, `${source}\n${blocksSource}`),
  };
}

const shaders = {
  plain: variants('matmul_plain', plainSource, scalarsSource),
  vector: variants('matmul_vector', vectorSource, vectorsSource),
  tiled: variants('matmul_tiled', tiledSource, vectorsSource),
  register: variants('matmul_register', `${registerSource}\n${aloneSource}`, vectorsSource),
  quad: variants('matmul_quad', `${registerSource}\n${quadSource}`, vectorsSource),
} satisfies Record<Kernel['family'], unknown>;
const reduceShader = parseShader('matmul_reduce', reduceSource);

/** The smallest tensor that can be bound as vec4<f32>. */
const VEC4_BYTES = 16;
/** @returns C */
export function matmul(tape: Tape, options: MatmulOptions): Tensor {
  const { a, b, layout, lowRank, bias } = options;
  const shape = shapeOf(options);
  const c = options.c ?? tape.tensor([shape.M, shape.N], a.dtype, `${a.label} · ${b.label}`);
  const kernel =
    options.kernel ??
    (Math.max(a.bytes, b.bytes) < VEC4_BYTES || (bias && shape.N % 4 !== 0)
      ? PLAIN
      : chooseKernel(tape.target, layout, shape, lowRank !== undefined));
  const whole = { ...options, c, kernel };
  if (isInPieces(whole)) matmulInPieces(tape, whole, (part) => product(tape, part));
  else product(tape, whole);
  return c;
}

/** One product by one kernel. A, C and the residual may be columns of wider matrices. */
function product(tape: Tape, options: MatmulOptions & { c: Tensor; kernel: Kernel }): void {
  const { a, b, c, kernel, layout, lowRank, bias, residual, accumulate = false, scale = 1 } = options;
  const shape = shapeOf(options);
  const { M, N, K, quantised } = shape;
  // Bindings cannot be left out of an entry point that names them: what a variant does not read is bound to A or B.
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
  const sum = last ? c : tape.tensor([parts, M, c.columns], 'f32', `parts of ${c.label}`);
  const z = lowRank?.z ?? unused;
  const l = lowRank?.l ?? unused;

  tape.dispatch({
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
      ...(family === 'vector' ? {} : { part, pitchA: a.pitch }),
      ...(inRegisters ? { finish: last ? finishBits(finish) : 0 } : {}),
      scale: last ? scale : 1,
      loraScale: lowRank?.scale ?? 0,
    },
    workgroups: workgroupsOf(kernel, shape, parts),
    flops: 2 * M * N * (K + (lowRank ? lowRank.z.columns : 0)),
  });
  if (!last) {
    tape.dispatch({
      shader: reduceShader,
      types: { ElemC: elementOf(c) },
      constants: finish,
      tensors: { partial: sum, c, bias: bias ?? sum, residual: residual ?? sum },
      params: { size: c.size, N: c.columns, pitchC: c.pitch, parts, scale },
      workgroups: Math.ceil(c.size / 64),
      flops: c.size * parts,
    });
  }
}

/** As matmul_register.wgsl wants them, in which these are data. */
function finishBits({
  BIAS,
  RESIDUAL,
  ACCUMULATE,
}: Record<'BIAS' | 'RESIDUAL' | 'ACCUMULATE', number>): number {
  return BIAS | (RESIDUAL << 1) | (ACCUMULATE << 2);
}

function shapeOf({ a, b, c, layout, lowRank, bias, residual }: MatmulOptions): Shape {
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

function elementOf({ dtype, label }: Tensor): ElementType {
  if (dtype === 'u32') throw new Error(`matmul: ${label} holds integers`);
  return dtype;
}
