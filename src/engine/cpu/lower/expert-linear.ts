/** How expert-wise products are cut into blocks for threads: kernels/expert_matmul.ts and kernels/expert_gradient.ts. */
import gradientSource from '../kernels/expert_gradient.ts?raw';
import source from '../kernels/expert_matmul.ts?raw';
import sumSource from '../kernels/expert_sum.ts?raw';
import { expertGradientKind, expertMatmulKind, expertSumKind } from '../../ops/expert_linear.ts';
import { shardsOf } from '../../shards.ts';
import { checkF32, lowers, SCRATCH_BYTES, weightType } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('expert_matmul', source);
const gradientFile = parseKernels('expert_gradient', gradientSource);
const sumFile = parseKernels('expert_sum', sumSource);

/** A block of C; as in kernels/expert_gradient.ts for gradients. */
const BLOCK = { blockRows: 264, blockColumns: 64 };
const GRADIENT_BLOCK = { rows: 48, columns: 64 };
/** Up to this many rows for each expert on average, tiles would mostly be empty. */
const FEW_ROWS = 2;

export const expertLinearLowerings = [
  lowers(
    expertMatmulKind,
    (out, { a, b: whole, c, offsets, rows }, { layout, gathered, kept, scale, accumulate }) => {
      checkF32(a, c);
      const [experts, outer, inner] = whole.shape;
      const [N, K] = layout === 'NT' ? [outer, inner] : [inner, outer];
      const few = layout === 'NT' && rows.size <= FEW_ROWS * experts && K * 4 <= SCRATCH_BYTES;
      for (const { firstRow, tensor: b } of shardsOf(whole)) {
        const count = b.size / outer / inner;
        out.add({
          file,
          kernel: few ? 'expertVector' : 'expertMatmul',
          tensors: { a, b, c, offsets, rows },
          params: {
            ...BLOCK,
            N,
            K,
            kept: gathered ? kept : 0,
            transposedB: Number(layout === 'NT'),
            typeB: weightType(b),
            size: b.size,
            firstExpert: firstRow / outer,
            scale,
            accumulate: Number(accumulate),
          },
          units: count * (few ? N : Math.ceil(N / BLOCK.blockColumns)),
          grain: few ? rowsAtOnce(K) : 1,
          flops: (2 * rows.size * N * K * count) / experts,
          matmul: `experts ${layout} ${rows.size}×${N}×${K}`,
        });
      }
    },
  ),
  lowers(
    expertGradientKind,
    (out, { a, b, c: whole, offsets, rows }, { gatheredA, gatheredB, kept, scale, accumulate }) => {
      checkF32(a, b, whole);
      const [experts, M, N] = whole.shape;
      for (const { firstRow, tensor: c } of shardsOf(whole)) {
        const count = c.size / M / N;
        out.add({
          file: gradientFile,
          kernel: 'expertGradient',
          tensors: { a, b, c, offsets, rows },
          params: {
            M,
            N,
            keptA: gatheredA ? kept : 0,
            keptB: gatheredB ? kept : 0,
            firstExpert: firstRow / M,
            scale,
            accumulate: Number(accumulate),
          },
          units: count * Math.ceil(M / GRADIENT_BLOCK.rows) * Math.ceil(N / GRADIENT_BLOCK.columns),
          grain: 1,
          flops: (2 * rows.size * M * N * count) / experts,
          matmul: `experts TN ${M}×${N}×${rows.size}`,
        });
      }
    },
  ),
  lowers(expertSumKind, (out, { x, places, residual, y }, { kept, accumulate }) => {
    checkF32(x, residual, y);
    out.add({
      file: sumFile,
      kernel: 'expertSum',
      tensors: { x, places, residual, y },
      params: { C: y.columns, kept, accumulate: Number(accumulate) },
      units: y.rows,
      grain: rowsAtOnce(y.columns * kept),
      flops: x.size,
    });
  }),
];
