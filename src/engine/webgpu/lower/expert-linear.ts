/**
 * Expert-wise products: expert_vector.wgsl on GPUs where experts have about one row each, as in decoding, else expert_matmul.wgsl. A product of more
 * operations than fit in a submit is several dispatches over tiles of rows.
 */
import wordsSource from '../../../../shaders/block_words.wgsl?raw';
import gradientSource from '../../../../shaders/expert_gradient.wgsl?raw';
import source from '../../../../shaders/expert_matmul.wgsl?raw';
import sumSource from '../../../../shaders/expert_sum.wgsl?raw';
import vectorSource from '../../../../shaders/expert_vector.wgsl?raw';
import blocksSource from '../../../../shaders/weight_blocks.wgsl?raw';
import vectorsSource from '../../../../shaders/weight_vectors.wgsl?raw';
import { expertGradientKind, expertMatmulKind, expertSumKind } from '../../ops/expert_linear.ts';
import { quantisedFormats, QuantisedTensor } from '../../quantised.ts';
import { shardsOf } from '../../shards.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { blockConstants, elementGroups, elementOf } from './shape.ts';

const shaders = {
  tiles: {
    numbers: parseShader('expert_matmul', `${source}\n${vectorsSource}`),
    blocks: parseShader('expert_matmul of blocks', `${source}\n${blocksSource}\n${wordsSource}`),
  },
  vector: {
    numbers: parseShader('expert_vector', `${vectorSource}\n${vectorsSource}`),
    blocks: parseShader('expert_vector of blocks', `${vectorSource}\n${blocksSource}\n${wordsSource}`),
  },
};
const gradientShader = parseShader('expert_gradient', gradientSource);
const sumShader = parseShader('expert_sum', sumSource);

/** As in expert_matmul.wgsl, expert_gradient.wgsl and expert_vector.wgsl. */
const TILE = { rows: 16, columns: 64 };
const VECTOR_OUTPUTS = 4;
/** Numbers of a block that a thread of expert_vector.wgsl takes at a time. */
const VECTOR_STEP = 8;

export const expertLinearLowerings = [
  lowers(
    expertMatmulKind,
    (out, { a, b: whole, c, offsets, rows }, { layout, gathered, kept, scale, accumulate }) => {
      const [experts, outer, inner] = whole.shape;
      const [N, K] = layout === 'NT' ? [outer, inner] : [inner, outer];
      const P = rows.size;
      const few = layout === 'NT' && P <= experts && out.target.kernels === 'gpu';
      for (const { firstRow, tensor: b } of shardsOf(whole)) {
        const inShard = b.size / outer / inner;
        const blocks = b instanceof QuantisedTensor;
        const format = blocks ? quantisedFormats[b.format] : undefined;
        const run = few ? VECTOR_STEP : layout === 'NT' ? format?.run : undefined;
        const flops = (2 * P * N * K * inShard) / experts;
        const request = {
          shader: shaders[few ? 'vector' : 'tiles'][blocks ? 'blocks' : 'numbers'],
          types: {
            ElemA: elementOf(a),
            ...(blocks ? {} : { ElemB: elementOf(b) }),
            ElemC: elementOf(c),
          },
          constants: {
            ACCUMULATE: Number(accumulate),
            ...(format && run ? { STEP: run } : {}),
            ...(few ? {} : { TRANSPOSED_B: Number(layout === 'NT') }),
            ...(blocks && blockConstants(b)),
          },
          tensors: { a, b, c, offsets, rows },
        };
        const params = {
          N,
          K,
          kept: gathered ? kept : 0,
          first: firstRow / outer,
          experts: inShard,
          scale,
        };
        if (few) {
          out.add({ ...request, params, workgroups: [Math.ceil(N / VECTOR_OUTPUTS), P, 1], flops });
          continue;
        }
        // Each expert with rows may have one tile that is not full.
        const tiles = Math.floor(P / TILE.rows) + Math.min(inShard, P);
        const parts = Math.min(tiles, Math.ceil(flops / out.target.tuning.flopsPerSubmit));
        const step = Math.ceil(tiles / Math.max(1, parts));
        for (let tile = 0; tile < tiles; tile += step) {
          const count = Math.min(step, tiles - tile);
          out.add({
            ...request,
            params: { ...params, tile },
            workgroups: [Math.ceil(N / TILE.columns), count, 1],
            flops: (flops * count) / tiles,
          });
        }
      }
    },
  ),
  lowers(
    expertGradientKind,
    (out, { a, b, c: whole, offsets, rows }, { gatheredA, gatheredB, kept, scale, accumulate }) => {
      const [experts, M, N] = whole.shape;
      for (const { firstRow, tensor: c } of shardsOf(whole)) {
        const inShard = c.size / M / N;
        out.add({
          shader: gradientShader,
          types: { ElemA: elementOf(a), ElemB: elementOf(b), ElemC: elementOf(c) },
          constants: { ACCUMULATE: Number(accumulate) },
          tensors: { a, b, c, offsets, rows },
          params: {
            M,
            N,
            keptA: gatheredA ? kept : 0,
            keptB: gatheredB ? kept : 0,
            first: firstRow / M,
            scale,
          },
          workgroups: [Math.ceil(N / TILE.columns), Math.ceil(M / TILE.rows), inShard],
          flops: (2 * rows.size * M * N * inShard) / experts,
        });
      }
    },
  ),
  lowers(expertSumKind, (out, { x, places, residual, y }, { kept, accumulate }) => {
    out.add({
      shader: sumShader,
      types: { Elem: x.dtype },
      constants: { RESIDUAL: Number(residual !== undefined), ACCUMULATE: Number(accumulate) },
      // An entry point needs every binding that it names.
      tensors: { x, places, residual: residual ?? x, y },
      params: { M: y.rows, C: y.columns, kept },
      workgroups: elementGroups(y.size),
      flops: x.size,
    });
  }),
];
